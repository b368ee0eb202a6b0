--- A page with status 200, as portals and proxies show it.
local web = require "iflow.sandbox.web"

local PAGE = "<!doctype html><html><head><title>Sign in</title></head>"
  .. "<body>Please sign in.</body></html>"

return {
  help = "200 with the page of some portal",
  hosts = { "token", "token_cert", "api" },
  serve = function() return web.text(200, PAGE, { ["Content-Type"] = "text/html" }) end,
}
