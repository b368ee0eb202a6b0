--- Who sends a request, before anybody has checked that: for faults that are meant for one client.
local certificates = require "iflow.sandbox.certificates"
local core = require "iflow.core"
local web = require "iflow.sandbox.web"

local BODY_MAX = 1024 * 1024 -- of a token request

-- The client id in a token; its signature is not looked at.
local function in_token(token)
  local bytes = core.crypto.unbase64(token:match "^[%w_-]+%.([%w_-]+)%." or "")
  local claims = bytes and core.json.decode(bytes)
  return type(claims) == "table" and claims.client_id or nil
end

-- The form of a token request. It is read here, and given again to who reads it later.
local function in_form(request)
  local fields = web.form(request.query) or {}
  if request.method == "POST" and web.is_form(request.headers) then
    local body, err = request.read_body(BODY_MAX)
    request.read_body = function() return body, err end
    for name, value in pairs(body and web.form(body) or {}) do fields[name] = value end
  end
  return fields.client_id
end

local function in_certificate(tenant, request)
  local parsed = request.chain and core.cert.parse(request.chain[1])
  local plan = request.kind == "api" and "api" or "integration-flow"
  local owner = parsed and certificates.owner(tenant, plan, parsed.certificates[1])
  return owner and owner.key.client_id
end

--- The client id a request claims to come from, or nil.
return function(tenant, request)
  local scheme, credentials = web.authorization(request.headers.authorization)
  if scheme == "bearer" then return in_token(credentials) end
  if scheme == "basic" then
    local id = web.basic(credentials)
    if id and not tenant.broker:client(id) then return web.unescape(id, true) end
    return id
  end
  if request.kind == "token" or request.kind == "token_cert" then return in_form(request) end
  return in_certificate(tenant, request)
end
