-- An endpoint's pause by itself: who may go, and when.
local async = require "spec.support.async"
local core = require "iflow.core"
local destinations = require "iflow.sender.destination"
local iflow = require "iflow"
local new_clock = require "iflow.test.clock"

local failure = iflow.error { code = "call.unavailable", message = "down" }

before_each(function()
  destinations.reset()
  core.log.capture(true)
end)
after_each(function() core.log.capture(false) end)

-- A destination that was paused for a minute, which is over.
local function after_pause(clock)
  local destination = destinations.of("https://a.example/x", false)
  destination:try():pause(60, failure)
  assert.is_nil(destination:try())
  clock:advance "61s"
  return destination
end

describe("an endpoint after its pause", function()
  it("lets one message go as a probe, and nobody else meanwhile", async(function()
    local clock <close> = new_clock()
    local destination = after_pause(clock)
    local probe = destination:try()
    assert.is_true(probe.probe)
    assert.is_nil(destination:try())
    probe:fine()
    assert.is_false(destination:try().probe)
  end))

  it("is paused again when the probe fails", async(function()
    local clock <close> = new_clock()
    local destination = after_pause(clock)
    destination:try():pause(60, failure)
    assert.equal(2, destination:failures_in_row())
    assert.is_nil(destination:try())
    clock:advance "61s"
    assert.is_true(destination:try().probe)
  end))

  it("gets another probe when the first ends without a word", async(function()
    local clock <close> = new_clock()
    local destination = after_pause(clock)
    do
      local _ <close> = destination:try()
    end
    assert.is_true(destination:try().probe)
  end))

  it("is given up by who waits, after as many failed probes", async(function()
    local clock <close> = new_clock()
    local destination = after_pause(clock)
    destination:try():pause(60, failure)
    local ok, err = destination:wait(2)
    assert.is_nil(ok)
    assert.equal("call.unavailable", err.code)
    assert.is_true(destination:wait(3))
    assert.is_true(clock:elapsed() >= 120)
  end))
end)
