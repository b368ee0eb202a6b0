--- The work is done at once, the answer waits: who gives up and repeats does it twice.
local core = require "iflow.core"

return {
  help = "the request is served, its answer waits for TIME: a client that gives up and repeats "
    .. "makes a duplicate",
  value = { type = "time", default = "60s" },
  serve = function(seconds, _, _, serve)
    local answer = serve()
    core.task.sleep(seconds)
    return answer
  end,
}
