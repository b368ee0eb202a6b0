local async = require "spec.support.async"
local core = require "iflow.core"
local state = require "iflow.sandbox.state"

describe("the state", function()
  it("never grows beyond what the next start reads", async(function()
    local dir = assert(core.file.tempdir("iflow-spec-"))
    local kept = assert(state.open(dir, 5000))
    assert(kept:save())
    local ok, err = kept:change(function(data) data.big = ("x"):rep(5000) end,
                                function(data) data.big = nil end)
    assert.is_nil(ok)
    assert.equal("sandbox.failed", err.code)
    assert.matches("5000 is the most", err.message, 1, true)
    assert.is_nil(kept.data.big)
    assert(kept:change(function(data) data.small = 1 end))
    assert.equal(1, assert(state.open(dir, 5000)).data.small)
    assert(core.file.remove(dir, { recursive = true }))
  end))
end)
