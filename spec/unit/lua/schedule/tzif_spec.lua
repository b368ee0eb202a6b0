local process = require "spec.support.process"
local size = require "spec.support.size"
local tzif = require "iflow.schedule.tzif"

local berlin = assert(process.read "/usr/share/zoneinfo/Europe/Berlin")

local HEADER = ">c4 c1 c15 I4 I4 I4 I4 I4 I4"

-- A file of version 2 with these parts, and what a header says instead when it lies.
local function file(over)
  local o = { version = "2", times = "", kinds = (">i4 B B"):pack(3600, 0, 0), letters = "CET\0",
    leaps = 0, footer = "\nCET-1\n", counts = {} }
  for key, value in pairs(over or {}) do o[key] = value end
  local c = o.counts
  local first = HEADER:pack("TZif", o.version, ("\0"):rep(15), 0, 0, 0, 0, 1, 4)
    .. (">i4 B B"):pack(0, 0, 0) .. "UTC\0"
  return first .. HEADER:pack("TZif", o.version, ("\0"):rep(15), 0, 0, o.leaps,
    c.times or #o.times // 9, c.kinds or #o.kinds // 6, c.letters or #o.letters)
    .. o.times .. o.kinds .. o.letters .. ("\0"):rep(o.leaps * 12) .. o.footer
end

local function refused(bytes)
  local data, why = tzif.parse(bytes)
  assert.is_nil(data)
  assert.equal("string", type(why))
end

describe("a file of the tz database", function()
  it("is read", function()
    local data = assert(tzif.parse(berlin))
    assert.equal("LMT", data.first.abbreviation)
    assert.equal(3208, data.first.offset)
    assert.equal(#data.times, #data.kinds)
    assert.equal("CET", data.rule.standard.abbreviation)
    assert.is_table(data.rule.changes)
  end)

  it("may be small", function()
    local data = assert(tzif.parse(file()))
    assert.same({ first = { offset = 3600, dst = false, abbreviation = "CET" }, times = {},
      kinds = {}, rule = data.rule }, data)
    assert.is_nil(assert(tzif.parse(file { footer = "\n\n" })).rule)
    assert.is_table(tzif.parse(file { version = "4" }))
  end)

  it("is refused when it is something else", function()
    for _, bytes in ipairs { "", "TZif", "TZif2", ("x"):rep(500), ("TZif2"):rep(100),
      file { version = "\0" }, file { leaps = 1 }, file { kinds = "", counts = { kinds = 0 } },
      file { footer = "" }, file { footer = "\nCET-1" }, file { footer = "\nnonsense\n" },
      file { letters = "CET" }, file { kinds = (">i4 B B"):pack(3600, 0, 4) },
      file { kinds = (">i4 B B"):pack(3600, 2, 0) },
      file { kinds = (">i4 B B"):pack(100000, 0, 0) },
      file { times = (">i8 B"):pack(0, 1) },
      file { times = (">i8 i8 B B"):pack(5, 5, 0, 0) },
      ("\0"):rep(tzif.SIZE_MAX + 1),
    } do refused(bytes) end
  end)

  it("is refused when its header names more than there is, or more than there can be", function()
    for _, name in ipairs { "times", "kinds", "letters" } do
      for _, count in ipairs { 200, 0x7fffffff, 0xffffffff } do
        refused(file { counts = { [name] = count } })
      end
    end
  end)

  it("is refused when it is cut short anywhere", function()
    for length = 0, #berlin - 1, size.of(7, 1) do refused(berlin:sub(1, length)) end
  end)

  it("never breaks the reader, whichever byte is damaged", function()
    for at = 1, #berlin, size.of(11, 1) do
      for _, byte in ipairs { "\0", "\xff", "A" } do
        local data, why = tzif.parse(berlin:sub(1, at - 1) .. byte .. berlin:sub(at + 1))
        assert.is_truthy(data or why)
      end
    end
  end)
end)
