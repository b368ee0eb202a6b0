-- moment.lua -- times as people write them on a command line: 2026-03-29, 2026-03-29T02:30,
-- 2026-03-29T02:30:00Z, 2026-03-29T02:30+02:00.
local calendar = require "iflow.schedule.calendar"

local module = {}

local function offset_of(text)
  if text == "Z" or text == "z" then return 0 end
  local sign, hours, minutes = text:match "^([+-])(%d%d):?(%d%d)$"
  if not sign or tonumber(hours) > 23 or tonumber(minutes) > 59 then return nil end
  local seconds = tonumber(hours) * 3600 + tonumber(minutes) * 60
  return sign == "-" and -seconds or seconds
end

-- What stands after the date: a wall time and the rest of the text, or nil.
local function time_of(text)
  if text == "" then return 0, "" end
  local hour, minute, rest = text:match "^[Tt ](%d%d):(%d%d)(.*)$"
  if not hour then return nil end
  local second, after = rest:match "^:(%d%d)(.*)$"
  hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second or 0)
  if hour > 23 or minute > 59 or second > 59 then return nil end
  return hour * 3600 + minute * 60 + second, after or rest
end

--- Seconds since 1970, or nil and what is wrong. Without an offset the zone's clock is meant; a
-- time that it leaves out is the end of the gap, of two the first.
function module.parse(text, zone)
  local wrong = ("'%s' is no time; write 2026-03-29, 2026-03-29T02:30 or 2026-03-29T01:30Z"):format(
    text)
  local year, month, day, rest = text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$"
  if not year then return nil, wrong end
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  if month < 1 or month > 12 or day < 1 or day > calendar.month_length(year, month) then
    return nil, wrong
  end
  local second, after = time_of(rest)
  if not second then return nil, wrong end
  local wall = calendar.days(year, month, day) * calendar.DAY + second
  if after == "" then return zone:instants(wall)[1] or zone:gap(wall) end
  local offset = offset_of(after)
  if not offset then return nil, wrong end
  return wall - offset
end

--- "2026-03-29T02:30:00Z", with an offset in place of Z when one is given.
function module.text(time, offset)
  local wall = time + (offset or 0)
  local zone = "Z"
  if offset then
    local minutes = math.abs(offset) // 60
    zone = ("%s%02d:%02d"):format(offset < 0 and "-" or "+", minutes // 60, minutes % 60)
  end
  return calendar.date_text(wall) .. "T" .. calendar.time_text(wall) .. zone
end

return module
