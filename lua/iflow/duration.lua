--- Durations as scripts write them, numbers (seconds) or texts such as "500ms", "5m", "2h":
-- for policies that compute with them. What only waits hands them to the core as they are.

local core = require "iflow.core"

local duration = {}

--- Seconds of a duration, or nil and what is wrong with it.
duration.seconds = core.task.seconds

--- Seconds of a duration; raises `level` above the caller (default 2) when `name` is none.
function duration.check(value, name, level)
  local seconds, wrong = core.task.seconds(value)
  if seconds then return seconds end
  error(("option '%s' %s"):format(name, wrong), (level or 2) + 1)
end

--- A duration for people: 0.25 -> "250 ms", 90 -> "1 min 30 s", 7322 -> "2 h 2 min".
function duration.text(seconds)
  if seconds < 1 then return ("%d ms"):format(math.floor(seconds * 1000 + 0.5)) end
  if seconds < 10 then return (("%.1f s"):format(seconds):gsub("%.0 ", " ")) end
  local whole = math.floor(seconds + 0.5)
  if whole < 60 then return whole .. " s" end
  if whole < 3600 then
    return (("%d min %d s"):format(whole // 60, whole % 60):gsub(" 0 s$", ""))
  end
  return (("%d h %d min"):format(whole // 3600, whole % 3600 // 60):gsub(" 0 min$", ""))
end

return duration
