--- Time zones, read from the system's tz database (or the directory that TZDIR names). Internal;
-- schedules use it (lua/iflow/cron.lua).
--
--   local zone, err = zones.open "Europe/Berlin"
--   zone:at(time)          what holds then: { offset = 7200, dst = true, abbreviation = "CEST" }
--   zone:span(time)        offset, to: what is to be added then, and until when
--   zone:wall(time)        what the clock shows (calendar.lua)
--   zone:instants(wall)    when the clock shows that, as a list: none in a gap, two in an overlap
--   zone:gap(wall)         when the gap ends in which this time is left out
--   for change in zone:changes(from, to) do … end
--                          from <= change.at < to; change.before and change.after: offsets
--   zones.machine()        the zone of this machine: TZ, else /etc/localtime, else UTC
--
-- Times are whole seconds since 1970. A zone is read once in the life of a process.

local calendar = require "iflow.schedule.calendar"
local errors = require "iflow.error"
local posix_zone = require "iflow.schedule.posix_zone"
local suggest = require "iflow.suggest"
local tzif = require "iflow.schedule.tzif"

local zones = {}

local zone = { __name = "iflow.zone" }
zone.__index = zone

local DIRECTORY = "/usr/share/zoneinfo"
local NAME_MAX = 64
local INDEX_MAX = 1 << 20 -- bytes of tzdata.zi, which has 110,000
local SHIFT_MAX = 2 * 26 * 3600 -- no two offsets are further apart

-- Periods in which the clock is left alone ----------------------------------------------------

-- The changes of the rule around a time, earliest first, kept for the year that was asked last.
local function rule_changes(self, year)
  if self.rule_year == year then return self.rule_list end
  local list = {}
  for y = year - 1, year + 1 do
    for _, change in ipairs(self.rule:of_year(y)) do
      local i = #list
      while i > 0 and list[i].at > change.at do i = i - 1 end
      table.insert(list, i + 1, change)
    end
  end
  self.rule_year, self.rule_list = year, list
  return list
end

local function rule_period(self, time, from)
  if not self.rule.changes then return from, math.huge, self.rule.standard end
  local kind, to = nil, math.huge
  local year = calendar.date((time + self.rule.standard.offset) // calendar.DAY)
  for _, change in ipairs(rule_changes(self, year)) do
    if change.at > time then
      to = change.at
      break
    end
    from, kind = math.max(from, change.at), change.kind
  end
  return from, to, kind
end

-- The last index whose time is not after this one; 0 for none.
local function find(times, time)
  local low, high = 0, #times
  while low < high do
    local middle = (low + high + 1) // 2
    if times[middle] <= time then low = middle else high = middle - 1 end
  end
  return low
end

-- from, to, kind: what holds at a time, since when and until when.
local function period(self, time)
  local i = find(self.times, time)
  if i == #self.times and self.rule then
    return rule_period(self, time, self.times[i] or -math.huge)
  end
  return self.times[i] or -math.huge, self.times[i + 1] or math.huge, self.kinds[i] or self.first
end

function zone:at(time)
  local _, _, kind = period(self, time)
  return kind
end

function zone:wall(time) return time + self:at(time).offset end

function zone:span(time)
  local _, to, kind = period(self, time)
  return kind.offset, to
end

function zone:instants(wall)
  local list, at = {}, wall - SHIFT_MAX
  repeat
    local from, to, kind = period(self, at)
    local time = wall - kind.offset
    if from <= time and time < to then list[#list + 1] = time end
    at = to
  until to > wall + SHIFT_MAX
  return list
end

function zone:gap(wall)
  for change in self:changes(wall - SHIFT_MAX, wall + SHIFT_MAX) do
    if change.at + change.before <= wall and wall < change.at + change.after then
      return change.at
    end
  end
end

function zone:changes(from, to)
  local _, at, kind = period(self, from - 1)
  return function()
    while at < to do
      local change = { at = at, before = kind.offset }
      _, at, kind = period(self, at)
      change.after = kind.offset
      if change.before ~= change.after then return change end
    end
  end
end

function zone:__tostring() return "iflow.zone: " .. self.name end

-- Finding and reading -------------------------------------------------------------------------

local function directory()
  local named = os.getenv "TZDIR"
  return named and named ~= "" and named or DIRECTORY
end

local function read_file(path, max)
  local file, why = io.open(path, "rb")
  if not file then return nil, why end
  local bytes
  bytes, why = file:read(max + 1)
  file:close()
  return bytes, why or "it is empty"
end

-- The names of all zones, from the source text that comes with the files; empty without it.
local function names()
  local text = read_file(directory() .. "/tzdata.zi", INDEX_MAX) or ""
  local list = {}
  for kind, first, second in ("\n" .. text):gmatch "\n([ZL]) (%S+) ?(%S*)" do
    list[#list + 1] = kind == "Z" and first or second
  end
  table.sort(list)
  return list
end

-- The zone that may have been meant: by its city alone, in other letters, mistyped.
local function nearest(name, list)
  local plain = name:gsub("%s+", "_"):lower()
  for _, known in ipairs(list) do
    local low = known:lower()
    if low == plain or low:match "[^/]*$" == plain then return known end
  end
  return suggest.nearest(name, list)
end

local function unknown(name)
  local list = names()
  local near = nearest(name, list)
  local text = ("there is no time zone '%s'"):format(name)
  if near then text = text .. (", did you mean '%s'?"):format(near) end
  return nil, errors { code = "zone.unknown", message = text,
    hint = #list == 0 and ("is the package tzdata installed? zones are read from " .. directory())
      or nil }
end

local function parse(bytes, name, path)
  local data, why = tzif.parse(bytes)
  if not data then
    return nil, errors { code = "zone.invalid",
      message = ("the time zone '%s' cannot be read from %s: %s"):format(name, path, why) }
  end
  data.name = name
  return setmetatable(data, zone)
end

-- Only what is below the directory can be named: no dots, no empty parts.
local function is_name(name)
  return #name <= NAME_MAX and ("/" .. name):gsub("/[%w_+-]+", "") == ""
end

local opened = {}

--- The zone of that name, or nil, err (zone.unknown, zone.invalid).
function zones.open(name)
  local path = directory() .. "/" .. name
  if opened[path] then return opened[path] end
  local bytes = is_name(name) and read_file(path, tzif.SIZE_MAX)
  if not bytes then
    if name == "UTC" then return zones.utc() end
    return unknown((name:sub(1, NAME_MAX):gsub("%c", "?")))
  end
  local made, err = parse(bytes, name, path)
  opened[path] = made
  return made, err
end

-- A zone that has nothing but a rule.
local function of_rule(name, rule)
  return setmetatable({ name = name, first = rule.standard, times = {}, kinds = {}, rule = rule },
    zone)
end

--- The one zone that needs no file.
function zones.utc() return of_rule("UTC", (assert(posix_zone.parse "UTC0"))) end

-- What TZ says: a name, a path (an administrator's, so any) or a rule.
local function of_variable(text)
  text = text:gsub("^:", "")
  if text == "" then return zones.utc() end
  if text:sub(1, 1) == "/" then
    local bytes, why = read_file(text, tzif.SIZE_MAX)
    if not bytes then
      return nil, errors { code = "zone.unknown", message = "TZ names a file: " .. why }
    end
    return parse(bytes, "local", text)
  end
  local made, err = zones.open(text)
  if made then return made end
  local rule = posix_zone.parse(text)
  if rule then return of_rule(text, rule) end
  return nil, err
end

--- The zone of this machine, or nil, err. variable: in place of TZ.
function zones.machine(variable)
  variable = variable or os.getenv "TZ"
  if variable then return of_variable(variable) end
  local bytes = read_file("/etc/localtime", tzif.SIZE_MAX)
  if not bytes then return zones.utc() end
  return parse(bytes, "local", "/etc/localtime")
end

return zones
