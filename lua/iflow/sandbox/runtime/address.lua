--- Step 2: which flow. Another prefix or an address nobody serves is the web server's own 404, and
--- leaves no message processing log. Sets request.flow and request.rest (the part behind "/*").
local web = require "iflow.sandbox.web"

local PREFIX = "/http"

return function(tenant, request)
  local address = request.path:sub(1, #PREFIX) == PREFIX and request.path:sub(#PREFIX + 1)
  local flow, rest
  if address then flow, rest = tenant.flows:find(address) end
  if not flow then return web.page(404, "Not Found") end
  request.flow, request.rest = flow, rest
end
