local core = require "iflow.core"
local raises = require "spec.support.raises"
local transforms = require "spec.support.transforms"
local validate = require "iflow.transform.validate"

local json = core.json

local function problems(schema, data)
  local out, rejected = transforms.run({ validate(schema) }, data)
  if out[1] then
    assert.equal(data, out[1].data)
    return {}
  end
  assert.equal("transform.invalid", rejected[1].code)
  return rejected[1].err.problems, rejected[1].err.message
end

-- How many problems a value has by a rule.
local function count(rule, value)
  return #problems({ fields = { a = rule } }, { a = value, x = 1 })
end

describe("validate", function()
  it("lets through what fits", function()
    assert.same({}, problems({ fields = {
      id = { type = "integer", required = true, min = 1 },
      sku = { type = "string", pattern = "^%u%d+$", max_length = 18 },
      state = { enum = { "open", "closed" } },
      owner = { fields = { name = { type = "string", required = true } }, extra = "refuse" },
      items = { min_length = 1, list = { fields = { qty = { type = "number", min = 0 } } } },
    } }, { id = 1, sku = "A1", state = "open", owner = { name = "x" }, items = { { qty = 0.5 } } }))
  end)

  it("tells everything that is wrong with a record at once", function()
    local found, text = problems({ fields = {
      id = { type = "integer", required = true }, name = { required = true },
      items = { list = { fields = { qty = { type = "number" } } } },
    }, extra = "refuse" }, { id = "1", items = { { qty = 1 }, { qty = "x" } }, other = 1 })
    assert.equal(4, #found)
    for at, part in ipairs { "'id'", "'items%[2%].qty'", "'name'", "'other'" } do
      assert.matches(part, found[at])
      assert.matches(part, text)
    end
  end)

  it("knows the types", function()
    local values = { string = "", number = 1.5, integer = 1, boolean = false, table = { a = 1 },
                     list = { 1 } }
    local also = { integer = { number = true } }
    for name in pairs(values) do
      for kind, value in pairs(values) do
        local fits = name == kind or (also[kind] or {})[name]
        assert.equal(fits and 0 or 1, count({ type = name }, value), name .. " " .. kind)
      end
    end
    assert.equal(0, count({ type = "list" }, json.array {}))
    assert.equal(1, count({ type = "table" }, json.array {}))
    assert.equal(0, count({ type = "table" }, {}))
    assert.equal(0, count({ type = "list" }, {}))
  end)

  it("takes null for missing", function()
    assert.equal(0, count({ type = "string" }, json.null))
    assert.equal(1, count({ required = true }, json.null))
    assert.equal(1, count({ required = true }, nil))
    assert.equal(0, count({ required = true }, false))
  end)

  it("checks values, ranges and lengths", function()
    assert.equal(1, count({ enum = { 1, "a" } }, "b"))
    assert.equal(0, count({ enum = { 1, "a" } }, 1))
    assert.equal(1, count({ pattern = "^a" }, "ba"))
    assert.equal(1, count({ pattern = "^a" }, 1))
    assert.equal(0, count({ min = 1, max = 2 }, 2))
    assert.equal(1, count({ min = 1, max = 2 }, 2.5))
    assert.equal(1, count({ min = 1, max = 2 }, 0))
    assert.equal(1, count({ min = 1 }, "1"))
    assert.equal(1, count({ min = 1 }, 0 / 0))
    assert.equal(0, count({ max_length = 3 }, "äöü"))
    assert.equal(1, count({ max_length = 2 }, "äöü"))
    assert.equal(1, count({ min_length = 1 }, ""))
    assert.equal(1, count({ min_length = 2 }, { 1 }))
    assert.equal(1, count({ min_length = 1 }, json.array {}))
  end)

  it("asks functions", function()
    local rule = { check = function(value, data) return value > data.x, "is not above x" end }
    assert.equal(0, count(rule, 2))
    assert.matches("'a' is not above x", problems({ fields = { a = rule } }, { a = 1, x = 1 })[1])
    assert.equal(1, count({ check = function() return false end }, 1))
  end)

  it("checks data that is a list or a single value", function()
    assert.same({}, problems({ list = { type = "integer" } }, { 1, 2 }))
    assert.matches("%[2%]", problems({ list = { type = "integer" } }, { 1, "x" })[1])
    assert.matches("the data", problems({ type = "list" }, { a = 1 })[1])
    assert.equal(1, #problems({ fields = {} , type = "table" }, { 1 }))
    local _, rejected = transforms.run({ validate {} }, "a body")
    assert.equal("transform.invalid", rejected[1].code)
  end)

  it("shows no more than twenty problems in its text", function()
    local list = {}
    for i = 1, 50 do list[i] = "x" end
    local found, text = problems({ list = { type = "integer" } }, list)
    assert.equal(50, #found)
    assert.matches("and 30 more", text)
  end)

  it("raises for wrong schemas, and says where", function()
    raises("the schema: unknown option 'field'", function() validate { field = {} } end)
    raises("the rule of 'a.b': option 'type'",
      function() validate { fields = { a = { fields = { b = { type = "int" } } } } } end)
    raises("the rule of 'a[]'", function() validate { fields = { a = { list = { mn = 1 } } } } end)
    raises("'pattern'", function() validate { fields = { a = { pattern = "[" } } } end)
    raises("'fields'", function() validate { fields = { "a" } } end)
    raises("table of options", function() validate { fields = { a = "integer" } } end)
  end)
end)
