--- The times of iflow.every: the multiples of an interval since 1970. Internal; stands where an
-- expression of iflow.cron stands (expression.lua) and is asked the same.

local interval = { __name = "iflow.schedule.interval" }
interval.__index = interval

--- It goes on by elapsed time when the clock is changed.
interval.hourly = true

--- The first run after a time, and what the clock shows then. `after` may be a fraction.
function interval:next(after, zone)
  local time = (math.floor(after) // self.seconds + 1) * self.seconds
  return time, zone:wall(time)
end

function interval:__tostring() return "iflow.schedule.interval: " .. self.seconds .. " s" end

--- seconds: a whole number, at least 1.
return function(seconds) return setmetatable({ seconds = seconds }, interval) end
