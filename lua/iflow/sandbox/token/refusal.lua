--- The error answers of the token server (sap-reference 4.4), each made in one place.
local web = require "iflow.sandbox.web"

local refusal = {}

local function answer(status, code, description, headers)
  headers = headers or {}
  headers["Cache-Control"], headers["Pragma"] = "no-store", "no-cache"
  return web.json(status, { error = code, error_description = description }, headers)
end

local function unauthorized(description)
  local challenge = 'Basic realm="UAA/client", error="unauthorized", error_description="%s"'
  return answer(401, "unauthorized", description,
                { ["WWW-Authenticate"] = challenge:format(description) })
end

function refusal.bad_credentials() return unauthorized("Bad credentials") end
function refusal.no_credentials()
  return unauthorized("An Authentication object was not found in the SecurityContext")
end
function refusal.other_client()
  return answer(401, "invalid_client", "Given client ID does not match authenticated client")
end
function refusal.missing_grant() return answer(400, "invalid_request", "Missing grant type") end
function refusal.bad_request(text) return answer(400, "invalid_request", text) end
function refusal.unsupported_grant()
  return answer(400, "unsupported_grant_type", "Unsupported grant type")
end
function refusal.unauthorized_grant()
  return answer(401, "invalid_client", "Unauthorized grant type")
end
function refusal.invalid_scope(scope)
  return answer(400, "invalid_scope",
                scope .. " is invalid. Please use a valid scope name in the request")
end
--- Another subdomain than the tenant's: there is no such identity zone.
function refusal.no_zone()
  return answer(404, "not_found", "There is no identity zone with this subdomain")
end

return refusal
