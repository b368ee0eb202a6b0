-- scripts/bench: that the command works, its rows are chosen by their ids, and what it writes
-- has the form that it promises. What it measures is nobody's business here.
local core = require "iflow.core"
local process = require "spec.support.process"

-- The sanitizers' module needs an interpreter of its own; the benchmark is about the release build.
describe("scripts/bench #stock", function()
  local function bench(...)
    local command = { "scripts/bench", ... }
    command.timeout, command.env = 300, { IFLOW_BUILD = assert(os.getenv "IFLOW_BUILD") }
    return process.run(command)
  end

  it("writes every entry as JSON and draws the ratios", function()
    local dir <close> = process.tempdir()
    local result = bench("--tiny", "--json", dir:file "out.json", "--plot", dir:file "out.svg",
      "json.encode", "cold.run")
    assert.equal(0, result.code, result.err)
    local ids, entries = {}, assert(core.json.decode(assert(dir:read "out.json")))
    for _, entry in ipairs(entries) do
      ids[entry.id] = true
      assert.equal("number", type(entry.value))
      assert.equal("string", type(entry.unit))
      assert.equal("string", type(entry.ratio_to))
      assert.is_truthy(entry.ratio == core.json.null or entry.ratio > 0)
    end
    assert.same({ ["json.encode"] = true, ["cold.run"] = true }, ids)
    for id in pairs(ids) do assert.is_truthy(result.out:find(id, 1, true)) end
    assert.is_truthy(core.xml.decode(assert(dir:read "out.svg")).svg)
  end)

  it("lists the rows that the ids begin with", function()
    local result = bench("--list", "cold")
    assert.equal("cold.run\ncold.run_cached\ncold.run_static\ncold.run_static_cached\n", result.out)
  end)

  it("refuses rows and options that it does not know", function()
    assert.equal(2, bench("warm.run").code)
    assert.equal(2, bench("--jsn", "x").code)
    assert.equal(2, bench("--json").code)
  end)
end)
