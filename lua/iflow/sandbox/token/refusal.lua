--- The error answers of the token server (sap-reference 4.4), each made in one place.
local web = require "iflow.sandbox.web"

local refusal = {}

local function answer(status, code, description, headers)
  headers = headers or {}
  headers["Cache-Control"], headers["Pragma"] = "no-store", "no-cache"
  return web.json(status, { error = code, error_description = description }, headers)
end

local function unauthorized(code, description)
  local challenge = 'Basic realm="UAA/client", error="%s", error_description="%s"'
  return answer(401, code, description,
                { ["WWW-Authenticate"] = challenge:format(code, description) })
end

local function is_newer(tenant) return tenant.settings.uaa_errors == "newer" end

function refusal.bad_credentials(tenant)
  return unauthorized(is_newer(tenant) and "invalid_client" or "unauthorized", "Bad credentials")
end
function refusal.no_credentials(tenant)
  return unauthorized("unauthorized", is_newer(tenant)
    and "Full authentication is required to access this resource"
    or "An Authentication object was not found in the SecurityContext")
end
--- A certificate that is not the client's, has ended, or reaches no listed root.
function refusal.bad_certificate(tenant)
  if tenant.settings.token_certificate_refused == "reset" then return { abort = true } end
  return refusal.bad_credentials(tenant)
end
--- A secret at the host for certificates, and no certificate.
function refusal.no_certificate(tenant)
  if tenant.settings.secret_at_cert_host == "reset" then return { abort = true } end
  return refusal.bad_credentials(tenant)
end
function refusal.other_client()
  return answer(401, "invalid_client", "Given client ID does not match authenticated client")
end
function refusal.missing_grant() return answer(400, "invalid_request", "Missing grant type") end
function refusal.bad_request(text) return answer(400, "invalid_request", text) end
function refusal.unsupported_grant()
  return answer(400, "unsupported_grant_type", "Unsupported grant type")
end
function refusal.unauthorized_grant(tenant)
  return answer(401, is_newer(tenant) and "unauthorized_client" or "invalid_client",
                "Unauthorized grant type")
end
function refusal.invalid_scope(scope)
  return answer(400, "invalid_scope",
                scope .. " is invalid. Please use a valid scope name in the request")
end
--- Another subdomain than the tenant's: there is no such identity zone.
function refusal.no_zone(tenant)
  if tenant.settings.unknown_zone == "html" then return web.page(404, "Not Found") end
  return answer(404, "not_found", "There is no identity zone with this subdomain")
end
--- More requests than the subaccount has a minute for, and the queue is full.
function refusal.too_many(seconds)
  return answer(429, "too_many_requests", "Too many requests",
                { ["Retry-After"] = tostring(seconds) })
end

return refusal
