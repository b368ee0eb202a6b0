--- The token server's answer to a request for a token, not one from the cache.
local causes = require "iflow.check.causes"
local duration = require "iflow.duration"

return {
  name = "token server", place = "token server",
  needs = { "configuration", "dns", "proxy", "tcp", "tls", "client certificate" },
  applies = function(look) return not look.tenant or look.auth == "token" end,
  run = function(look, place)
    local token, err = look:token()
    if token then
      return { verdict = "fine", evidence = ("gave a token for %s"):format(
        duration.text(math.max(0, token.expires_at - token.fetched_at))) }
    end
    local row = causes.of("token", err, look:about { host = place.host })
    local evidence = err.message
    if row then evidence = ("%s (%s)"):format(row.says, err.message) end
    return { verdict = "failed", code = err.code, cause = row and row.name or err.code,
      evidence = evidence, next_step = row and row.next_step or err.hint }
  end,
}
