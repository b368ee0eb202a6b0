--- No worker runs, or maintenance.
local router = require "iflow.sandbox.router"

return {
  help = "no worker runs; TIME, when given, is told in Retry-After",
  value = { type = "time" },
  serve = function(seconds, _, request)
    local answer = router.no_endpoints(request)
    if seconds then answer.headers["Retry-After"] = tostring(math.ceil(seconds)) end
    return answer
  end,
}
