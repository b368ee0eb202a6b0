-- Character sets against Python's codecs and iconv(1).
local charset = require "iflow.transform.charset"
local process = require "spec.support.process"
local size = require "spec.support.size"
local transforms = require "spec.support.transforms"

-- Our name and Python's; sets that both know alike (Python has other macrons in IBM273).
local sets = {
  { "CP1252", "cp1252" }, { "ISO-8859-1", "latin-1" }, { "CP850", "cp850" }, { "IBM037", "cp037" },
  { "IBM500", "cp500" }, { "IBM1140", "cp1140" }, { "UTF-16LE", "utf-16-le" },
  { "UTF-32BE", "utf-32-be" }, { "UTF-8", "utf-8" },
}
local CHARACTERS = size.of(20000, 1000000)
local TEXTS = size.of(300, 5000)

local function run(command, ...)
  command.timeout = 300
  for _, word in ipairs { ... } do command[#command + 1] = word end
  local result = process.run(command)
  assert.equal("", result.err)
  assert.equal(0, result.code)
  return result.out
end

local function python(...) return run({ "python3", "spec/support/charset_peer.py" }, ...) end

-- A random text of the characters of a set.
local function random_text(repertoire)
  local characters, list = {}, {}
  for _, code in utf8.codes(repertoire) do characters[#characters + 1] = utf8.char(code) end
  for i = 1, CHARACTERS do list[i] = characters[math.random(#characters)] end
  return table.concat(list)
end

-- The converted text, or nil when it is rejected.
local function convert(options, text)
  local out, bad = transforms.run({ charset(options) },
    transforms.in_pieces(text, math.random(1, 70000)))
  if bad[1] then return nil end
  local ok, result = pcall(out[1].text, out[1], 1 << 30)
  if ok then return result end
  assert.equal("transform.invalid", result.code)
  return nil
end

local function hex(text)
  return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local function random_bytes(n)
  local list = {}
  for i = 1, n do list[i] = string.char(math.random(0, 255)) end
  return table.concat(list)
end

describe("charset", function()
  local seed = tonumber(os.getenv "IFLOW_SPEC_SEED") or os.time()
  local dir

  before_each(function()
    math.randomseed(seed)
    dir = process.tempdir()
  end)
  after_each(function() dir:close() end)

  for _, set in ipairs(sets) do
    local name, python_name = set[1], set[2]

    it(("agrees with Python and iconv on texts in %s (seed %d)"):format(name, seed), function()
      local text = random_text(python("repertoire", python_name))
      local path = dir:write("text", text)
      local encoded = python("encode", python_name, path)
      assert.is_true(convert({ to = name }, text) == encoded)
      assert.is_true(convert({ from = name }, encoded) == text)
      assert.is_true(run({ "iconv", "-f", "UTF-8", "-t", name, path }) == encoded)
    end)

    it(("agrees with Python on any bytes in %s (seed %d)"):format(name, seed), function()
      local samples, lines = {}, {}
      for at = 1, TEXTS do
        samples[at] = random_bytes(math.random(1, 8))
        lines[at] = hex(samples[at])
      end
      local at = 0
      for answer in python("decode", python_name, dir:write("x", table.concat(lines, "\n")))
        :gmatch "[^\n]+" do
        at = at + 1
        local found = convert({ from = name }, samples[at])
        assert.equal(answer, found and hex(found) or "bad", name .. " " .. lines[at])
      end
      assert.equal(TEXTS, at)
    end)
  end
end)
