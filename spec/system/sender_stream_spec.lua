-- A file larger than anybody wants in memory goes through `iflow run --sender`: in constant memory,
-- with a bad record in the middle that is named, mended and sent again. 2 GiB in a full run.
local async = require "spec.support.async"
local core = require "iflow.core"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"
local size = require "spec.support.size"

-- The address sanitizer holds back what was freed: its build only proves that all arrives.
local ASAN = os.getenv "ASAN_OPTIONS" ~= nil
local SIZE = size.of(ASAN and 1 << 24 or 1 << 27, 1 << 31)
local ROOM = ASAN and math.huge or 60 * 1000 * 1000

local SCRIPT = [[
local iflow = require "iflow"
local transform = iflow.transform
iflow.sender "rows" {
  to        = "/http/orders",
  transform = {
    transform.csv {},
    transform.map { drop = { "note" }, convert = { id = "integer", price = "number" } },
    transform.batch { count = 100, field = "rows" },
    transform.to_json {},
  },
}
]]

local NOTE = ("Bitte vor Anlieferung anrufen, \"\"Tor 7\"\".\n"):rep(20)

-- Writes about `bytes` bytes of CSV, each record over 21 lines; the price of the one in the
-- middle is no number. Returns the number of records, and that of the bad one.
local function write_csv(path, bytes)
  local file = assert(io.open(path, "wb"))
  file:write "id,customer,price,note\r\n"
  local row = ('%%d,"Müller, Söhne & Co.",%%s,"%s"\r\n'):format(NOTE)
  local last = bytes // #row:format(1000000, "12.50")
  local bad = last // 2
  for id = 1, last do
    assert(file:write(row:format(id, id == bad and "12.5O" or "12.50")))
  end
  assert(file:close())
  return last, bad
end

-- A flow that adds up what it gets.
local function adding()
  local sum = { messages = 0, rows = 0, ids = 0, prices = 0 }
  return sum, function(exchange)
    local batch = assert(core.json.decode(exchange.body))
    sum.messages = sum.messages + 1
    for _, row in ipairs(batch.rows) do
      assert(row.note == nil and row.customer == "Müller, Söhne & Co.")
      sum.rows, sum.ids, sum.prices = sum.rows + 1, sum.ids + row.id, sum.prices + row.price
    end
    return 200, {}, ""
  end
end

-- Runs iflow in the directory: its result, and the most memory that it had (bytes).
local function run(dir, land, ...)
  local command = { process.iflow, "run", "rows.lua", "--sender", "rows", "--service-key",
    land:key("certificate").path, "--cacert", land.cacert, "--token-cache", "off", ... }
  command.dir = dir.path
  command.env = { HOME = dir.path, https_proxy = "" }
  local started <close> = process.start(command)
  local most = 0
  process.wait_for("the file to be sent", function()
    local status = process.read(("/proc/%d/status"):format(started.pid)) or ""
    most = math.max(most, (tonumber(status:match "VmHWM:%s*(%d+) kB") or 0) * 1024)
    return not started:alive()
  end, size.of(300, 1800))
  return started:wait(), most
end

describe("a file that does not fit into memory", function()
  it("is sent, but for a bad record, which is mended and sent alone", async(function()
    local sum, process_of_flow = adding()
    local land <close> = landscape.open { process = process_of_flow }
    local dir <close> = process.tempdir()
    dir:write("rows.lua", SCRIPT)
    local count, bad = write_csv(dir:file "rows.csv", SIZE)

    local result, most = run(dir, land, "--input", "rows.csv", "--rejects", "bad.jsonl")
    assert.equal(1, result.code, result.err)
    assert.is_true(most > 1 << 20 and most < ROOM, ("%.1f MB"):format(most / 1e6))
    assert.same({ count - 1, count * (count + 1) // 2 - bad, (count - 1) * 12.5 },
      { sum.rows, sum.ids, sum.prices })
    assert.equal((count - 1 + 99) // 100, sum.messages)
    -- The header is line 1, each record has 21.
    local place = ("rows.csv:%d (record %d)"):format(2 + (bad - 1) * 21, bad)
    assert.is_truthy(result.err:find("transform.invalid: " .. place, 1, true), result.err)

    local line = dir:read "bad.jsonl"
    local entry = assert(core.json.decode(line))
    assert.equal("12.5O", entry.message.data.price)
    dir:write("bad.jsonl", (line:gsub("12%.5O", "12.50")))
    local before = sum.messages
    result = run(dir, land, "--again", "bad.jsonl")
    assert.equal(0, result.code, result.err)
    assert.same({ count, count * (count + 1) // 2, count * 12.5, before + 1 },
      { sum.rows, sum.ids, sum.prices, sum.messages })
  end, { limit = size.of(300, 1800) }))
end)
