--- The worker does not answer in time; here no flow runs (late and stall are for that).
local router = require "iflow.sandbox.router"

return {
  help = "the worker does not answer in time: the router's Gateway Timeout, at once",
  serve = function() return router.timeout() end,
}
