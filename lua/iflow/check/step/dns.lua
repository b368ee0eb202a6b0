--- The name of each host; behind a proxy the proxy looks it up.
local duration = require "iflow.duration"

return {
  name = "dns", needs = { "configuration" }, each = true,
  run = function(look, place)
    local seen, err = look:probe(place)
    if err and err.stage == "dns" then
      return { verdict = "failed", code = err.code, evidence = err.message, next_step = err.hint,
        cause = err.code == "net.dns_timeout" and "name_server_silent" or "name_unknown" }
    elseif seen.proxy or err and err.stage == "proxy" then
      return { verdict = "fine", evidence = "the proxy looks the name up" }
    elseif not seen.times then
      return { verdict = "unknown", evidence = err.message, next_step = err.hint }
    end
    return { verdict = "fine", evidence = (seen.address or place.host)
      .. (seen.times.dns and " in " .. duration.text(seen.times.dns) or "") }
  end,
}
