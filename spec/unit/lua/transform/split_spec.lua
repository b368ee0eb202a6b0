local core = require "iflow.core"
local message = require "iflow.message"
local raises = require "spec.support.raises"
local split = require "iflow.transform.split"
local transforms = require "spec.support.transforms"

local function parts(options, data)
  local out, rejected = transforms.run({ split(options) }, data)
  return transforms.data(out), rejected, out
end

describe("split", function()
  it("gives a message an item of a list", function()
    local data, rejected, out = parts({ field = "items" }, { items = { { a = 1 }, "x" } })
    assert.same({ { a = 1 }, "x" }, data)
    assert.same({}, rejected)
    assert.same({ file = "input", record = 2 }, out[2].source)
    assert.same({ 1, 2 }, parts({ field = "a.b" }, { a = { b = { 1, 2 } } }))
    assert.same({ 1, 2 }, parts({}, { 1, 2 }))
  end)

  it("leaves the number of the record that it splits", function()
    local whole = message.new { data = { 1, 2 }, source = { line = 9, record = 7 } }
    local out = transforms.run({ split {} }, whole)
    assert.same({ line = 9, record = 7 }, out[2].source)
  end)

  it("takes a single value for a list of one, and an empty list for none", function()
    assert.same({ { x = 1 } }, parts({ field = "Item" }, { Item = { x = 1 } }))
    assert.same({}, parts({ field = "Item" }, { Item = core.json.array {} }))
  end)

  it("copies fields of the whole into each item", function()
    local data = { Id = 7, head = { date = "d" }, items = { { a = 1 }, { a = 2, Id = 8 }, "x" } }
    local list, rejected = parts({ field = "items", copy = { "Id", "head.date", "none" } }, data)
    assert.same({ { a = 1, Id = 7, date = "d" }, { a = 2, Id = 7, date = "d" } }, list)
    assert.same({ { a = 1 }, { a = 2, Id = 8 }, "x" }, data.items)
    assert.same({ 1, "transform.invalid", 3 }, { #rejected, rejected[1].code, rejected[1].record })
  end)

  it("rejects a message without the field", function()
    for _, data in ipairs { { a = 1 }, { items = core.json.null }, "a body" } do
      local out, rejected = parts({ field = "items" }, data)
      assert.same({ 0, "transform.invalid" }, { #out, rejected[1].code })
    end
  end)

  it("asks a function for a list or an iterator", function()
    assert.same({ 1, 2 }, parts({ by = function(msg) return msg.data.l end }, { l = { 1, 2 } }))
    assert.same({ 3, 2, 1 }, parts({ by = function(msg)
      local n = msg.data.n + 1
      return function()
        n = n - 1
        return n > 0 and n or nil
      end
    end }, { n = 3 }))
    local function by(msg) return { msg:with { body = "x" } } end
    local out = transforms.run({ split { by = by } }, message.new { id = "i", data = {} })
    assert.same({ "x", "i" }, { out[1].body, out[1].id })
  end)

  it("rejects what the function refuses or gets wrong", function()
    local function by(fn) return select(2, parts({ by = fn }, { a = 1 }))[1].code end
    assert.equal("transform.failed", by(function() return nil, "no" end))
    assert.equal("transform.failed", by(function() return 1 end))
    assert.equal("transform.failed", by(function() error "oh" end))
  end)

  it("drops the id of the whole", function()
    local out = transforms.run({ split {} }, message.new { id = "i", data = { 1, 2 } })
    assert.is_nil(out[1].id)
  end)

  it("raises for wrong options", function()
    raises("did you mean 'field'", function() split { feld = "a" } end)
    raises("'by'", function() split { by = function() end, field = "a" } end)
    raises("'copy'", function() split { copy = "a" } end)
  end)
end)
