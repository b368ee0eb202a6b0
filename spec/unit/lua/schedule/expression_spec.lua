local calendar = require "iflow.schedule.calendar"
local expressions = require "iflow.schedule.expression"
local zones = require "iflow.zone"

local berlin = assert(zones.open "Europe/Berlin")
local utc = zones.utc()

local function parse(text) return assert(expressions.parse(text)) end

local function time(text)
  local y, mo, d, h, mi, s = text:match "(%d+)-(%d+)-(%d+) (%d+):(%d+):?(%d*)"
  return calendar.wall(y // 1 | 0, mo // 1 | 0, d // 1 | 0, h // 1 | 0, mi // 1 | 0,
    s ~= "" and s // 1 | 0 or 0)
end

-- The next runs after a time, `count` of them, as texts in UTC.
local function runs(text, after, count, zone)
  local expression, at, list = parse(text), time(after), {}
  for i = 1, count do
    at = expression:next(at, zone or utc)
    list[i] = os.date("!%Y-%m-%d %H:%M:%S", at):gsub(":00$", "")
  end
  return list
end

local function refused(text, ...)
  local expression, why = expressions.parse(text)
  assert.is_nil(expression, text)
  for _, part in ipairs { ... } do
    assert.is_truthy(why:find(part, 1, true), ("'%s' does not say '%s'"):format(why, part))
  end
end

describe("a cron expression", function()
  it("has five fields, or six with the seconds first", function()
    assert.same({ "2026-01-01 00:05", "2026-01-01 00:10" }, runs("*/5 * * * *",
      "2026-01-01 00:00", 2))
    assert.same({ "2026-01-01 00:00:10", "2026-01-01 00:00:40", "2026-01-01 00:01:10" },
      runs("10,40 * * * * *", "2026-01-01 00:00", 3))
    assert.same({ "2026-01-01 12:30:15", "2026-01-02 12:30:15" }, runs("15 30 12 * * *",
      "2026-01-01 00:00", 2))
  end)

  it("has names, ranges, steps and lists", function()
    assert.same({ "2026-02-02 08:00", "2026-02-02 10:00", "2026-02-02 18:00", "2026-02-03 08:00" },
      runs("0 8-11/2,18 * Feb,JUN mon-Fri", "2026-01-01 00:00", 4))
    assert.same({ "2026-01-02 00:00", "2026-01-03 00:00", "2026-01-04 00:00", "2026-01-09 00:00" },
      runs("0 0 * * fri-sun", "2026-01-01 00:00", 4))
    assert.same({ "2026-01-04 00:00", "2026-01-11 00:00" },
      runs("0 0 * * sun-sun", "2026-01-01 00:00", 2))
    assert.same(runs("0 0 * * 0", "2026-01-01 00:00", 5), runs("0 0 * * 7", "2026-01-01 00:00", 5))
    assert.same({ "2026-01-04 00:00", "2026-01-10 00:00" }, runs("0 0 * * 6-7", "2026-01-03 00:00",
      2))
  end)

  it("may be a word", function()
    for word, text in pairs { ["@yearly"] = "0 0 1 1 *", ["@Annually"] = "0 0 1 1 *",
      ["@monthly"] = "0 0 1 * *", ["@weekly"] = "0 0 * * 0", [" @daily "] = "0 0 * * *",
      ["@midnight"] = "0 0 * * *", ["@hourly"] = "0 * * * *" } do
      assert.same(runs(text, "2026-01-01 00:00", 3), runs(word, "2026-01-01 00:00", 3))
    end
  end)

  it("knows the last day, the nearest workday, the nth and the last weekday", function()
    assert.same({ "2028-01-31 00:00", "2028-02-29 00:00", "2028-03-31 00:00" },
      runs("0 0 L * *", "2028-01-01 00:00", 3))
    assert.same({ "2026-02-25 00:00" }, runs("0 0 L-3 2 *", "2026-01-01 00:00", 1))
    assert.same({ "2026-08-14 00:00", "2026-11-16 00:00" }, -- a Saturday, a Sunday
      runs("0 0 15W 8,11 *", "2026-01-01 00:00", 2))
    assert.same({ "2026-08-03 00:00" }, runs("0 0 1W 8 *", "2026-07-01 00:00", 1)) -- not in July
    assert.same({ "2026-05-29 00:00" }, runs("0 0 31W 4,5 *", "2026-04-01 00:00", 1))
    assert.same({ "2026-02-27 00:00" }, runs("0 0 LW 2 *", "2026-01-01 00:00", 1))
    assert.same({ "2026-01-09 00:00", "2026-02-13 00:00" }, runs("0 0 * * fri#2",
      "2026-01-01 00:00", 2))
    assert.same({ "2026-03-29 00:00" }, runs("0 0 * * 7#5", "2026-02-01 00:00", 1))
    assert.same({ "2026-01-30 00:00", "2026-02-27 00:00" }, runs("0 0 * * friL",
      "2026-01-01 00:00", 2))
  end)

  it("means either day when both fields are restricted, both when one begins with a star",
    function()
      assert.same({ "2026-02-02 00:00", "2026-02-09 00:00", "2026-02-13 00:00" },
        runs("0 0 13 * mon", "2026-01-31 00:00", 3))
      assert.same({ "2026-02-09 00:00", "2026-02-23 00:00" }, -- Mondays of odd days
        runs("0 0 */2 * mon", "2026-02-01 00:00", 2))
      assert.same({ "2026-02-14 00:00", "2026-02-27 00:00" }, -- the Friday, or the 14th
        runs("0 0 14 * friL", "2026-02-01 00:00", 2))
    end)

  it("finds days that are far away", function()
    assert.same({ "2104-02-29 00:00" }, runs("0 0 29 2 *", "2096-02-29 00:00", 1))
  end)

  it("tells field and column of what it does not understand", function()
    refused("30 25 * * *", "field 2 (hour)", "column 4", "0-23")
    refused("0 30 25 * * *", "field 3 (hour)", "column 6")
    refused("  0 0 1,32 * *", "field 3 (day of month)", "column 7")
    refused("0 0 * jna *", "field 4 (month)", "did you mean 'jan'?")
    refused("0 0 * * mno", "field 5 (day of week)", "did you mean 'mon'?")
    refused("0 0 * * 8", "field 5", "0-7")
    refused("0 0 0 * *", "field 3", "1-31")
    refused("* * * *", "4 fields")
    refused("* * * * * * 2026", "7 fields", "Quartz")
    refused("", "0 fields")
  end)

  it("tells what to write instead", function()
    refused("0 22-6 * * *", "22-23,0-6")
    refused("0 0 * * fri-mon", "5-6,0-1")
    refused("0 0 * * 7-2", "write 0-2")
    refused("5/10 * * * *", "5-59/10")
    refused("*/90 * * * *", "leaves only 0")
    refused("0 0 ? * *", "Quartz", "'*'")
    refused("0 0 * * L", "friL")
    refused("0 0 * * fri#6", "1-5")
    refused("@daly", "did you mean '@daily'?")
    refused("@reboot", "starts")
    refused("0 0 30 2 *", "never run")
    refused("0 0 31W 2,4 *", "never run")
  end)

  it("refuses what is none", function()
    for _, text in ipairs { "x * * * *", "1, * * * *", ", * * * *", "1-x * * * *", "-1 * * * *",
      "1-2-3 * * * *", "*/0 * * * *", "*/ * * * *", "/5 * * * *", "*5 * * * *", "1.5 * * * *",
      "1e1 * * * *", "99999999999999999999 * * * *", "0x1 * * * *", "L * * * *", "0 0 W * *",
      "0 0 L-0 * *", "0 0 L-31 * *", "0 0 32W * *", "0 0 1WL * *", "0 0 * * 1#0", "0 0 * * #1",
      "0 0 * L *", "0 0 * * 1W", ("1,"):rep(200) .. "1 * * * *", "\0 * * * *",
    } do refused(text) end
  end)
end)

describe("a clock that is changed", function()
  it("in a gap, runs once right after it", function()
    assert.same({ "2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30" },
      runs("30 2 * * *", "2026-03-27 12:00", 3, berlin))
    assert.same({ "2026-03-29 01:00", "2026-03-30 00:00", "2026-03-30 00:05" }, -- twelve as one
      runs("*/5 2 * * *", "2026-03-29 00:00", 3, berlin))
    assert.same({ "2026-03-29 01:00", "2026-03-29 01:30", "2026-03-30 00:30" },
      runs("30 2,3 * * *", "2026-03-29 00:00", 3, berlin))
  end)

  it("tells what it should have shown", function()
    local at, wall = parse("30 2 * * *"):next(time "2026-03-29 00:00", berlin)
    assert.equal(time "2026-03-29 01:00", at)
    assert.equal(time "2026-03-29 02:30", wall)
  end)

  it("in an overlap, runs the first time only", function()
    assert.same({ "2026-10-25 00:30", "2026-10-26 01:30" },
      runs("30 2 * * *", "2026-10-24 12:00", 2, berlin))
    assert.same({ "2026-10-26 01:30" }, runs("30 2 * * *", "2026-10-25 01:15", 1, berlin))
  end)

  it("does not touch what goes by elapsed time", function()
    assert.same({ "2026-03-29 00:30", "2026-03-29 01:30", "2026-03-29 02:30" },
      runs("30 * * * *", "2026-03-29 00:00", 3, berlin))
    assert.same({ "2026-10-25 00:30", "2026-10-25 01:30", "2026-10-25 02:30" },
      runs("30 0-23 * * *", "2026-10-25 00:00", 3, berlin))
    assert.same({ "2026-10-25 00:59:59", "2026-10-25 01:00" },
      runs("* * * * * *", "2026-10-25 00:59:58", 2, berlin))
  end)

  it("may leave out a whole day, or change at midnight", function()
    local apia = assert(zones.open "Pacific/Apia")
    local sao_paulo = assert(zones.open "America/Sao_Paulo")
    assert.same({ "2011-12-29 22:00", "2011-12-30 10:00", "2011-12-30 22:00" },
      runs("0 12 * * *", "2011-12-29 12:00", 3, apia))
    assert.same({ "2017-10-14 03:00", "2017-10-15 03:00", "2017-10-16 02:00" },
      runs("0 0 * * *", "2017-10-13 12:00", 3, sao_paulo))
  end)

  it("is asked for fractions of a second, too", function()
    local minutely = parse "* * * * *"
    assert.equal(60, (minutely:next(0.5, utc)))
    assert.equal(60, (minutely:next(59.999, utc)))
    assert.equal(120, (minutely:next(60, utc)))
    assert.equal("integer", math.type((minutely:next(60.25, berlin))))
  end)
end)
