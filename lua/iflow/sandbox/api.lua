--- The API host: what is served under which path. /api/v1 is the tenant's OData API, also below the
--- prefixes of an Edge Integration Cell (sap-reference 7.1); /sandbox the admin path.
local web = require "iflow.sandbox.web"

local ROUTES = {
  { "/api/v1", require "iflow.sandbox.api.odata" },
  { "/sandbox", require "iflow.sandbox.api.admin" },
}

-- What stands before /api/v1 for a runtime location in the cloud, and for the edge itself.
local function edge_prefix(path)
  local prefix = path:match "^(/location/[%w._-]+)/api/v1" or path:match "^(/local)/api/v1"
  local behind = prefix and path:sub(#prefix + #"/api/v1" + 1, #prefix + #"/api/v1" + 1)
  return (behind == "" or behind == "/") and prefix or nil
end

return function(tenant, request)
  request.api_prefix = edge_prefix(request.path)
  if request.api_prefix then return ROUTES[1][2](tenant, request) end
  for _, route in ipairs(ROUTES) do
    local prefix, serve = table.unpack(route)
    if request.path == prefix or request.path:sub(1, #prefix + 1) == prefix .. "/" then
      return serve(tenant, request)
    end
  end
  return web.because(web.page(404, "Not Found"), "address: the API host has no %s", request.path)
end
