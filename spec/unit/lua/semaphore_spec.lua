local async = require "spec.support.async"
local iflow = require "iflow"

describe("iflow.semaphore", function()
  it("lets no more in than it has permits", async(function()
    local sem, inside, most, tasks = iflow.semaphore(3), 0, 0, {}
    for i = 1, 12 do
      tasks[i] = iflow.spawn(function()
        local _ <close> = assert(sem:acquire())
        inside = inside + 1
        most = math.max(most, inside)
        iflow.sleep(0.001)
        inside = inside - 1
      end)
    end
    for _, t in ipairs(tasks) do t:join() end
    assert.equal(3, most)
    assert.equal(3, sem:available())
  end))

  it("gives permits in the order of asking", async(function()
    local sem, order = iflow.semaphore(1), {}
    local first = sem:acquire()
    for i = 1, 3 do
      iflow.spawn(function()
        local _ <close> = sem:acquire()
        order[#order + 1] = i
      end)
    end
    iflow.sleep(0)
    first:release()
    for _ = 1, 5 do iflow.sleep(0) end
    assert.same({ 1, 2, 3 }, order)
  end))

  it("counts a permit that is released twice once", async(function()
    local sem = iflow.semaphore(2)
    local permit = sem:acquire()
    permit:release()
    permit:release()
    assert.equal(2, sem:available())
  end))

  it("gives up after the timeout, without taking a permit", async(function()
    local sem = iflow.semaphore(1)
    local permit = sem:acquire()
    local none, err = sem:acquire(0.002)
    assert.is_nil(none)
    assert.equal("task.timeout", err.code)
    permit:release()
    assert.equal(1, sem:available())
  end))

  it("gets permits back from tasks that fail or are cancelled", async(function()
    local sem = iflow.semaphore(1)
    local failing = iflow.spawn(function()
      local _ <close> = sem:acquire()
      error "boom"
    end)
    failing:join()
    local canceled = iflow.spawn(function()
      local _ <close> = sem:acquire()
      iflow.park()
    end)
    iflow.sleep(0)
    canceled:cancel()
    canceled:join()
    assert.equal(1, sem:available())
  end))

  it("raises for a wrong number of permits", function()
    for _, permits in ipairs { 0, -1, 1.5, "1", false } do
      assert.error_matches(function() iflow.semaphore(permits) end, "whole number")
    end
  end)
end)
