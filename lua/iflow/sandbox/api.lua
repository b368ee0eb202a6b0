--- The API host: what is served under which path. /api/v1 is the tenant's OData API, /sandbox the
--- admin path.
local web = require "iflow.sandbox.web"

local ROUTES = {
  { "/api/v1", require "iflow.sandbox.api.odata" },
  { "/sandbox", require "iflow.sandbox.api.admin" },
}

return function(tenant, request)
  for _, route in ipairs(ROUTES) do
    local prefix, serve = table.unpack(route)
    if request.path == prefix or request.path:sub(1, #prefix + 1) == prefix .. "/" then
      return serve(tenant, request)
    end
  end
  return web.because(web.page(404, "Not Found"), "address: the API host has no %s", request.path)
end
