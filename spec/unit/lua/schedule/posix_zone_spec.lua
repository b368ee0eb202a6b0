local parse = require("iflow.schedule.posix_zone").parse

local function changes(text, year)
  local list = {}
  for i, change in ipairs(assert(parse(text)):of_year(year)) do
    list[i] = { os.date("!%Y-%m-%d %H:%M", change.at), change.kind.offset }
  end
  return list
end

describe("the rule of a zone", function()
  it("may know one time only", function()
    local rule = assert(parse "<+0545>-5:45")
    assert.same({ offset = 20700, dst = false, abbreviation = "+0545" }, rule.standard)
    assert.is_nil(rule.changes)
  end)

  it("changes on the last Sunday", function()
    assert.same({ { "2026-03-29 01:00", 7200 }, { "2026-10-25 01:00", 3600 } },
      changes("CET-1CEST,M3.5.0,M10.5.0/3", 2026))
  end)

  it("changes on the second and the first Sunday, the other way round in the south", function()
    assert.same({ { "2026-03-08 07:00", -14400 }, { "2026-11-01 06:00", -18000 } },
      changes("EST5EDT,M3.2.0,M11.1.0", 2026))
    assert.same({ { "2026-04-04 16:00", 36000 }, { "2026-10-03 16:00", 39600 } },
      changes("AEST-10AEDT,M10.1.0,M4.1.0/3", 2026))
  end)

  it("takes winter time that is negative", function()
    assert.same({ { "2026-03-29 01:00", 3600 }, { "2026-10-25 01:00", 0 } },
      changes("IST-1GMT0,M10.5.0,M3.5.0/1", 2026))
  end)

  it("takes half hours and hours before or after the day", function()
    assert.same({ { "2026-04-04 15:00", 37800 }, { "2026-10-03 15:30", 39600 } },
      changes("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 2026))
    assert.same({ { "2026-03-29 01:00", -3600 }, { "2026-10-25 01:00", -7200 } },
      changes("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 2026))
    assert.same({ { "2026-03-28 00:00", 10800 }, { "2026-10-24 23:00", 7200 } },
      changes("EET-2EEST,M3.4.4/50,M10.4.4/74", 2026))
  end)

  it("counts days with and without February 29", function()
    assert.same({ { "2028-02-29 12:00", 3600 }, { "2028-03-01 11:00", 0 } },
      changes("AAA0BBB,59/12,J60/12", 2028))
    assert.same({ { "2026-03-01 12:00", 3600 }, { "2026-03-02 11:00", 0 } },
      changes("AAA0BBB,J60/12,60/12", 2026))
  end)

  it("refuses what is none", function()
    for _, text in ipairs { "", "CET", "C-1", "CET-25", "CET-1CEST", "CET-1CEST,M3.5.0",
      "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
      "CET-1CEST,M3.5.0,M10.5.0/168", "CET-1CEST,J0,M10.5.0", "CET-1CEST,366,M10.5.0",
      "CET-1CEST,M3.5.0,M10.5.0x", "CET-1:60", "<CET-1", "Europe/Berlin", ("A"):rep(300) .. "1",
    } do
      local rule, why = parse(text)
      assert.is_nil(rule, text)
      assert.equal("string", type(why))
    end
  end)
end)
