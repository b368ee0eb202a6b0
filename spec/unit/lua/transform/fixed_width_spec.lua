local core = require "iflow.core"
local fixed_width = require "iflow.transform.fixed_width"
local transforms = require "spec.support.transforms"

local null = core.json.null

local function read(options, text)
  local records, bad, messages = transforms.same_in_pieces({ fixed_width(options) }, text)
  local codes = {}
  for at, one in ipairs(bad) do codes[at] = { one.code, one.line, one.record } end
  return records, codes, messages, bad
end

describe("fixed_width", function()
  it("cuts lines into columns by width", function()
    local records, bad, messages = read({ columns = { { "id", 4 }, { "name", 6 } } },
      "0001Ada   \r\n\n0002Bobby \n")
    assert.same({ { id = "0001", name = "Ada" }, { id = "0002", name = "Bobby" } }, records)
    assert.same({}, bad)
    assert.same({ file = "input", line = 3, record = 2 }, messages[2].source)
  end)

  it("knows where a column begins, in any order", function()
    assert.same({ { b = "c", a = "ab", all = "abcd" } }, (read({ columns = {
      { name = "b", from = 3, width = 1 }, { name = "a", from = 1, width = 2 },
      { name = "all", from = 1, width = 4 },
    } }, "abcd\n")))
  end)

  it("takes names and widths apart, or no names", function()
    assert.same({ { a = "12", b = "345" } }, (read({ columns = { "a", "b" }, widths = { 2, 3 } },
      "12345")))
    assert.same({ { "12", "345" } }, (read({ widths = { 2, 3 } }, "12345 and more")))
  end)

  it("counts characters, or bytes on request", function()
    local columns = { { "a", 3 }, { "b", 2 } }
    assert.same({ { a = "äöü", b = "ß€" } }, (read({ columns = columns }, "äöüß€\n")))
    assert.same({ { a = "\xe4b", b = "\xf6" } },
      (read({ columns = columns, unit = "bytes" }, "\xe4b \xf6 \n")))
  end)

  it("trims blanks as told", function()
    assert.same({ { both = "a", left = "b ", right = " c", none = " d " } }, (read({ columns = {
      { "both", 3 }, { "left", 3, trim = "left" }, { "right", 3, trim = "right" },
      { "none", 3, trim = "none" },
    } }, " a  b  c  d \n")))
  end)

  it("converts numbers, with the sign on either side and decimals without a point", function()
    local function number(text, column)
      column[1], column[2] = "x", #text
      local records, bad = read({ columns = { column } }, text .. "\n")
      return records[1] and records[1].x, bad[1] and bad[1][1]
    end
    assert.equal(12, number("0012", { type = "integer" }))
    assert.equal(-12, number(" -12 ", { type = "integer" }))
    assert.equal(-12, number("0012-", { type = "integer" }))
    assert.equal("integer", math.type((number("12", { type = "integer" }))))
    assert.equal(math.mininteger, (number("-9223372036854775808", { type = "integer" })))
    assert.equal(12.34, number("0001234", { type = "number", decimals = 2 }))
    assert.equal(-0.05, number("5-", { type = "number", decimals = 2 }))
    assert.equal(1.5, number("1.5", { type = "number", decimals = 2 }))
    assert.equal(1.5, number("+1.5", { type = "number" }))
    for _, bad in ipairs { "1.5", "x", "1 2", "-1-", "9223372036854775808", "0x10" } do
      assert.equal("transform.invalid", select(2, number(bad, { type = "integer" })))
    end
    for _, bad in ipairs { "1.2.3", ".", "1e5", "nan" } do
      assert.equal("transform.invalid", select(2, number(bad, { type = "number" })))
    end
  end)

  it("leaves out a number that is all blanks", function()
    assert.same({ { b = "x" } }, (read({ columns = { { "a", 3, type = "number" }, { "b", 1 } } },
      "   x\n")))
  end)

  it("has json.null in its place in a list", function()
    local out = transforms.run({ fixed_width { columns = { { width = 2, type = "integer" },
      { width = 1 } } } }, "  x\n")
    assert.same({ null, "x" }, out[1].data)
  end)

  it("rejects a line that is too short, or pads it", function()
    local records, bad = read({ widths = { 2, 2 } }, "abcd\nabc\nab\nefgh\näöü\n")
    assert.same({ { "ab", "cd" }, { "ef", "gh" } }, records)
    assert.same({ { "transform.invalid", 2, 2 }, { "transform.invalid", 3, 3 },
      { "transform.invalid", 5, 5 } }, bad)
    assert.same({ { "ab", "c" }, { "a", "" }, { "äö", "ü" }, { "ß", "" } },
      (read({ widths = { 2, 2 }, short = "pad" }, "abc\na\näöü\nß\n")))
  end)

  it("rejects a line that is not UTF-8, and goes on", function()
    local records, bad = read({ widths = { 2 } }, "a\xe4\nab\n")
    assert.same({ { "ab" } }, records)
    assert.same({ { "transform.invalid", 1, 1 } }, bad)
  end)

  it("reads records without line breaks", function()
    local records, bad, messages = read({ widths = { 2, 1 }, record_length = 4 }, "abc äöü deef")
    assert.same({ { "ab", "c" }, { "äö", "ü" }, { "de", "e" } }, records)
    assert.same({}, bad)
    assert.equal(2, messages[2].source.record)
    records, bad = read({ widths = { 2 }, record_length = 2, unit = "bytes" }, "\n\xe4\r b")
    assert.same({ { "\n\xe4" }, { "\r" } }, records)
    assert.same({ { "transform.invalid", 3, 3 } }, bad)
  end)

  it("gives a bad record so that it can be mended and sent again", function()
    local columns = { { "a", 2 }, { "n", 3, type = "integer" } }
    local _, _, _, bad = read({ columns = columns }, "ab1x3\ncd\n")
    assert.same({ "ab1x3\n", "cd\n" }, { bad[1].message.body, bad[2].message.body })
  end)

  it("rejects a line that is too long", function()
    local records, bad = read({ widths = { 2 }, max_line = 3 }, "abc\nabcd\nef\n")
    assert.same({ { "ab" }, { "ef" } }, records)
    assert.same({ { "limit.exceeded", 2, 2 } }, bad)
  end)

  it("raises on wrong options, at the caller's line", function()
    local function wrong(options, pattern)
      local ok, err = pcall(function() fixed_width(options) end)
      assert.is_false(ok)
      assert.matches("fixed_width_spec", err)
      assert.matches(pattern, err)
    end
    wrong({}, "'columns'")
    wrong({ columns = {} }, "'columns'")
    wrong({ columns = { "a" } }, "'width'")
    wrong({ columns = { { "a", 0 } } }, "'width'")
    wrong({ columns = { { "a", 1, typ = "integer" } } }, "did you mean 'type'")
    wrong({ columns = { { "a", 1, type = "float" } } }, "'type'")
    wrong({ columns = { { "a", 1, trim = true } } }, "'trim'")
    wrong({ columns = { { "a", 1, decimals = 2 } } }, "'decimals'")
    wrong({ columns = { { "a", 1 }, { "a", 1 } } }, "two columns named 'a'")
    wrong({ columns = { { "a", 1 }, { width = 1 } } }, "all columns")
    wrong({ columns = { "a", "b" }, widths = { 1 } }, "2 columns and 1 widths")
    wrong({ columns = { { "a", 1, from = 0 } } }, "'from'")
    wrong({ widths = { 1000001 } }, "'width'")
    wrong({ widths = { 1 }, short = "cut" }, "'short'")
    wrong({ widths = { 1 }, record_lenght = 1 }, "did you mean 'record_length'")
  end)
end)
