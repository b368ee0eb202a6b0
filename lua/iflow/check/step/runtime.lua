--- Whether the runtime takes the credential. Asked at an address that belongs to no flow, once
--- without credentials and once with: the runtime looks at who calls before it looks for a flow, so
--- that a refusal of the first and "not found" for the second prove it, and nothing runs.
local causes = require "iflow.check.causes"

local function named(look, answer, evidence)
  local row = causes.of("endpoint", answer, look:about())
  local err = answer.error
  return { verdict = row and row.verdict or "failed", cause = row and row.name,
    code = row and row.code or err and err.code or "call.rejected",
    evidence = row and ("%s (%s)"):format(row.says, evidence) or evidence,
    next_step = row and row.next_step or err and err.hint }
end

local function is_nowhere(answer)
  return answer.status == 404 and not answer.headers["x-cf-routererror"]
end

local function judge(look, stranger, answer)
  local said = ("answered %d"):format(answer.status)
  if answer.status == 403 then
    return { verdict = "fine", evidence = "the credential is known; " .. said
      .. " to an address of no flow" }
  elseif not is_nowhere(answer) and answer.status >= 300 then
    return named(look, answer, said)
  elseif stranger.status == 401 then
    return { verdict = "fine", evidence = "the credential is accepted" }
  end
  return { verdict = "unknown", evidence = ("it %s with the credential and %d without: it does not "
    .. "look at credentials before it looks for the address"):format(said, stranger.status),
    next_step = "a call tells: --send" }
end

return {
  name = "runtime", place = "runtime",
  needs = { "configuration", "dns", "proxy", "tcp", "tls", "client certificate", "token server" },
  run = function(look)
    local stranger, err = look:greeting()
    if not stranger then return causes.no_answer(err) end
    if stranger.status >= 500 or stranger.headers["x-cf-routererror"] then
      return named(look, stranger, ("answered %d"):format(stranger.status))
    end
    local answer
    answer, err = look:call { to = look:nowhere(), method = "GET", csrf = false }
    if not answer then return causes.no_answer(err) end
    return judge(look, stranger, answer)
  end,
}
