--- Which days of a month a cron expression means. Internal.
--
-- Day of month and day of week together are read as Vixie cron does: when both are restricted, a
-- day that fits either counts; when one of them begins with "*", a day must fit both, so that
-- "*/2 * mon" is each Monday of an odd day. L, W and # restrict like any number.

local calendar = require "iflow.schedule.calendar"

-- The weekday (Monday to Friday) of the month nearest to a day, nil when the month has no such day.
local function nearest_workday(day, first, length)
  if day == "L" then day = length end
  if day > length then return nil end
  local weekday = (first + day - 1) % 7
  if weekday == 6 then return day > 1 and day - 1 or day + 2 end
  if weekday == 0 then return day < length and day + 1 or day - 2 end
  return day
end

local function nth_weekday(special, first, length)
  local day = 1 + (special.weekday - first) % 7
  if special.nth == "L" then return day + (length - day) // 7 * 7 end
  day = day + 7 * (special.nth - 1)
  return day <= length and day or nil
end

-- The days of a field as a set. fits(day): whether its plain values have it.
local function days_of(field, fits, first, length)
  local set = {}
  for day = 1, length do set[day] = fits(day) or nil end
  for _, special in ipairs(field.special) do
    local day
    if special.last then
      day = length - special.last
    elseif special.near then
      day = nearest_workday(special.near, first, length)
    else
      day = nth_weekday(special, first, length)
    end
    if day and day >= 1 then set[day] = true end
  end
  return set
end

--- The days of a month as a set: day -> true. days, weekdays: parsed fields.
return function(days, weekdays, year, month)
  local first = calendar.weekday(calendar.days(year, month, 1))
  local length = calendar.month_length(year, month)
  local by_day = days_of(days, function(day) return days.values[day] end, first, length)
  local by_weekday = days_of(weekdays, function(day)
    return weekdays.values[(first + day - 1) % 7]
  end, first, length)
  local both = days.star or weekdays.star
  local set = {}
  for day = 1, length do
    if both then
      set[day] = by_day[day] and by_weekday[day]
    else
      set[day] = by_day[day] or by_weekday[day]
    end
  end
  return set
end
