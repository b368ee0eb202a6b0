--- The request waits before anybody looks at it.
local core = require "iflow.core"

return {
  help = "the request waits for TIME, then it is served",
  value = { type = "time", default = "5s" },
  serve = function(seconds, _, _, serve)
    core.task.sleep(seconds)
    return serve()
  end,
}
