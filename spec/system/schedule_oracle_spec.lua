-- Schedules against a brute-force oracle (spec/support/schedule_oracle.py): every change of the
-- clock of 20 zones from 2000 to 2040, and what the fields of days mean on each day of these years.
-- Pure Lua, so the runs with sanitizers leave it out.
local calendar = require "iflow.schedule.calendar"
local expressions = require "iflow.schedule.expression"
local process = require "spec.support.process"
local size = require "spec.support.size"
local zones = require "iflow.zone"

-- Half hours, midnights, two hours, a whole day, daylight saving in Ramadan, none at all; years
-- after the table.
local names = {
  "Europe/Berlin", "Europe/London", "Europe/Dublin", "Europe/Moscow", "Europe/Istanbul",
  "Africa/Cairo", "Africa/Casablanca", "America/New_York", "America/St_Johns",
  "America/Sao_Paulo", "America/Santiago", "America/Havana", "America/Caracas", "Asia/Tehran",
  "Asia/Gaza", "Asia/Pyongyang", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia",
  "Antarctica/Troll", "Antarctica/Casey",
}

local every = { "*/10 * * * *", "7,45 0-23 * * 1-5" }
local named = { "30 2 * * *", "15,45 1-3 * * *", "0 0 * * *", "*/20 */2 1-15 * 0,6", "0 3 * * *",
  "30 0,23 31 3,10,12 7" }

local days = { "0 0 L * *", "0 0 L-3,2 * *", "0 0 LW * *", "0 0 1W,15W,31W * *", "0 0 * * 5#2",
  "0 0 * * 1#5,7#1", "0 0 * * 5L", "0 0 13 * 5", "0 0 */2 * 1", "0 0 29 2 *", "0 0 10-20/3 * */3",
  "0 0 * 1-6/2 1-5", "0 0 L * 0L" }

local around = size.of(4, 40) -- hours before and after each change
local first_year, last_year = 2000, 2040

local function numbers(text)
  local list = {}
  for number in text:gmatch "%-?%d+" do list[#list + 1] = math.tointeger(tonumber(number)) end
  return list
end

local function ask(settings)
  local dir <close> = process.tempdir()
  local result = process.run { "python3", "spec/support/schedule_oracle.py",
    dir:write("settings", table.concat(settings, "\n") .. "\n"), timeout = 600 }
  assert.equal(0, result.code, result.err)
  return result.out:gmatch "(%a+) ([^\n]*)\n"
end

local function runs_around(expression, zone, at)
  local list, time = {}, at - around * 3600
  while true do
    time = expression:next(time, zone)
    if time > at + around * 3600 then return list end
    list[#list + 1] = time // 60
  end
end

local function settings_for(lists)
  local lines = { "hours " .. around, "from " .. first_year, "to " .. last_year }
  for word, list in pairs(lists) do
    for _, value in ipairs(list) do lines[#lines + 1] = word .. " " .. value end
  end
  table.sort(lines)
  return lines
end

describe("schedules #stock", function()
  it("agree with brute force around every change of the clock", function()
    local parsed = {}
    for _, list in ipairs { every, named } do
      for _, text in ipairs(list) do parsed[#parsed + 1] = assert(expressions.parse(text)) end
    end
    table.sort(parsed, function(a, b)
      if a.hourly ~= b.hourly then return a.hourly end
      return a.text < b.text
    end)
    local zone, at, following, i
    local seen, changed = 0, 0
    for word, value in ask(settings_for { zone = names, every = every, named = named }) do
      if word == "zone" then
        if following then assert.is_nil(following()) end
        zone, seen = assert(zones.open(value)), seen + 1
        following = zone:changes(calendar.wall(first_year, 1, 1, 0, 0, 0),
          calendar.wall(last_year, 1, 1, 0, 0, 0))
      elseif word == "change" then
        local change, expected = following(), numbers(value)
        assert.same(expected, { change.at, change.before, change.after }, zone.name)
        at, i, changed = change.at, 0, changed + 1
      else
        i = i + 1
        local got = table.concat(runs_around(parsed[i], zone, at), ",")
        if got ~= value then
          error(("%s, change at %d, '%s': expected %s, got %s"):format(zone.name, at,
            parsed[i].text, value, got))
        end
      end
    end
    assert.equal(#names, seen)
    assert.is_true(changed > 900)
  end)

  it("mean the same days", function()
    local utc, i = zones.utc(), 0
    local start = calendar.wall(first_year, 1, 1, 0, 0, 0)
    local past = calendar.wall(last_year, 1, 1, 0, 0, 0)
    table.sort(days)
    for word, value in ask(settings_for { day = days }) do
      assert.equal("days", word)
      i = i + 1
      local expression, got = assert(expressions.parse(days[i])), {}
      local time = expression:next(start - 1, utc)
      while time < past do
        got[#got + 1] = (time - start) // calendar.DAY
        time = expression:next(time, utc)
      end
      assert.is_true(#got > 9)
      assert.equal(value, table.concat(got, ","), days[i])
    end
    assert.equal(#days, i)
  end)
end)
