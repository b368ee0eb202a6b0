--- Step 2: which flow. Another prefix, an address nobody serves, and a flow that is still starting
--- are the web server's own 404, which leaves no message processing log. Sets request.flow and
--- request.rest (the part behind its address).
local flows = require "iflow.sandbox.flows"
local web = require "iflow.sandbox.web"

-- A flow somebody may have meant: with other case, or behind another prefix.
local function near(tenant, path)
  local flow = tenant.flows:find(path, true)
  local address = path:match "^/http(/.+)" or path:match "^/cxf(/.+)"
  for _, prefix in ipairs { "/http", "/cxf" } do
    flow = flow or address and tenant.flows:find(prefix .. address, true)
  end
  return flow and (", but flow '%s' serves %s"):format(flow.name, flow.path) or ""
end

return function(tenant, request)
  local settings = tenant.settings
  local flow, rest = tenant.flows:find(request.path, settings.address_case == "insensitive")
  if not flow then
    return web.because(web.page(404, "Not Found"), "address: no flow serves %s%s", request.path,
                       near(tenant, request.path))
  elseif flows.status(flow, tenant.now(), settings.deploy_time) ~= "STARTED" then
    return web.because(web.page(404, "Not Found"), "address: flow '%s' is STARTING", flow.name)
  end
  request.flow, request.rest = flow, rest
end
