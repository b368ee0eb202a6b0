local core = require "iflow.core"
local fixed_width = require "iflow.transform.fixed_width"
local to_fixed_width = require "iflow.transform.to_fixed_width"
local transforms = require "spec.support.transforms"

local function write(options, data)
  local out, bad = transforms.run({ to_fixed_width(options) }, data)
  if bad[1] then return nil, bad[1].code end
  return out[1].body
end

local function field(column, value)
  column[1] = "x"
  return write({ columns = { column }, line_end = "" }, { x = value })
end

describe("to_fixed_width", function()
  it("writes a record, and a list of records", function()
    local columns = { { "id", 4 }, { "name", 6 } }
    assert.equal("1   Müller\n", write({ columns = columns }, { id = "1", name = "Müller" }))
    assert.equal("1   a     \r\n2         \r\n", write({ columns = columns, line_end = "\r\n" },
      { { id = "1", name = "a" }, { id = "2" } }))
    assert.equal("a b  \n", write({ widths = { 2, 3 } }, { "a", "b" }))
  end)

  it("leaves blanks where no column is", function()
    assert.equal("  b  a\n", write({ columns = { { name = "a", from = 6, width = 1 },
      { name = "b", from = 3, width = 1 } } }, { a = "a", b = "b" }))
  end)

  it("aligns and fills up", function()
    assert.equal("a  ", field({ nil, 3 }, "a"))
    assert.equal("  a", field({ nil, 3, align = "right" }, "a"))
    assert.equal("a--", field({ nil, 3, fill = "-" }, "a"))
    assert.equal(" 12", field({ nil, 3, type = "integer" }, 12))
    assert.equal("012", field({ nil, 3, type = "integer", fill = "0" }, "12"))
    assert.equal("-0012", field({ nil, 5, type = "integer", fill = "0" }, -12))
    assert.equal("   ", field({ nil, 3, type = "integer", fill = "0" }, core.json.null))
    assert.equal("true ", field({ nil, 5 }, true))
  end)

  it("writes numbers with the decimals of the column, without a point", function()
    assert.equal("001234", field({ nil, 6, type = "number", decimals = 2, fill = "0" }, 12.34))
    assert.equal("0001", field({ nil, 4, type = "number", decimals = 0, fill = "0" }, 1.0))
    assert.equal("   1.5", field({ nil, 6, type = "number" }, 1.5))
  end)

  it("rejects what does not fit", function()
    local function code(column, value) return select(2, field(column, value)) end
    assert.equal("transform.invalid", code({ nil, 2 }, "abc"))
    assert.equal("transform.invalid", code({ nil, 2, type = "integer" }, 123))
    assert.equal("transform.invalid", code({ nil, 9, type = "integer" }, 1.5))
    assert.equal("transform.invalid", code({ nil, 9, type = "number" }, 0 / 0))
    assert.equal("transform.invalid", code({ nil, 9, type = "number" }, "x"))
    assert.equal("transform.invalid", code({ nil, 9 }, "\xff"))
    assert.equal("transform.invalid", code({ nil, 9 }, "a\nb"))
    assert.equal("transform.invalid", code({ nil, 9 }, {}))
    assert.equal("transform.invalid", select(2, write({ widths = { 1 } }, "bytes")))
  end)

  it("cuts texts on request, never numbers", function()
    assert.equal("äö\n", write({ columns = { { "x", 2 } }, cut = true }, { x = "äöü" }))
    assert.equal("transform.invalid", select(2, write({ columns = { { "x", 2, type = "integer" } },
      cut = true }, { x = 123 })))
  end)

  it("raises on columns that overlap", function()
    assert.error_matches(function()
      to_fixed_width { columns = { { "a", 3 }, { "b", 2, from = 3 } } }
    end, "overlap")
  end)

  it("is undone by fixed_width", function()
    local columns = { { "id", 5, type = "integer", fill = "0" }, { "name", 8 },
      { "price", 9, type = "number", decimals = 2 } }
    local record = { id = -12, name = "Äpfel", price = 99.95 }
    local out = transforms.run({ to_fixed_width { columns = columns },
      fixed_width { columns = columns } }, record)
    assert.same({ record }, transforms.data(out))
  end)
end)
