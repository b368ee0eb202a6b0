--- The token server behind its two hosts: what is served where.
local web = require "iflow.sandbox.web"

local ROUTES = {
  ["/oauth/token"] = { methods = { POST = true, GET = true },
                       serve = require "iflow.sandbox.token.grant" },
  ["/token_keys"] = { methods = { GET = true, HEAD = true },
                      serve = require "iflow.sandbox.token.keys" },
}

return function(tenant, request)
  local route = ROUTES[request.path]
  if not route then return web.page(404, "Not Found") end
  if not route.methods[request.method] then
    return web.page(405, "Method Not Allowed", { Allow = "GET, POST" })
  end
  return route.serve(tenant, request)
end
