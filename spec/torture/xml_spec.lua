-- Torture of XML: the n-th C allocation of ours, then the n-th growth of Lua's memory fails, for
-- every n until nothing is left to fail. Out comes what was asked for, an error of ours, or Lua's
-- own "not enough memory"; nothing is lost (the sanitizers look). Needs the interpreter of the
-- sanitizer build.
local torture = require "spec.support.torture"
local xml = require("iflow.core").xml

local text = [[<o:Orders xmlns:o="urn:o"><Head x="1">text &amp; more</Head>
  <Order id="1"><Sku>A</Sku><Qty>2</Qty></Order><Order id="2"><Qty>1</Qty><Sku>B</Sku><Qty/></Order>
  <Note>mixed <b>bold</b> text</Note></o:Orders>]]

local paths = {
  ["a document read"] = function() return xml.decode(text, { lists = { "Head" } }) end,
  ["a document with namespaces"] = function()
    return xml.decode(text, { namespaces = { p = "urn:o", q = "urn:q" } })
  end,
  ["records read"] = function()
    local reader = xml.reader { each = "/o:Orders/Order" }
    local count = 0
    for at = 1, #text + 100, 100 do
      if at > #text then reader:finish() else reader:feed(text:sub(at, at + 99)) end
      for data, err in function() return reader:next() end do
        if data == false then return nil, err end
        count = count + 1
      end
      local data, err = reader:next()
      if data == nil and err then return nil, err end
    end
    return count == 2
  end,
  ["a document written"] = function()
    local data = { a = { ["@k"] = "<v>", b = { 1, { c = "&" } },
      ["p:d"] = { ["#mixed"] = { "x", { e = 1.5 } } } } }
    return xml.encode(data,
      { pretty = true, namespaces = { p = "urn:p" }, order = { "p:d", b = { "c" } } })
  end,
}

for what, fn in pairs(paths) do
  it(what .. " survives every failure of memory", function()
    assert.is_true(torture("malloc", fn) > 2)
    assert.is_true(torture("lua", fn) > 5)
  end)
end
