--- Who sends a request to the Cloud Foundry API: the user of its bearer token, and what that user
--- may do in the space; and how many requests an hour that user has.
local failure = require "iflow.sandbox.cf.failure"
local uaa = require "iflow.sandbox.cf.uaa"
local web = require "iflow.sandbox.web"

local access = {}

local HOUR = 3600

--- { name, guid, reads, writes } of the user; or nil and an answer.
function access.user(tenant, request)
  local scheme, token = web.authorization(request.headers.authorization)
  if not scheme then return nil, failure.answer "NotAuthenticated" end
  if scheme ~= "bearer" then return nil, failure.answer "InvalidAuthToken" end
  local name, user = uaa.user(tenant, token)
  if not name then return nil, failure.answer "InvalidAuthToken" end
  return { name = name, guid = user.guid, reads = user.role ~= "none",
           writes = user.role == "developer" }
end

--- Counts a request of the user. Returns the headers that tell how many are left; or nil and an
--- answer. windows: by user, for as long as the sandbox runs.
function access.count(tenant, user, windows)
  local limit, now = tenant.settings.cf_rate, tenant.now()
  if limit == 0 then return {} end
  local window = windows[user.guid]
  if not window or now >= window.ends then
    window = { used = 0, ends = math.ceil(now) + HOUR }
    windows[user.guid] = window
  end
  window.used = window.used + 1
  local headers = { ["X-RateLimit-Limit"] = tostring(limit),
                    ["X-RateLimit-Remaining"] = tostring(math.max(0, limit - window.used)),
                    ["X-RateLimit-Reset"] = tostring(window.ends) }
  if window.used <= limit then return headers end
  headers["Retry-After"] = tostring(math.max(1, math.ceil(window.ends - now)))
  return nil, failure.answer("RateLimitExceeded", nil, headers)
end

return access
