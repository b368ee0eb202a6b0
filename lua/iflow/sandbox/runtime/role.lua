--- Step 3: the role of the sender channel must be one of the caller's. No message log is written.
local web = require "iflow.sandbox.web"

local answers = {
  page = function() return web.page(403, "Forbidden") end,
  json = function() return web.json(403, { error = "Forbidden", status = 403 }) end,
  empty = function() return { status = 403, headers = {}, body = "" } end,
}

return function(tenant, request)
  if request.caller.roles[request.flow.role] then return nil end
  return answers[tenant.settings.forbidden_body]()
end
