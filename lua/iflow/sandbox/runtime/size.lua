--- Step 6: Maximum Message Size of the channel. The body is read here, before the flow runs; a flow
--- with stream = true reads it itself, and only a length that was announced can be refused.
local web = require "iflow.sandbox.web"

local MB = 1024 * 1024
local MODIFIES = { POST = true, PUT = true, PATCH = true }

local function too_large(tenant, request)
  local text = ("Message body exceeds configured size limit (%.1f MB)..."):format(
    request.flow.max_size / MB)
  local entry = tenant.log:open { flow = request.flow.name, sender = request.caller.client_id }
  tenant.log:finish(entry, "FAILED", tenant.settings.size_status, text)
  request.message_id = entry.id
  return web.because(web.text(tenant.settings.size_status, text),
                     "size: more than the flow's max_size of %d bytes", request.flow.max_size)
end

return function(tenant, request)
  local limit, length = request.flow.max_size, request.headers["content-length"]
  if not length and MODIFIES[request.method] and not request.headers["transfer-encoding"] then
    return web.because(web.page(411, "Length Required"), "size: neither Content-Length nor chunks")
  end
  if length and tonumber(length) > limit then return too_large(tenant, request) end
  if request.flow.stream then return end
  local body, err = request.read_body(limit)
  if not body then
    if err.code == "limit.exceeded" then return too_large(tenant, request) end
    -- The sender broke off or paused for more than 20 s.
    return web.because({ abort = true }, "size: the body did not come: %s", err.message)
  end
  request.body = body
end
