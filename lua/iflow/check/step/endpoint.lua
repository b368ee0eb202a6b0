--- The endpoint itself: address, role and CSRF, and with send the flow. A channel without CSRF
--- protection runs its flow for any method, also for a GET: so it is looked at only when the user
--- says that it is protected (then a fetch of the token runs nothing), or wants to send.
local causes = require "iflow.check.causes"

local function named(look, answer, method)
  local row = causes.of("endpoint", answer, look:about { method = method })
  local err = answer.error
  local said = err and err.message or ("answered %d"):format(answer.status)
  return { verdict = row and row.verdict or "failed", cause = row and row.name,
    code = err and err.code or row and row.code or "call.rejected",
    evidence = row and ("%s (%s)"):format(row.says, said) or said,
    next_step = row and row.next_step or err and err.hint,
    message_id = answer.message_id }
end

local function send(look)
  local o = look.options
  local answer, err = look:call { to = look.to, method = o.method, headers = o.headers,
    query = o.query, body = o.body or "", csrf = o.csrf, timeout = o.timeout or 60 }
  if not answer then return causes.no_answer(err) end
  if answer.error then return named(look, answer, o.method or "POST") end
  return { verdict = "fine", message_id = answer.message_id,
    evidence = ("the message was delivered: %d, message id %s"):format(answer.status,
      answer.message_id or "unknown") }
end

-- GET with "Fetch" gets the token, and the flow does not run (sap-reference 5.3).
local function fetch(look)
  local answer, err = look:call { to = look.to, method = "GET", csrf = false,
    headers = { ["X-CSRF-Token"] = "Fetch" } }
  if not answer then return causes.no_answer(err) end
  if answer.error then return named(look, answer, "GET") end
  local token = answer.headers["x-csrf-token"]
  if token and token ~= "" then
    return { verdict = "fine",
      evidence = "address and role are right: it gave a CSRF token, and no flow ran" }
  end
  return { verdict = "warning", cause = "not_csrf_protected",
    evidence = "address and role are right, but it gave no CSRF token: the channel is not "
      .. "protected, and the GET ran its flow",
    next_step = "leave --csrf always out for this endpoint" }
end

local function is_known_role(look)
  local roles = look:roles()
  for _, role in ipairs(roles or {}) do
    if role == look.options.role then return true end
  end
  return false
end

return {
  name = "endpoint", place = "runtime", needs = { "runtime", "token" },
  applies = function(look) return not look.tenant or look.to ~= nil end,
  run = function(look)
    if look.options.send then return send(look) end
    if look.options.csrf then return fetch(look) end
    local open = is_known_role(look) and "the role is there; CSRF" or "role, CSRF"
    return { verdict = "unknown",
      evidence = open .. " and flow are not known: nothing that is sure to run no flow can tell",
      next_step = "--csrf always, when CSRF Protected is on in the channel (SAP's default): that "
        .. "runs no flow; else --send with a message" }
  end,
}
