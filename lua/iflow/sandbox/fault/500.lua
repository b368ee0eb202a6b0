--- A server that is broken: a page, no JSON, and at the runtime no message processing log.
local web = require "iflow.sandbox.web"

return {
  help = "an internal error, as a page; no flow runs",
  serve = function() return web.page(500, "Internal Server Error") end,
}
