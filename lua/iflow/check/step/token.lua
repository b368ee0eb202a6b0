--- What the token says: roles and lifetime. A token without the role of the channel is given all
--- the same, so that the token server's yes proves nothing about the call.
local core = require "iflow.core"
local causes = require "iflow.check.causes"
local duration = require "iflow.duration"

local function contains(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

local function missing(look, evidence)
  local row = causes.of("endpoint", { status = 403 }, look:about())
  return { verdict = "failed", code = row.code, cause = row.name, evidence = evidence,
    next_step = row.next_step }
end

return {
  name = "token", needs = { "token server" },
  applies = function(look) return not look.tenant or look.auth == "token" end,
  run = function(look)
    local token = look:token()
    local claims = core.jwt.inspect(token.access)
    if not claims then
      return { verdict = "warning", evidence = "it is no JWT, so that nothing can be read in it",
        next_step = "compare the tokenurl of the service key", cause = "opaque_token" }
    end
    local roles, role = claims.roles or {}, look.options.role
    local lifetime = claims.expires_at and claims.issued_at
      and duration.text(claims.expires_at - claims.issued_at) or "an unknown time"
    if #roles == 0 then return missing(look, "it has no role at all") end
    local text = ("roles %s; lives %s"):format(table.concat(roles, ", "), lifetime)
    if role and not contains(roles, role) then
      return missing(look, ("it lacks the role %s: %s"):format(role, text))
    end
    return { verdict = "fine", evidence = text }
  end,
}
