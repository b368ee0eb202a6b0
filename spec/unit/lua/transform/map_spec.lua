local core = require "iflow.core"
local map = require "iflow.transform.map"
local raises = require "spec.support.raises"
local transforms = require "spec.support.transforms"

local json, xml = core.json, core.xml

local function mapped(options, data)
  local out, rejected = transforms.run({ map(options) }, data)
  if rejected[1] then return nil, rejected[1].code, rejected[1].err.message end
  return out[1].data
end

local function refused(options, data)
  local result, code, text = mapped(options, data)
  assert.is_nil(result)
  assert.equal("transform.invalid", code)
  return text
end

describe("map", function()
  it("renames, also into and out of paths, and swaps", function()
    assert.same({ b = 1, c = 2 }, mapped({ rename = { a = "b" } }, { a = 1, c = 2 }))
    assert.same({ customer = { id = 7, name = "x" } },
      mapped({ rename = { Kunde = "customer.id" } }, { Kunde = 7, customer = { name = "x" } }))
    assert.same({ city = "Köln", address = { zip = 1 } },
      mapped({ rename = { ["address.city"] = "city" } }, { address = { city = "Köln", zip = 1 } }))
    assert.same({ a = 2, b = 1 }, mapped({ rename = { a = "b", b = "a" } }, { a = 1, b = 2 }))
    assert.same({ c = 2 }, mapped({ rename = { a = "b" } }, { c = 2 }))
    assert.same({ x = 1 }, mapped({ rename = { ["a.b"] = "x" } }, { ["a.b"] = 1 }))
    assert.matches("'a'", refused({ rename = { a = "b" } }, { a = 1, b = 2 }))
    refused({ rename = { a = "b.c" } }, { a = 1, b = 2 })
  end)

  it("picks and drops", function()
    assert.same({ a = 1, c = { d = 2 } },
      mapped({ pick = { "a", "c.d", "none" } }, { a = 1, b = 2, c = { d = 2, e = 3 } }))
    assert.same({ b = 2, c = { e = 3 }, l = { 1, [3] = 3 } },
      mapped({ drop = { "a", "c.d", "x.y", "b.z", "l.2" } },
        { a = 1, b = 2, c = { d = 2, e = 3 }, l = { 1, 2, 3 } }))
  end)

  it("fills in where a field is missing or null", function()
    local options = { default = { a = 1, ["b.c"] = 2, n = function(data) return data.x * 2 end } }
    assert.same({ a = 1, b = { c = 2 }, n = 6, x = 3 }, mapped(options, { a = json.null, x = 3 }))
    assert.same({ a = 0, b = { c = "" }, n = false }, mapped(options,
      { a = 0, b = { c = "" }, n = false }))
    assert.same({ a = 1, e = 1 },
      mapped({ default = { a = 1, e = 1 }, empty = "drop" }, { a = "", b = "", e = "" }))
  end)

  it("converts to whole numbers", function()
    local function integer(value) return mapped({ convert = { a = "integer" } }, { a = value }) end
    for value, expected in pairs { ["12"] = 12, [" 0012 "] = 12, ["-5"] = -5, ["12-"] = -12,
      ["+3"] = 3, ["12.0"] = 12, ["9007199254740993"] = 9007199254740993, [3.0] = 3, [4] = 4,
      ["1e3"] = 1000 } do
      assert.same({ a = expected }, integer(value))
      assert.equal("integer", math.type(integer(value).a))
    end
    for _, value in ipairs { "", "x", "1.5", 1.5, "0x10", "1 2", "12345678901234567890", "--1",
      "-1-", "9007199254740993.0", true, "inf", "nan", "1e", "." } do
      assert.is_nil(integer(value))
    end
  end)

  it("converts to numbers, also of other countries", function()
    local function number(value, options)
      local how = { "number" }
      for key, option in pairs(options or {}) do how[key] = option end
      return (mapped({ convert = { a = how } }, { a = value }) or {}).a
    end
    assert.equal(12.5, number "12.50")
    assert.equal(-1000.0, number "-1e3")
    assert.equal("integer", math.type(number "7"))
    local german = { decimal = ",", thousands = "." }
    assert.equal(1234567.5, number("1.234.567,50", german))
    assert.equal(-12.5, number("12,5-", german))
    assert.equal(1234.5, number("1'234.5", { thousands = "'" }))
    assert.is_nil(number("1.5", { decimal = "," }))
    assert.is_nil(number("1,5"))
    assert.is_nil(number("1,5,6", { decimal = "," }))
  end)

  it("converts to text and to booleans", function()
    assert.same({ a = "1", b = "0.1", c = "true", d = "x", e = "1.0" },
      mapped({ convert = { a = "string", b = "string", c = "string", d = "string", e = "string" } },
        { a = 1, b = 0.1, c = true, d = "x", e = 1.0 }))
    assert.same({ a = true, b = false, c = true },
      mapped({ convert = { a = "boolean", b = "boolean", c = "boolean" } },
        { a = "Yes", b = 0, c = true }))
    assert.same({ a = true, b = false },
      mapped({ convert = { a = { "boolean", yes = { "X" }, no = { "" } },
        b = { "boolean", yes = { "X" }, no = { "" } } } }, { a = "X", b = "" }))
    refused({ convert = { a = "boolean" } }, { a = "maybe" })
    refused({ convert = { a = "string" } }, { a = {} })
  end)

  it("converts by a function, which may refuse or remove", function()
    local options = { convert = { a = function(value, data) return value .. data.b end } }
    assert.same({ a = "xy", b = "y" }, mapped(options, { a = "x", b = "y" }))
    options = { convert = { a = function() return nil end } }
    assert.same({ b = 1 }, mapped(options, { a = 1, b = 1 }))
    assert.matches("field 'a' is odd",
      refused({ convert = { a = function() return nil, "is odd" end } }, { a = 1 }))
    local out, code = mapped({ convert = { a = function() error "oh" end } }, { a = 1 })
    assert.same({ nil, "transform.failed" }, { out, code })
  end)

  it("names every field that it cannot convert, and leaves out those that are missing", function()
    local text = refused({ convert = { a = "integer", ["b.c"] = "number", d = "integer" } },
      { a = "x", b = { c = "y" } })
    assert.matches("field 'a'.*field 'b.c'", text)
    assert.same({ a = json.null }, mapped({ convert = { a = "integer", b = "integer" } },
      { a = json.null }))
  end)

  it("does all of it in its order", function()
    assert.same({ qty = 3, unit = "PC" }, mapped({ rename = { Menge = "qty", Alt = "old" },
      pick = { "qty", "old" }, drop = { "old" }, default = { unit = "PC" },
      convert = { qty = "integer" } }, { Menge = "3", Alt = "x", Rest = "y" }))
  end)

  it("leaves the data it was given alone, and marks of tables where they are", function()
    local data = { list = json.array {}, deep = { deeper = { a = 1 }, other = {} } }
    local copy = mapped({ convert = { ["deep.deeper.a"] = "string" }, drop = { "list.1" } }, data)
    assert.equal(1, data.deep.deeper.a)
    assert.equal("1", copy.deep.deeper.a)
    assert.equal(data.deep.other, copy.deep.other)
    assert.is_true(json.is_array(copy.list))
    local order = xml.decode("<o><z/><a/></o>").o
    assert.same({ "y", "a" }, xml.order(mapped({ rename = { z = "y" } }, order)))
    assert.same({ "z", "a" }, xml.order(mapped({ pick = { "a", "z" } }, order)))
    assert.same({ "z", "a" }, xml.order(order))
  end)

  it("rejects what is no record", function()
    for _, data in ipairs { "text", json.null } do
      local message = require "iflow.message"
      local out, rejected = transforms.run({ map {} }, message.new { data = data })
      assert.same({ 0, "transform.invalid" }, { #out, rejected[1].code })
    end
    local _, rejected = transforms.run({ map {} }, "a body")
    assert.equal("transform.invalid", rejected[1].code)
  end)

  it("raises for wrong options", function()
    raises("did you mean 'rename'", function() map { renam = {} } end)
    raises("'rename'", function() map { rename = { a = 1 } } end)
    raises("'pick'", function() map { pick = "a" } end)
    raises("did you mean 'integer'", function() map { convert = { a = "int" } } end)
    raises("did you mean 'decimal'",
      function() map { convert = { a = { "number", decima = "," } } } end)
    raises("'decimal'", function() map { convert = { a = { "number", decimal = ";" } } } end)
    raises("'thousands'", function() map { convert = { a = { "number", thousands = "1" } } } end)
  end)
end)
