--- Step 4: whether the channel offers the method. TRACE and CONNECT are the web server's to refuse.
local web = require "iflow.sandbox.web"

local ALLOW = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

return function(tenant, request)
  local adapter, method = request.flow.channel, request.method
  local offered = not adapter.methods or adapter.methods[method]
  if method == "TRACE" or method == "CONNECT"
    or (method == "HEAD" and tenant.settings.head_method == "405") then
    offered = false
  end
  if offered then return nil end
  return web.because(web.page(405, "Method Not Allowed", { Allow = adapter.allow or ALLOW }),
                     "method: the channel does not offer %s", method)
end
