--- When a credential comes to its end, and how to say so: 30, 14, 7 and 1 days before, and when it
-- is over. Internal; for the service's log, iflow check and its Nagios line.

local ending = {}

local DAY = 86400
local DAYS = { 0, 1, 7, 14, 30 }

--- The smallest of these numbers of days that has been reached, of seconds that are left; nil: the
-- end is far.
function ending.step(left)
  for _, days in ipairs(DAYS) do
    if left <= days * DAY then return days end
  end
end

--- Whole days, of seconds: "1 day", "12 days".
function ending.days(seconds)
  local days = seconds // DAY
  return ("%d day%s"):format(days, days == 1 and "" or "s")
end

--- "has ended", "ends in 5 hours", "ends in 12 days".
function ending.words(left)
  if left <= 0 then return "has ended" end
  if left < DAY then return ("ends in %d hours"):format(left // 3600) end
  return "ends in " .. ending.days(left)
end

--- "2026-11-23 08:15:30 UTC"
function ending.date(at) return os.date("!%Y-%m-%d %H:%M:%S UTC", at // 1) end

--- "the client certificate orders.pem (CN=orders)", of an entry (entries.lua).
function ending.name(entry)
  return ("the %s%s%s"):format(entry.kind, entry.path and " " .. entry.path or "",
    entry.subject and " (" .. entry.subject .. ")" or "")
end

return ending
