local calendar = require "iflow.schedule.calendar"
local process = require "spec.support.process"
local zones = require "iflow.zone"

local function wall(text)
  local y, mo, d, h, mi = text:match "(%d+)-(%d+)-(%d+) (%d+):(%d+)"
  return calendar.wall(math.tointeger(tonumber(y)), math.tointeger(tonumber(mo)),
    math.tointeger(tonumber(d)), math.tointeger(tonumber(h)), math.tointeger(tonumber(mi)), 0)
end

local utc = wall

describe("zones.open", function()
  it("reads a zone once", function()
    local zone = assert(zones.open "Europe/Berlin")
    assert.equal("Europe/Berlin", zone.name)
    assert.equal(zone, zones.open "Europe/Berlin")
  end)

  it("suggests the nearest name", function()
    for wrong, right in pairs { ["Europe/Berln"] = "Europe/Berlin", Berlin = "Europe/Berlin",
      ["europe/berlin"] = "Europe/Berlin", ["America/New York"] = "America/New_York",
      ["new york"] = "America/New_York", tokyo = "Asia/Tokyo" } do
      local zone, err = zones.open(wrong)
      assert.is_nil(zone)
      assert.equal("zone.unknown", err.code)
      assert.is_truthy(err.message:find("'" .. right .. "'", 1, true), err.message)
    end
  end)

  it("opens nothing outside of the database, and nothing that is no zone", function()
    for _, name in ipairs { "", ".", "..", "/", "/etc/localtime", "../zoneinfo/Europe/Berlin",
      "Europe/../Europe/Berlin", "./Europe/Berlin", "Europe//Berlin", "Europe/Berlin/", "Europe",
      "tzdata.zi", "zone.tab", "Europe/Berlin\0", "Europe\\Berlin", ("A"):rep(1000),
    } do
      local zone, err = zones.open(name)
      assert.is_nil(zone, name)
      assert.equal("zone.unknown", err.code)
      assert.is_nil(err.message:find "%c")
    end
  end)

  it("says what is wrong with a file", function()
    local zone, err = zones.open "leapseconds"
    assert.is_nil(zone)
    assert.equal("zone.invalid", err.code)
  end)

  it("reads the directory that TZDIR names, and needs none for UTC", function()
    local dir <close> = process.tempdir()
    local script = dir:write("zone.lua", [[
      local zones = require "iflow.zone"
      local zone, err = zones.open "Europe/Berlin"
      print(zone, err.code, err.hint:find "tzdata" ~= nil, zones.open "UTC":wall(0))
    ]])
    local result = process.run { "env", "TZDIR=" .. dir.path, process.lua, script }
    assert.equal("nil\tzone.unknown\ttrue\t0\n", result.out, result.err)
  end)
end)

describe("a zone", function()
  local berlin = assert(zones.open "Europe/Berlin")

  it("knows what holds at a time, before its table and after it", function()
    assert.same({ 3208, "LMT" }, { berlin:at(-1e10 // 1 | 0).offset,
      berlin:at(-1e10 // 1 | 0).abbreviation })
    for text, offset in pairs { ["2026-01-01 00:00"] = 3600, ["2026-03-29 00:59"] = 3600,
      ["2026-03-29 01:00"] = 7200, ["2026-10-25 00:59"] = 7200, ["2026-10-25 01:00"] = 3600,
      ["2100-07-01 00:00"] = 7200, ["2100-12-31 23:59"] = 3600, ["9999-07-01 00:00"] = 7200 } do
      assert.equal(offset, berlin:at(utc(text)).offset, text)
      assert.equal(utc(text) + offset, berlin:wall(utc(text)))
      assert.equal(offset, (berlin:span(utc(text))))
    end
    assert.is_true(berlin:at(utc "2100-07-01 00:00").dst)
  end)

  it("finds the times of a wall time: one, none in a gap, two in an overlap", function()
    assert.same({ utc "2026-06-01 10:00" }, berlin:instants(wall "2026-06-01 12:00"))
    assert.same({}, berlin:instants(wall "2026-03-29 02:00"))
    assert.same({}, berlin:instants(wall "2026-03-29 02:59"))
    assert.same({ utc "2026-03-29 01:00" }, berlin:instants(wall "2026-03-29 03:00"))
    assert.same({ utc "2026-10-25 00:00", utc "2026-10-25 01:00" },
      berlin:instants(wall "2026-10-25 02:00"))
    assert.same({ utc "2026-10-25 02:00" }, berlin:instants(wall "2026-10-25 03:00"))
    assert.same({ utc "2090-10-29 00:30", utc "2090-10-29 01:30" },
      berlin:instants(wall "2090-10-29 02:30"))
  end)

  it("knows where a gap ends", function()
    assert.equal(utc "2026-03-29 01:00", berlin:gap(wall "2026-03-29 02:30"))
    assert.is_nil(berlin:gap(wall "2026-03-29 03:00"))
    assert.is_nil(berlin:gap(wall "2026-10-25 02:30"))
    local apia = assert(zones.open "Pacific/Apia") -- the day that was left out
    assert.equal(utc "2011-12-30 10:00", apia:gap(wall "2011-12-30 23:59"))
    assert.same({}, apia:instants(wall "2011-12-30 12:00"))
  end)

  it("tells its changes, the first of a span but not its end", function()
    local from, to = utc "2026-03-29 01:00", utc "2026-10-25 01:00"
    local list = {}
    for change in berlin:changes(from, to) do list[#list + 1] = change end
    assert.same({ { at = from, before = 3600, after = 7200 } }, list)
    list = {}
    for change in berlin:changes(from + 1, to + 1) do list[#list + 1] = change end
    assert.same({ { at = to, before = 7200, after = 3600 } }, list)
  end)

  it("without changes has none", function()
    local kolkata = assert(zones.open "Asia/Kolkata")
    assert.is_nil(kolkata:changes(0, utc "2100-01-01 00:00")())
    assert.same({ 19800, math.huge }, { kolkata:span(0) })
  end)
end)

describe("zones.machine", function()
  it("is what TZ says: a name, a file, a rule, or nothing", function()
    for text, offset in pairs { ["Europe/Berlin"] = 7200, [":Europe/Berlin"] = 7200, [""] = 0,
      ["CET-1CEST,M3.5.0,M10.5.0/3"] = 7200, ["XYZ-3"] = 10800, UTC = 0,
      ["/usr/share/zoneinfo/Asia/Tokyo"] = 32400 } do
      assert.equal(offset, assert(zones.machine(text)):at(utc "2026-07-01 00:00").offset, text)
    end
  end)

  it("fails when TZ says nothing that can be read", function()
    for _, text in ipairs { "Europe/Berln", "/nowhere" } do
      local zone, err = zones.machine(text)
      assert.is_nil(zone)
      assert.equal("zone.unknown", err.code)
    end
  end)
end)
