-- The clock of tests: time passes when nothing else does.
local async = require "spec.support.async"
local clock = require "iflow.clock"
local core = require "iflow.core"
local iflow = require "iflow"
local new_clock = require "iflow.test.clock"

describe("the clock of tests", function()
  it("lets sleepers wake in their order, without waiting", async(function()
    local virtual <close> = new_clock()
    local began, woken = core.task.monotonic(), {}
    local results = iflow.all {
      function() clock.sleep(7200); woken[#woken + 1] = "two hours"; return true end,
      function() clock.sleep(60); woken[#woken + 1] = "a minute"; return true end,
      function() clock.sleep(3600); woken[#woken + 1] = "an hour"; return true end,
    }
    assert.equal(3, results.n)
    assert.same({ "a minute", "an hour", "two hours" }, woken)
    assert.is_true(virtual:elapsed() > 7199.999) -- sums of fractions
    assert.is_true(core.task.monotonic() - began < 30)
  end))

  it("stands still while something real goes on", async(function()
    local virtual <close> = new_clock()
    local early
    local work = iflow.spawn(function()
      local _ <close> = clock.work()
      core.task.sleep(0.2)
      early = virtual:elapsed() < 100
    end)
    clock.sleep(100)
    work:join()
    assert.is_true(early)
  end))

  it("moves on by hand", async(function()
    local virtual <close> = new_clock()
    local woken = {}
    local task = iflow.spawn(function()
      clock.sleep(60)
      woken[1] = true
      clock.sleep(6000)
      woken[2] = true
    end)
    virtual:advance "5m"
    assert.same({ true }, woken)
    task:cancel()
  end))

  it("gives the place back, with those who are cancelled", async(function()
    local before = clock.now()
    do
      local virtual <close> = new_clock()
      local task = iflow.spawn(clock.sleep, 1e6)
      core.task.sleep(0)
      task:cancel()
      clock.sleep(10)
      assert.is_true(virtual:elapsed() < 1e6)
      assert.is_true(clock.now() > before + 9.999)
    end
    assert.is_true(clock.now() < before + 10)
  end))
end)
