--- Cron expressions. Internal; what a script writes as `at` (lua/iflow/cron.lua).
--
--   local expression, why = expressions.parse "30 2 * * mon-fri"
--   local time, wall = expression:next(after, zone)
--
-- Fields: [second] minute hour day-of-month month day-of-week. Each takes *, numbers, names (jan,
-- mon), ranges a-b, steps */n and a-b/n, lists with commas; day of month also L, L-3, 15W, LW; day
-- of week (0 and 7 are Sunday) also fri#2 and friL. Or one word: @yearly, @annually, @monthly,
-- @weekly, @daily, @midnight, @hourly. How the two fields of days go together: month.lua.
--
-- When the clock is changed:
--   * An expression that names hours means what the clock shows, once a day each: a time that is
--     left out (the gap in spring) runs right after the gap, several of them once; a time that
--     comes twice (autumn) runs the first time only.
--   * An expression for every hour (minutely, hourly) goes on by elapsed time: a run whenever the
--     clock shows such a time, so nothing in a gap and again in an overlap.

local calendar = require "iflow.schedule.calendar"
local field = require "iflow.schedule.field"
local month_days = require "iflow.schedule.month"
local suggest = require "iflow.suggest"

local expressions = {}

local expression = { __name = "iflow.schedule.expression" }
expression.__index = expression

local TEXT_MAX = 256
local CYCLE = 400 -- years after which the calendar repeats

local KINDS = { field.second, field.minute, field.hour, field.day, field.month, field.weekday }

local MACROS = {
  ["@yearly"] = "0 0 1 1 *", ["@annually"] = "0 0 1 1 *", ["@monthly"] = "0 0 1 * *",
  ["@weekly"] = "0 0 * * 0", ["@daily"] = "0 0 * * *", ["@midnight"] = "0 0 * * *",
  ["@hourly"] = "0 * * * *",
}

-- Parsing -------------------------------------------------------------------------------------

-- value -> the first value of the set from there on: next[v] is v itself when it is in the set.
local function successors(set, most)
  local next_of, following = {}, nil
  for value = most, 0, -1 do
    if set[value] then following = value end
    next_of[value] = following
  end
  return next_of
end

local function every(set, least, most)
  for value = least, most do
    if not set[value] then return false end
  end
  return true
end

-- What a word such as @daily stands for; anything else as it is.
local function written_out(text)
  if text:sub(1, 1) ~= "@" then return text end
  local known = MACROS[text:lower()]
  if known then return known end
  if text:lower() == "@reboot" then
    return nil, "'@reboot' is no time; what a script does when it starts stands in the script"
  end
  local names = {}
  for name in pairs(MACROS) do names[#names + 1] = name end
  table.sort(names)
  return nil, suggest.message(("'%s' is no time"):format(text), text, names)
end

local function split(text)
  local words = {}
  for column, word in text:gmatch "()(%S+)" do
    words[#words + 1] = { text = word, column = column }
  end
  if #words == 5 or #words == 6 then return words end
  local hint = #words == 7 and "; the year of Quartz is not known here" or ""
  return nil, ("'%s' has %d field%s, 5 or 6 are needed: [second] minute hour day-of-month month "
    .. "day-of-week%s"):format(text, #words, #words == 1 and "" or "s", hint)
end

local function parse_fields(text, words)
  local fields = {}
  if #words == 5 then fields[field.second] = field.parse(field.second, "0") end
  for i, word in ipairs(words) do
    local kind = KINDS[i + 6 - #words]
    local parsed, why, column = field.parse(kind, word.text)
    if not parsed then
      return nil, ("'%s': field %d (%s), column %d: %s"):format(text, i, kind.name,
        word.column + column - 1, why)
    end
    fields[kind] = parsed
  end
  return fields
end

local function build(text, fields)
  local made = { text = text, days = fields[field.day], weekdays = fields[field.weekday],
    months = fields[field.month].values }
  for name, kind in pairs { seconds = field.second, minutes = field.minute, hours = field.hour } do
    made[name] = successors(fields[kind].values, kind.most)
  end
  made.hourly = every(fields[field.hour].values, 0, 23)
  made.first = made.hours[0] * 3600 + made.minutes[0] * 60 + made.seconds[0]
  return setmetatable(made, expression)
end

--- The expression, or nil and what is wrong, with field and column.
function expressions.parse(text)
  if #text > TEXT_MAX then return nil, "a cron expression has at most 256 characters" end
  local meant, why = written_out(text:match "^%s*(.-)%s*$")
  if not meant then return nil, why end
  local words, fields
  words, why = split(meant)
  if not words then return nil, why end
  fields, why = parse_fields(meant, words)
  if not fields then return nil, why end
  local made = build(text, fields)
  if not made:next_wall(calendar.wall(2000, 1, 1, 0, 0, -1)) then
    return nil, ("'%s': no month has such a day, so it would never run"):format(meant)
  end
  return made
end

-- What the clock shows next -------------------------------------------------------------------

-- The first time of a day, as its second, from `second` on; nil for none.
local function time_from(self, second)
  local h, m, s = second // 3600, second // 60 % 60, second % 60
  local first_second, first_minute = self.seconds[0], self.minutes[0]
  local hour = self.hours[h]
  if hour == h then
    local at = self.seconds[s]
    local minute = self.minutes[at and m or m + 1]
    if minute then return h * 3600 + minute * 60 + (minute == m and at or first_second) end
    hour = self.hours[h + 1]
  end
  return hour and hour * 3600 + first_minute * 60 + first_second
end

-- The days of a month, kept for the month that was asked last.
local function days_in(self, year, month)
  local key = year * 12 + month
  if self.days_key ~= key then
    self.days_key, self.days_set = key, month_days(self.days, self.weekdays, year, month)
  end
  return self.days_set
end

-- The first day from a date on, as a number of days; nil when none ever comes.
local function day_from(self, year, month, day)
  for _ = 1, CYCLE * 12 + 1 do
    if self.months[month] then
      local set = days_in(self, year, month)
      for d = day, calendar.month_length(year, month) do
        if set[d] then return calendar.days(year, month, d) end
      end
    end
    day, month = 1, month + 1
    if month > 12 then year, month = year + 1, 1 end
  end
end

--- The first wall time after this one, as if no clock were ever changed.
function expression:next_wall(after)
  local at = after + 1
  local days = at // calendar.DAY
  local year, month, day = calendar.date(days)
  if self.months[month] and days_in(self, year, month)[day] then
    local second = time_from(self, at % calendar.DAY)
    if second then return days * calendar.DAY + second end
  end
  days = day_from(self, year, month, day + 1)
  return days and days * calendar.DAY + self.first
end

-- When it runs --------------------------------------------------------------------------------

-- By elapsed time: within each period in which the clock is left alone, what it shows.
local function next_hourly(self, after, zone)
  while true do
    local offset, to = zone:span(after + 1)
    local wall = self:next_wall(after + offset)
    if wall - offset < to then return wall - offset, wall end
    after = to - 1
  end
end

local function next_named(self, after, zone)
  local wall = after + zone:span(after)
  while true do
    wall = self:next_wall(wall)
    local time = zone:instants(wall)[1] or zone:gap(wall)
    if time > after then return time, wall end
  end
end

--- The first run after a time: when, and what the clock should show then (which differs after a
-- gap). `after` may be a fraction.
function expression:next(after, zone)
  after = math.floor(after)
  if self.hourly then return next_hourly(self, after, zone) end
  return next_named(self, after, zone)
end

function expression:__tostring() return "iflow.schedule.expression: " .. self.text end

return expressions
