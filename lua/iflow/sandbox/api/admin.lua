--- The admin path, which is the sandbox's own and no tenant has: POST /sandbox/OPERATION runs the
--- operation of that name (lua/iflow/sandbox/operation/NAME.lua) with the list in "args" and
--- answers { result } or { error }. The secret is in DIR/admin.token.
local core = require "iflow.core"
local operations = require "iflow.sandbox.operations"
local web = require "iflow.sandbox.web"

local BODY_MAX = 8 * 1024 * 1024

local function is_admin(tenant, request)
  local scheme, secret = web.authorization(request.headers.authorization)
  return scheme == "bearer" and core.crypto.sha256(secret) == core.crypto.sha256(tenant.admin_token)
end

local function refuse(status, code, message)
  return web.json(status, { error = { code = code, message = message } })
end

local function public(err)
  return { code = err.code, message = err.message, hint = err.hint }
end

local function run(tenant, request, operation)
  local body, err = request.read_body(BODY_MAX)
  if not body then return { abort = err.code ~= "limit.exceeded", status = 413, headers = {} } end
  local given = body == "" and {} or core.json.decode(body)
  if type(given) ~= "table" or type(given.args or {}) ~= "table" then
    return refuse(400, "json.invalid", 'an object { "args": […] } is expected')
  end
  local args = given.args or {}
  local ran, result, why = pcall(operation, tenant, table.unpack(args, 1, math.min(#args, 10)))
  if not ran then return refuse(400, "usage.invalid", tostring(result)) end
  if result == nil and why then return web.json(422, { error = public(why) }) end
  return web.json(200, { result = result })
end

return function(tenant, request)
  request.private = true -- not among the decisions that users look at
  local name = request.path:match("^/sandbox/([a-z_]+)$")
  if not name then return web.page(404, "Not Found") end
  if not is_admin(tenant, request) then
    return refuse(401, "sandbox.refused", "the bearer secret of admin.token is needed")
  end
  local operation = operations.find(name)
  if not operation then return refuse(404, "usage.invalid", "there is no such operation") end
  if request.method ~= "POST" then return refuse(405, "usage.invalid", "POST is expected") end
  return run(tenant, request, operation)
end
