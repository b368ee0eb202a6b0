--- Nothing is read and nothing answered; in the end the connection breaks. At the runtime the
--- balancer loses patience first when its timeout is shorter.
local core = require "iflow.core"

return {
  help = "nothing is read and nothing answered for TIME, then the connection is reset",
  value = { type = "time", default = "10m" },
  serve = function(seconds)
    core.task.sleep(seconds)
    return { abort = true }
  end,
}
