-- CSV against Python's csv module, on random values and on random texts that may be no CSV at all.
local core = require "iflow.core"
local csv = require "iflow.transform.csv"
local process = require "spec.support.process"
local size = require "spec.support.size"
local to_csv = require "iflow.transform.to_csv"
local transforms = require "spec.support.transforms"

local RECORDS = size.of(2000, 20000) -- of about five values each
local TEXTS = size.of(5000, 100000)

local parts = { "a", "Z9", " ", ",", ";", '"', '""', "\n", "\r\n", "\r", "\t", "ä", "漢", "𝄞", "''",
  "0", "-1.5", "NULL", "\xef\xbb\xbf" }

local function random_text(longest)
  local list = {}
  for i = 1, math.random(0, longest) do list[i] = parts[math.random(#parts)] end
  return table.concat(list)
end

local function random_records()
  local list = {}
  for i = 1, RECORDS do
    local record = {}
    for k = 1, math.random(1, 9) do record[k] = random_text(math.random(20) == 1 and 300 or 6) end
    list[i] = record
  end
  return list
end

local function json_lines(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do list[#list + 1] = assert(core.json.decode(line)) end
  return list
end

local function peer(...)
  local result = process.run { "python3", "spec/support/csv_peer.py", timeout = 300, ... }
  assert.equal("", result.err)
  assert.equal(0, result.code)
  return result.out
end

-- assert.same names no place in a list of thousands.
local function same(expected, found, what)
  for at = 1, math.max(#expected, #found) do
    assert.same(expected[at], found[at], what .. " " .. at)
  end
end

local function written(records, delimiter)
  local out, bad = transforms.run({ to_csv { delimiter = delimiter } }, records)
  assert.same({}, bad)
  return out[1].body
end

local function read(text, delimiter)
  local out, bad = transforms.run({ csv { header = false, delimiter = delimiter } },
    transforms.in_pieces(text, math.random(1, 70000)))
  return transforms.data(out), bad
end

describe("csv and Python", function()
  local seed = tonumber(os.getenv "IFLOW_SPEC_SEED") or os.time()
  local dir

  before_each(function()
    math.randomseed(seed)
    dir = process.tempdir()
  end)
  after_each(function() dir:close() end)

  for _, delimiter in ipairs { ",", ";", "\t" } do
    it(("agree on what we write with %q (seed %d)"):format(delimiter, seed), function()
      local records = random_records()
      local text = written(records, delimiter)
      local found, bad = read(text, delimiter)
      assert.same({}, bad)
      same(records, found, "record")
      same(records, json_lines(peer("read", dir:write("x.csv", text), delimiter)), "record")
    end)

    it(("agree on what Python writes with %q (seed %d)"):format(delimiter, seed), function()
      local records, lines = random_records(), {}
      records[1][1] = "no mark" -- what begins with a byte order mark loses it
      for at, record in ipairs(records) do lines[at] = assert(core.json.encode(record)) end
      local text = peer("write", dir:write("x.json", table.concat(lines, "\n")), delimiter)
      local found, bad = read(text, delimiter)
      assert.same({}, bad)
      same(records, found, "record")
    end)
  end

  it(("agree on which texts are CSV (seed %d)"):format(seed), function()
    local texts = {}
    for at = 1, TEXTS do
      local text = random_text(12)
      texts[at] = text:find "^\xef\xbb\xbf" and "x" .. text or text -- a mark is no data for us
    end
    local judged = json_lines(peer("judge", dir:write("x.json", core.json.encode(texts))))
    assert.equal(TEXTS, #judged)
    local fine = 0
    for at, text in ipairs(texts) do
      local found, bad = read(text, ",")
      if judged[at] == core.json.null then
        assert.is_true(#bad > 0, ("%q"):format(text))
      else
        assert.same({}, bad, ("%q"):format(text))
        assert.same(judged[at], found, ("%q"):format(text))
        fine = fine + 1
      end
    end
    assert.is_true(fine > TEXTS / 10 and fine < TEXTS) -- both kinds were met
  end)
end)
