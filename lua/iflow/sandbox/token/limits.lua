--- What the token server does not take (sap-reference 4.5): too long a header block, and more
--- requests a second than the subaccount has: these wait, and when too many wait, get 429.
local core = require "iflow.core"
local refusal = require "iflow.sandbox.token.refusal"
local web = require "iflow.sandbox.web"

local HEADERS_MAX = 16 * 1024 -- bytes

local limits = {}

--- An answer for a request whose headers are too long, else nothing.
function limits.headers(tenant, request)
  if web.header_bytes(request.headers) <= HEADERS_MAX then return nil end
  return web.because(web.page(tenant.settings.token_header_status,
                              "Request Header Fields Too Large"),
                     "headers: more than %d bytes", HEADERS_MAX)
end

--- Waits for the request's turn, or returns an answer when there are too many.
function limits.rate(tenant)
  local settings = tenant.settings
  local wait, again = tenant.token_limit:take(core.task.monotonic(), settings.token_rate,
                                              settings.token_queue)
  if not wait then
    return web.because(refusal.too_many(again), "rate: more than %s token requests a second, and "
      .. "%s wait (settings token_rate, token_queue)", settings.token_rate, settings.token_queue)
  end
  if wait > 0 then core.task.sleep(wait) end
end

return limits
