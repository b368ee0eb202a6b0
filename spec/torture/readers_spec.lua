-- Torture of the readers and converters of bytes: the n-th C allocation of ours, then the n-th
-- growth of Lua's memory fails, for every n until nothing is left to fail. Out comes what was asked
-- for, an error of ours, or Lua's own "not enough memory"; nothing is lost (the sanitizers look).
-- Needs the interpreter of the sanitizer build.
local core = require "iflow.core"
local torture = require "spec.support.torture"

-- How much comes out of the text, in pieces of n bytes; nil, err.
local function count(reader, text, n)
  local found = 0
  for at = 1, #text + n, n do
    if at > #text then reader:finish() else reader:feed(text:sub(at, at + n - 1)) end
    while true do
      local value, a, _, b = reader:next()
      local err = a
      if value == false then err = b or _ end
      if value == nil and err == nil then break end
      if not value then return nil, err end
      found = found + 1
    end
  end
  return found
end

local text = 'id,name\n1,"a ""quoted"" name, and a line\nbreak"\n2,x\n' .. ("3,y\n"):rep(20)
local packed = "\31\139\8\0\0\0\0\0\0\3\203\72\205\201\201\7\0\134\166\16\54\5\0\0\0" -- hello

local paths = {
  ["csv with names"] = function() return count(core.csv.reader {}, text, 7) end,
  ["csv in lists"] = function()
    return count(core.csv.reader { header = false, null = "x", null_value = {} }, text, 100)
  end,
  ["csv written"] = function()
    local writer = core.csv.writer { columns = { "a", "b" } }
    return writer:line { a = 'x"y', b = 1.5 }
  end,
  lines = function() return count(core.lines.reader {}, text, 9) end,
  ["fixed width"] = function()
    return count(core.fixed_width.reader { pad = true,
      columns = { { name = "a", width = 2 }, { name = "b", width = 300 } } }, "äö\nü and more\n", 5)
  end,
  charset = function()
    local converter, err = core.charset.converter { from = "CP1252", replace = true }
    if not converter then return nil, err end
    return count(converter, "Gr\xf6\xdfe \x81", 3)
  end,
  gzip = function()
    local compressor, err = core.gzip.compressor {}
    if not compressor then return nil, err end
    return count(compressor, text, 50)
  end,
  gunzip = function()
    local decompressor, err = core.gzip.decompressor {}
    if not decompressor then return nil, err end
    return count(decompressor, packed, 4)
  end,
}

for what, fn in pairs(paths) do
  it(what .. " survives every failure of memory", function()
    assert.is_true(torture("malloc", fn) >= 2)
    assert.is_true(torture("lua", fn) > 2)
  end)
end
