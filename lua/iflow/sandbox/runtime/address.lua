--- Step 2: which flow. Another prefix, an address nobody serves, and a flow that is still starting
--- are the web server's own 404, which leaves no message processing log. Sets request.flow and
--- request.rest (the part behind its address).
local flows = require "iflow.sandbox.flows"
local web = require "iflow.sandbox.web"

return function(tenant, request)
  local settings = tenant.settings
  local flow, rest = tenant.flows:find(request.path, settings.address_case == "insensitive")
  if not flow or flows.status(flow, tenant.now(), settings.deploy_time) ~= "STARTED" then
    return web.page(404, "Not Found")
  end
  request.flow, request.rest = flow, rest
end
