--- Whether each host can be reached.
local duration = require "iflow.duration"

return {
  name = "tcp", needs = { "dns", "proxy" }, each = true,
  run = function(look, place)
    local seen, err = look:probe(place)
    if err and err.stage == "tcp" then
      return { verdict = "failed", code = err.code, evidence = err.message, next_step = err.hint,
        cause = "unreachable" }
    end
    local took = seen.times and seen.times.tcp
    return { verdict = "fine", evidence = "connected" .. (took and " in " .. duration.text(took)
      or "") }
  end,
}
