--- The worker went away while it had the request.
local router = require "iflow.sandbox.router"

return {
  help = "the worker goes away: the router's Bad Gateway",
  serve = function() return router.endpoint_failure() end,
}
