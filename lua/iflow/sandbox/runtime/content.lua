--- Step 7: what the channel makes of the body, such as taking it out of a SOAP envelope. An error
--- of the adapter comes without a message processing log id: the flow does not run.
local web = require "iflow.sandbox.web"

local function is_encoded(request)
  local encoding = request.headers["content-encoding"]
  return encoding and encoding:lower() ~= "identity"
end

return function(tenant, request)
  if is_encoded(request) and tenant.settings.content_encoding == "415" then
    return web.because(web.page(415, "Unsupported Media Type"),
                       "content: an encoded body (setting content_encoding)")
  end
  local channel = request.flow.channel
  if not channel.unwrap then return nil end
  local body, answer = channel.unwrap(request)
  if not body then
    return web.because(answer, "content: the channel '%s' cannot read the body",
                       request.flow.adapter)
  end
  request.body = body
end
