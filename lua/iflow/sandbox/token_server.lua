--- The token server behind its two hosts: what is served where.
local limits = require "iflow.sandbox.token.limits"
local web = require "iflow.sandbox.web"

local READ = { GET = true, HEAD = true }
local ROUTES = {
  ["/oauth/token"] = { methods = { POST = true, GET = true }, allow = "GET, POST", limited = true,
                       serve = require "iflow.sandbox.token.grant" },
  ["/token_keys"] = { methods = READ, allow = "GET, HEAD",
                      serve = require "iflow.sandbox.token.keys" },
  ["/.well-known/openid-configuration"] = {
    methods = READ, allow = "GET, HEAD", serve = require "iflow.sandbox.token.configuration" },
}

return function(tenant, request)
  local refused = limits.headers(tenant, request)
  if refused then return refused end
  local route = ROUTES[request.path]
  if not route then
    return web.because(web.page(404, "Not Found"), "address: the token server has no %s",
                       request.path)
  elseif not route.methods[request.method] then
    return web.because(web.page(405, "Method Not Allowed", { Allow = route.allow }),
                       "method: %s takes %s", request.path, route.allow)
  end
  refused = route.limited and limits.rate(tenant)
  return refused or route.serve(tenant, request)
end
