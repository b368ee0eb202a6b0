-- Random JSON: what we write and read is the same again, and jq and Python read and write it alike.
local json = require("iflow.core").json
local process = require "spec.support.process"
local random_json = require "spec.support.random_json"
local size = require "spec.support.size"

local COUNT = size.of(3000, 100000)
local TIMEOUT = 600

local function seed()
  local value = tonumber(os.getenv "IFLOW_SPEC_SEED") or os.time()
  math.randomseed(value)
  return ("seed %d, value "):format(value)
end

-- assert() would take a document that says false for a failure.
local function decode(text, options)
  local value, err = json.decode(text, options)
  if value == nil then error(err) end
  return value
end

-- The lines of a program's output.
local function lines_of(command)
  command.timeout = TIMEOUT
  local result = process.run(command)
  assert.equal(0, result.code, result.err)
  local lines = {}
  for line in result.out:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines
end

-- Values and their texts, one a line.
local function values(floats)
  local list, texts = {}, {}
  for at = 1, COUNT do
    list[at] = random_json.value(4, floats)
    texts[at] = random_json.write(list[at])
  end
  return list, texts
end

local PYTHON = [[
import json, sys
for line in open(sys.argv[1], newline="\n", encoding="utf-8"):
    print(json.dumps(json.loads(line), sort_keys=True, ensure_ascii=False, separators=(",", ":")))
]]

-- Says yes or no for each line, by our rules where they are stricter than Python's: no name twice,
-- no half of a surrogate pair, no number that would change.
local JUDGE = [[
import json, math, sys
def members(pairs):
    if len(dict(pairs)) < len(pairs): raise ValueError("twice")
    return dict(pairs)
def integer(text):
    value = int(text)
    if not -2**63 <= value < 2**63 and int(float(value)) != value: raise ValueError("large")
    return value
def number(text):
    value = float(text)
    if math.isinf(value): raise ValueError("large")
    return value
def constant(text): raise ValueError(text)
for line in open(sys.argv[1], newline="\n", encoding="utf-8"):
    try:
        value = json.loads(line, object_pairs_hook=members, parse_int=integer, parse_float=number,
                           parse_constant=constant)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
        print("yes")
    except (ValueError, OverflowError):
        print("no")
]]

local pieces = { "{", "}", "[", "]", ",", ":", '"', "\\", "\\u", "d8", "0", "00", "1", "e", "E",
                 "+", "-", ".", "null", "true", " ", "\t", "/", "\1", "'", "NaN" }

-- The text with a piece more, less or changed.
local function damaged(text)
  local at = math.random(#text + 1)
  at = utf8.offset(text, 0, at)
  local rest = text:sub((utf8.offset(text, 2, at) or #text + 1))
  local piece = pieces[math.random(#pieces)]
  local kind = math.random(3)
  if kind == 1 then return text:sub(1, at - 1) .. rest end
  return text:sub(1, at - 1) .. piece .. (kind == 2 and text:sub(at) or rest)
end

describe("random JSON", function()
  it("survives decode(encode(x))", function()
    local where = seed()
    for at = 1, COUNT do
      local value = random_json.value(5, true)
      for _, options in ipairs { {}, { pretty = true, sort = true } } do
        local back = decode(assert(json.encode(value, options)))
        assert.is_true(random_json.same(value, back, true), where .. at)
      end
    end
  end)

  it("is for us what it was meant to be, however it is written", function()
    local where = seed()
    local list, texts = values(true)
    for at, text in ipairs(texts) do
      assert.is_true(random_json.same(list[at], decode(text), true), where .. at)
    end
  end)

  it("is refused where Python refuses it", function()
    local where = seed()
    local dir <close> = process.tempdir()
    local texts, refused = {}, 0
    for at = 1, COUNT do texts[at] = damaged(random_json.write(random_json.value(2, true))) end
    local given = dir:write("texts", table.concat(texts, "\n") .. "\n")
    for at, verdict in ipairs(lines_of { "python3", "-c", JUDGE, given }) do
      local value = json.decode(texts[at])
      assert.equal(verdict, value == nil and "no" or "yes", where .. at .. ": " .. texts[at])
      if value == nil then refused = refused + 1 end
    end
    assert.is_true(refused > COUNT / 4 and refused < COUNT)
  end)

  -- Without floats, whose texts differ, the texts are compared, too.
  for name, command in pairs { jq = { "jq", "-cS", "." }, Python = { "python3", "-c", PYTHON } } do
    for _, floats in ipairs { false, true } do
      it("is for " .. name .. " what it is for us" .. (floats and ", with floats" or ""), function()
        local where = seed()
        local dir <close> = process.tempdir()
        local list, texts = values(floats)
        local given = dir:write("values", table.concat(texts, "\n") .. "\n")
        local run = { table.unpack(command) }
        run[#run + 1] = given
        run.env = { PYTHONIOENCODING = "utf-8" }
        local theirs = lines_of(run)
        assert.equal(#list, #theirs)
        for at, text in ipairs(theirs) do
          local value = decode(text, { numbers = "float" })
          assert.is_true(random_json.same(list[at], value, name == "Python"), where .. at)
          if not floats then assert.equal(json.encode(list[at], { sort = true }), text) end
        end
      end)
    end
  end
end)
