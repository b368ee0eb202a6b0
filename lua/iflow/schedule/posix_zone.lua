--- The rule of a time zone as POSIX writes it, such as "CET-1CEST,M3.5.0,M10.5.0/3": the last line
-- of a file of the tz database says with it what holds after the years of its table. Internal.
--
--   local rule, why = posix_zone.parse "EST5EDT,M3.2.0,M11.1.0"
--   rule.standard                 { offset = -18000, dst = false, abbreviation = "EST" }
--   rule.changes                  nil when the clock never changes
--   rule:of_year(2026)            { at =, kind = } twice, in order; kind is like rule.standard
--
-- Hours of a change may be from -167 to 167 (RFC 8536, section 3.3.1).

local calendar = require "iflow.schedule.calendar"

local posix_zone = {}

local rule = {}
rule.__index = rule

local TEXT_MAX = 256

-- "-3", "+05:30", "02:00:00" from `at` on -> seconds and where it ends, or nil.
local function read_time(text, at, hours_max)
  local sign, hours, after = text:match("^([+-]?)(%d%d?%d?)()", at)
  if not hours then return nil end
  local seconds = tonumber(hours) * 3600
  for _, unit in ipairs { 60, 1 } do
    local digits, ends = text:match("^:([0-5]%d)()", after)
    if not digits then break end
    seconds, after = seconds + tonumber(digits) * unit, ends
  end
  if tonumber(hours) > hours_max then return nil end
  return sign == "-" and -seconds or seconds, after
end

local function read_abbreviation(text, at)
  local quoted, after = text:match("^<([%w+-]+)>()", at)
  if quoted then return quoted, after end
  return text:match("^(%a%a%a+)()", at)
end

-- M3.5.0, J60 or 59, and /time -> a function that gives the day of a year, the time, the end.
local function read_change(text, at)
  local day, after
  local month, week, weekday, ends = text:match("^M(%d%d?)%.(%d)%.(%d)()", at)
  local julian, number, fine = text:match("^(J?)(%d+)()", at)
  if month then
    month, week, weekday, after = tonumber(month), tonumber(week), tonumber(weekday), ends
    if month < 1 or month > 12 or week < 1 or week > 5 or weekday > 6 then return nil end
    day = { month = month, week = week, weekday = weekday }
  elseif number then
    number, after = tonumber(number), fine
    if number > 365 or julian == "J" and number < 1 then return nil end
    day = { number = number, julian = julian == "J" }
  else
    return nil
  end
  local time = 7200
  if text:sub(after, after) == "/" then
    time, after = read_time(text, after + 1, 167)
    if not time then return nil end
  end
  return { day = day, time = time }, after
end

local function read_kind(text, at, dst)
  local abbreviation, offset
  abbreviation, at = read_abbreviation(text, at)
  if not abbreviation then return nil end
  offset, at = read_time(text, at, 24)
  return { abbreviation = abbreviation, offset = offset and -offset, dst = dst }, at
end

--- The rule, or nil and what is wrong with the text.
function posix_zone.parse(text)
  local wrong = ("'%s' is no rule of a time zone"):format(text:sub(1, TEXT_MAX))
  if #text > TEXT_MAX then return nil, wrong end
  local standard, at = read_kind(text, 1, false)
  if not standard or not standard.offset then return nil, wrong end
  local made = setmetatable({ standard = standard }, rule)
  if at > #text then return made end
  local start = at
  made.daylight, at = read_kind(text, start, true)
  if not made.daylight then return nil, wrong end
  if not made.daylight.offset then -- left out: one hour more
    at = select(2, read_abbreviation(text, start))
    made.daylight.offset = standard.offset + 3600
  end
  made.changes = {}
  for i = 1, 2 do
    if text:sub(at, at) ~= "," then return nil, wrong end
    made.changes[i], at = read_change(text, at + 1)
    if not made.changes[i] then return nil, wrong end
  end
  if at <= #text then return nil, wrong end
  return made
end

local function day_of(day, year)
  if day.month then
    local first = calendar.days(year, day.month, 1)
    local length = calendar.month_length(year, day.month)
    local nth = (day.weekday - calendar.weekday(first)) % 7 + 7 * (day.week - 1)
    return first + (nth < length and nth or nth - 7)
  end
  local number = day.number
  if day.julian then -- never counts February 29
    number = (calendar.is_leap(year) and number >= 60) and number or number - 1
  end
  return calendar.days(year, 1, 1) + number
end

--- When the clock changes in a year, earliest first: { { at = UTC, kind = what holds then } }.
function rule:of_year(year)
  local starts, ends = self.changes[1], self.changes[2]
  local first = { kind = self.daylight,
    at = day_of(starts.day, year) * 86400 + starts.time - self.standard.offset }
  local second = { kind = self.standard,
    at = day_of(ends.day, year) * 86400 + ends.time - self.daylight.offset }
  if second.at < first.at then first, second = second, first end
  return { first, second }
end

return posix_zone
