local core = require "iflow.core"
local raises = require "spec.support.raises"
local template = require "iflow.transform.template"
local transforms = require "spec.support.transforms"

local function filled(options, data)
  local out, rejected = transforms.run({ template(options) }, data)
  if rejected[1] then return nil, rejected[1].code, rejected[1].err.message end
  return out[1].body, out[1].content_type
end

describe("template", function()
  it("fills in fields, also of paths and lists", function()
    local data = { id = 7, address = { city = "Köln" }, items = { { sku = "A" }, { sku = "B" } },
                   ["a.b"] = "dots", ok = false, big = 9007199254740993, part = 0.1 }
    assert.equal("7 Köln B dots false 9007199254740993 0.1!", (filled({
      text = "${id} ${address.city} ${items.2.sku} ${a.b} ${ok} ${big} ${part}!" }, data)))
  end)

  it("leaves other dollars alone", function()
    assert.equal("$ $1 {id} ${id} $$7 }", (filled({ text = "$ $1 {id} $${id} $$7 }" }, {})))
    assert.equal("${id}", (filled({ text = "$${id}" }, {})))
    assert.equal("", (filled({ text = "" }, {})))
  end)

  it("rejects a record without a field, unless there is a default", function()
    local text, code, message = filled({ text = "${id}" }, { x = 1 })
    assert.same({ nil, "transform.invalid" }, { text, code })
    assert.matches("'id' is missing", message)
    assert.equal("none", (filled({ text = "${id:none}" }, { id = core.json.null })))
    assert.equal("", (filled({ text = "${a.b:}" }, {})))
    assert.equal("a:b", (filled({ text = "${x:a:b}" }, {})))
    assert.same({ nil, "transform.invalid" }, { (filled({ text = "${a}" }, { a = {} })),
      (select(2, filled({ text = "${a}" }, { a = 1 / 0 }))) })
  end)

  it("escapes values for XML and for JSON, and not the text", function()
    local data = { a = "<&\"\n\\" }
    assert.same({ "<a>&lt;&amp;&quot;&#10;\\</a>", "application/xml" },
      { filled({ text = "<a>${a}</a>", escape = "xml" }, data) })
    assert.same({ [[{"a":"<&\"\n\\"}]], "application/json" },
      { filled({ text = '{"a":"${a}"}', escape = "json" }, data) })
    assert.same({ "<&\"\n\\", "text/plain" }, { filled({ text = "${a}" }, data) })
    assert.equal("text/x", select(2, filled({ text = "", content_type = "text/x" }, data)))
    for _, escape in ipairs { "xml", "json" } do
      assert.is_nil((filled({ text = "${a}", escape = escape }, { a = "\255" })))
    end
  end)

  it("rejects a message without data", function()
    assert.is_nil((filled({ text = "${a}" }, "a body")))
  end)

  it("raises for a wrong text or option", function()
    raises("'text' is missing", function() template {} end)
    raises("without its '}'", function() template { text = "a ${b" } end)
    raises("without the name", function() template { text = "a ${}" } end)
    raises("without the name", function() template { text = "a ${:x}" } end)
    raises("'escape'", function() template { text = "", escape = "html" } end)
  end)
end)
