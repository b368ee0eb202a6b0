--- What SAP does not document, or what a test wants otherwise: one row a setting, with its default.
--- A value marked "unknown" is the best guess of sap-reference, section 11.
local suggest = require "iflow.suggest"

local settings = {}

settings.rows = {
  { "balancer", "own", "own | foreign: with foreign, a real balancer stands before the runtime and "
    .. "passes the certificate it verified in SSL_CLIENT_CERT" },
  { "balancer_cookie", "__VCAP_ID__", "name of the cookie that leads to the same worker; unknown" },
  { "workers", 1, "worker nodes behind the balancer, each with sessions of its own" },
  { "expired_certificate", "alert", "alert | drop: what the balancer does with one; unknown" },
  { "session_idle", 1800, "seconds after which an unused CSRF session is gone; unknown" },
  { "size_status", 500, "status when Maximum Message Size is exceeded; unknown" },
  { "basic_credentials", "decoded", "decoded | raw: how the token server reads Basic without "
    .. "X-CF-ENCODED-CREDENTIALS; unknown" },
  { "default_grant_types", "client_credentials", "of an instance that names none; unknown" },
  { "token_validity_min", 3600, "smallest token validity the broker accepts; tests lower it" },
  { "token_validity_max", 86400, "largest token validity the broker accepts" },
  { "clock_leeway", 60, "seconds a token is accepted after its end" },
  { "log_size", 10000, "message processing logs kept" },
}

--- The defaults with what was given on top; an unknown name or another type raises.
function settings.new(given)
  local values, names = {}, {}
  for i, row in ipairs(settings.rows) do values[row[1]], names[i] = row[2], row[1] end
  suggest.check_keys(given or {}, names)
  for name, value in pairs(given or {}) do
    if type(value) ~= type(values[name]) then
      error(("setting '%s' must be a %s"):format(name, type(values[name])), 0)
    end
    values[name] = value
  end
  return values
end

return settings
