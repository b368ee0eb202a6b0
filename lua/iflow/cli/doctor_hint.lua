-- doctor_hint.lua -- errors for which the doctor knows more: their hint names it.
--   return out:fail(with_doctor(err, "/http/orders"))

local AREAS = { token = true, tls = true, net = true }
local CODES = { ["call.unauthorized"] = true, ["call.forbidden"] = true, ["call.csrf"] = true,
  ["call.not_found"] = true }

-- A command to copy; what a shell would change is left out.
local function command(to)
  local plain = to and to:find "^[%w/._:-]+$"
  return plain and "iflow check " .. to or "iflow check"
end

--- The error, whose hint says which command looks at each step of the way. to: what was called, nil
--- for none. What a flow answered has its own place to look.
return function(err, to)
  local helps = AREAS[err.code:match "^[^.]*"] or CODES[err.code]
  if not helps or err.message_id then return err end
  err.hint = ("%s%s, with the same options, looks at each step of the way"):format(
    err.hint and err.hint .. "; " or "", command(to))
  return err
end
