-- What the readers and converters of bytes share: feed, finish, next; and that what they were given
-- stays while they need it, whatever the collector does.
local core = require "iflow.core"

local makers = {
  csv = function() return core.csv.reader { header = false } end,
  lines = function() return core.lines.reader {} end,
  fixed_width = function() return core.fixed_width.reader { columns = { { width = 3 } } } end,
  charset = function() return assert(core.charset.converter { from = "CP1252" }) end,
  compressor = function() return assert(core.gzip.compressor {}) end,
  decompressor = function() return assert(core.gzip.decompressor {}) end,
}

-- Everything that comes out of a text, in pieces of n bytes, as one text.
local function all(reader, text, n)
  local list = {}
  local function drain()
    while true do
      collectgarbage "step"
      local value, err = reader:next()
      assert.is_nil(value == nil and err or nil)
      if value == nil then return end
      list[#list + 1] = type(value) == "table" and table.concat(value, "|") or value
    end
  end
  for at = 1, #text, n do
    reader:feed(text:sub(at, at + n - 1))
    drain()
  end
  reader:finish()
  drain()
  return list
end

describe("a reader", function()
  for name, make in pairs(makers) do
    it("of " .. name .. " wants each piece used up, and no more after the end", function()
      local reader = make()
      assert.error_matches(function() reader:feed(1) end, "string expected")
      reader:feed ""
      repeat local value = reader:next() until value == nil
      reader:feed "x"
      assert.error_matches(function() reader:feed "y" end, "until it returns nil")
      assert.error_matches(function() reader:finish() end, "until it returns nil")
      repeat local value = reader:next() until value == nil
      reader:finish()
      assert.error_matches(function() reader:finish() end, "has ended")
      assert.error_matches(function() reader:feed "z" end, "has ended")
      repeat local value = reader:next() until value == nil
      assert.is_nil((reader:next()))
    end)

    it("of " .. name .. " raises on options it does not know", function()
      local from = name:find "compressor" and core.gzip or core[name]
      local constructor = from[name] or from.reader or from.converter
      assert.error_matches(function() constructor { nonsense = 1 } end, "nonsense")
    end)
  end

  it("keeps what it was given while it needs it", function()
    local text = '"a""b","cd"\nxyz,' .. ("long "):rep(20) .. '\n"a""b"'
    assert.same({ 'a"b|cd', "xyz|" .. ("long "):rep(20), 'a"b' }, all(makers.csv(), text, 13))
    assert.same('"a""b"', all(makers.lines(), text, 13)[3])
    assert.same('"a"', all(makers.fixed_width(), text, 13)[3])
    assert.equal(text, table.concat(all(makers.charset(), text, 13)))
    local packed = table.concat(all(makers.compressor(), text, 13))
    assert.equal(text, table.concat(all(makers.decompressor(), packed, 13)))
  end)

  it("of csv keeps the names, null and the columns", function()
    local header, columns = {}, {}
    for i = 1, 20 do header[i], columns[i] = "name " .. i, "name " .. i end
    local reader = core.csv.reader { header = header, null = "nu" .. "ll", null_value = { "null" } }
    local writer = core.csv.writer { columns = columns, line_end = "\n", null = "no" .. "ne" }
    collectgarbage()
    reader:feed(("x,"):rep(19) .. "null\n")
    local record = reader:next()
    assert.same({ "null" }, record["name 20"])
    record["name 20"] = nil
    collectgarbage()
    assert.equal(("x,"):rep(19) .. "none\n", writer:line(record))
    assert.equal(20, #reader:header())
  end)
end)
