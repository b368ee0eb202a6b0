-- Torture of XML: the n-th C allocation of ours, then the n-th growth of Lua's memory fails, for
-- every n until nothing is left to fail. Out comes what was asked for, an error of ours, or Lua's
-- own "not enough memory"; nothing is lost (the sanitizers look). Needs the interpreter of the
-- sanitizer build.
local fault = require "fault"
local xml = require("iflow.core").xml

-- Lets the n-th event of the kind fail, for n = 1, 2, … until none of them happens. Returns n.
local function torture(kind, fn)
  local n, fired = 1, true
  while fired do
    local ok, value, err = pcall(function()
      fault.arm(kind, n)
      return fn()
    end)
    fired = fault.disarm()
    local what = ("failing %s %d"):format(kind, n)
    if not ok then
      assert.is_truthy(tostring(value):find("not enough memory", 1, true), what .. tostring(value))
    elseif not value then
      assert.equal("system.no_memory", err.code, what .. ": " .. tostring(err))
    end
    value, err = nil, nil -- luacheck: ignore
    n = n + 1
  end
  collectgarbage()
  assert.is_truthy(fn())
  return n
end

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
