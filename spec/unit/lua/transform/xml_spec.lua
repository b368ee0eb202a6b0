local core = require "iflow.core"
local json = core.json
local message = require "iflow.message"
local to_xml = require "iflow.transform.to_xml"
local raises = require "spec.support.raises"
local transforms = require "spec.support.transforms"
local xml = require "iflow.transform.xml"

local DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

describe("xml", function()
  it("makes data of a document", function()
    local data, bad, messages = transforms.same_in_pieces({ xml {} },
      "<Order id='7'><Customer>ACME</Customer><Item>A</Item><Item>B</Item></Order>")
    assert.same({ { Order = { ["@id"] = "7", Customer = "ACME", Item = { "A", "B" } } } }, data)
    assert.same({}, bad)
    assert.same({ file = "input" }, messages[1].source)
  end)

  it("rejects a document that is broken, empty, or beyond a limit", function()
    for _, text in ipairs { "<a><b></a>", "", "<a/>x", "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>" } do
      local data, bad = transforms.same_in_pieces({ xml {} }, text)
      assert.same({}, data)
      assert.same({ "transform.invalid" }, { bad[1].code })
    end
    local _, bad = transforms.same_in_pieces({ xml { max_record = 10 } }, "<a>0123456789</a>")
    assert.equal("transform.invalid", bad[1].code)
  end)

  local orders = [[<Orders>
  <Order><Id>1</Id></Order>
  <Order><Id>too long</Id></Order>
  <Order><Id>3</Id></Order>
</Orders>]]

  it("gives a message an element of a path, and rejects one beyond a limit alone", function()
    local data, bad, messages = transforms.same_in_pieces(
      { xml { each = "/Orders/Order", max_text = 4, lists = { "Id" } } }, orders)
    assert.same({ { Id = { "1" } }, { Id = { "3" } } }, data)
    assert.same({ file = "input", line = 4, record = 3 }, messages[2].source)
    assert.equal(1, #bad)
    assert.same({ "transform.invalid", 3, 2 }, { bad[1].code, bad[1].line, bad[1].record })
  end)

  it("gives the elements before the place where the document breaks", function()
    local out, bad = transforms.run({ xml { each = "/a/b" } },
      message.new { id = "x", body = "<a><b>1</b><b>2</b><c></a>", source = { file = "f" } })
    assert.same({ "1", "2" }, transforms.data(out))
    assert.is_nil(out[1].id)
    assert.same({ "transform.invalid", 3 }, { bad[1].code, bad[1].record })
    assert.equal("", bad[1].message.body) -- nothing that was delivered is sent again
    out, bad = transforms.run({ xml { each = "/a/b" } }, "no XML")
    assert.same({ 0, 1, "no XML" }, { #out, #bad, bad[1].message.body })
  end)

  it("streams: it never holds more than a record and a piece", function()
    local record = ("<Order><Id>%d</Id><Text>%s</Text></Order>\n"):format(7, ("x"):rep(2000))
    local piece, left, count, most = record:rep(30), 200, 0, 0
    local function pieces()
      left = left - 1
      return left >= 0 and piece or left == -1 and "</Orders>" or nil
    end
    local transform = require "iflow.transform"
    local chain = transform.pipeline({ xml { each = "/Orders/Order" }, to_xml { root = "Order" } },
      function(msg)
        count = count + 1
        assert.equal(DECLARATION .. record:sub(1, -2), msg.body)
        if count % 500 == 0 then
          collectgarbage()
          most = math.max(most, collectgarbage "count")
        end
      end, function(_, err) error(err) end)
    collectgarbage()
    local before = collectgarbage "count"
    local begun = false
    chain:push(message.of(function()
      if begun then return pieces() end
      begun = true
      return "<Orders>"
    end))
    assert.equal(6000, count)
    assert.is_true(most < before + 2000)
  end)

  it("raises for wrong options at the line of the script", function()
    raises("unknown option 'path'", function() xml { path = "/a" } end)
    raises("path of elements", function() xml { each = "a/b" } end)
    raises("'lists'", function() xml { lists = "Item" } end)
    raises("'namespaces'", function() xml { namespaces = true } end)
    raises("prefix", function() xml { namespaces = { ["1"] = "u" } } end)
  end)
end)

describe("to_xml", function()
  local function write(options, data)
    local out, rejected = transforms.run({ to_xml(options) }, data)
    if rejected[1] then return nil, rejected[1].code end
    assert.equal("application/xml", out[1].content_type)
    return (out[1].body:gsub("^" .. DECLARATION:gsub("%p", "%%%0"), ""))
  end

  it("writes a document as it was read", function()
    local text = DECLARATION .. "<Order><Z/><Customer>ACME</Customer><A>a <b>b</b></A></Order>"
    local out = transforms.run({ xml {}, to_xml {} }, text)
    assert.equal(text, out[1].body)
  end)

  it("writes records, in an order, and lists", function()
    assert.equal("<Order><Qty>2</Qty><Id>1</Id></Order>",
      write({ root = "Order", order = { "Qty", "Id" } }, { Id = 1, Qty = 2 }))
    assert.equal("<Orders><Order><Id>1</Id></Order><Order><Id>2</Id></Order></Orders>",
      write({ root = "Orders", item = "Order" }, { { Id = 1 }, { Id = 2 } }))
    local options = { root = "o:Order", namespaces = { o = "urn:o" }, null = "empty" }
    assert.equal('<o:Order xmlns:o="urn:o"><Note/></o:Order>', write(options, { Note = json.null }))
  end)

  it("rejects what XML cannot hold, and a body", function()
    assert.same({ nil, "transform.invalid" }, { write({}, { a = "\1" }) })
    assert.same({ nil, "transform.invalid" }, { write({}, "text") })
  end)

  it("raises for wrong options", function()
    raises("did you mean 'root'", function() to_xml { rot = "a" } end)
    raises("'item' needs", function() to_xml { item = "a" } end)
    raises("'order'", function() to_xml { order = { a = "b" } } end)
    raises("'order'", function() to_xml { order = { a = { b = {} } } } end)
    raises("'namespaces'", function() to_xml { namespaces = { "u" } } end)
  end)
end)
