--- Days and dates of the Gregorian calendar, by arithmetic alone. Internal; a "wall" time is what a
-- clock on the wall shows, counted as seconds since 1970-01-01 00:00:00 on that clock.

local calendar = {}

local LENGTHS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
local WEEKDAYS = { [0] = "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }

calendar.DAY = 86400

--- Days since 1970-01-01. Years begin in March here, so that the leap day is the last one.
function calendar.days(year, month, day)
  local y = month > 2 and year or year - 1
  local of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  return 365 * y + y // 4 - y // 100 + y // 400 + of_year - 719468
end

--- Year, month and day of a number of days.
function calendar.date(days)
  local z = days + 719468
  local era, of_era = z // 146097, z % 146097
  local year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
  local of_year = of_era - (365 * year + year // 4 - year // 100)
  local m = (5 * of_year + 2) // 153
  local month = m < 10 and m + 3 or m - 9
  return year + era * 400 + (month <= 2 and 1 or 0), month, of_year - (153 * m + 2) // 5 + 1
end

--- 0 is Sunday.
function calendar.weekday(days) return (days + 4) % 7 end

function calendar.is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

function calendar.month_length(year, month)
  return month == 2 and calendar.is_leap(year) and 29 or LENGTHS[month]
end

--- Seconds since 1970 of a date and a time.
function calendar.wall(year, month, day, hour, minute, second)
  return calendar.days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
end

--- "2026-03-29" of a wall time.
function calendar.date_text(wall) return ("%04d-%02d-%02d"):format(calendar.date(wall // 86400)) end

--- "02:30:00" of a wall time.
function calendar.time_text(wall)
  local second = wall % 86400
  return ("%02d:%02d:%02d"):format(second // 3600, second // 60 % 60, second % 60)
end

--- "Sun" of a wall time.
function calendar.weekday_text(wall) return WEEKDAYS[calendar.weekday(wall // 86400)] end

return calendar
