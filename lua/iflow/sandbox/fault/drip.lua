--- The answer drips: byte by byte, with a pause before each.
local core = require "iflow.core"

return {
  help = "the answer comes byte by byte, TIME apart",
  value = { type = "time", default = "100ms" },
  serve = function(pause, _, _, serve)
    local answer = serve()
    local text, at = answer.body, 0
    if answer.abort or type(text) ~= "string" or text == "" then return answer end
    answer.length = #text
    answer.body = function()
      if at == #text then return nil end
      core.task.sleep(pause)
      at = at + 1
      return text:sub(at, at)
    end
    return answer
  end,
}
