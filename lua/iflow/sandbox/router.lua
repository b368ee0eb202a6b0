--- The platform's router before the runtime: the errors it makes by itself, which carry the header
--- X-Cf-RouterError, and the headers it lets through (sap-reference 5.6, 8.1).
local web = require "iflow.sandbox.web"

local router = {}

local HEADER_BYTES_MAX = 64 * 1024
local HEADERS_MAX = 101

local function answer(status, text, reason)
  return web.because(web.text(status, text .. "\n", {
    ["Content-Type"] = "text/plain; charset=utf-8", ["X-Content-Type-Options"] = "nosniff",
    ["X-Cf-RouterError"] = reason }), "router: %s", reason)
end

local function route_of(request)
  return ((request.headers.host or ""):gsub("[^%w.:%-]", "?"))
end

--- The host leads nowhere: another name, or the runtime app is gone.
function router.unknown_route(request)
  return answer(404, ("404 Not Found: Requested route ('%s') does not exist."):format(
    route_of(request)), "unknown_route")
end

--- The app is there, none of its workers runs.
function router.no_endpoints(request)
  return answer(503, ("503 Service Unavailable: Requested route ('%s') has no available "
    .. "endpoints."):format(route_of(request)), "no_endpoints")
end

--- The worker went away while it had the request.
function router.endpoint_failure()
  return answer(502, "502 Bad Gateway: Registered endpoint failed to handle the request.",
                "endpoint_failure")
end

--- The worker has the request, and did not answer in time.
function router.timeout()
  return answer(504, "504 Gateway Timeout: Registered endpoint failed to answer in time.",
                "endpoint_timeout")
end

--- An answer for a request with too many headers, else nothing.
function router.check_headers(tenant, request)
  local bytes, count = web.header_bytes(request.headers)
  if bytes <= HEADER_BYTES_MAX and count <= HEADERS_MAX then return nil end
  return web.because(web.text(tenant.settings.router_header_status,
                              "Request Header Fields Too Large"),
                     "router: %d headers of %d bytes, at most %d of %d pass", count, bytes,
                     HEADERS_MAX, HEADER_BYTES_MAX)
end

return router
