local async = require "spec.support.async"
local core = require "iflow.core"

local task = core.task
local spawn, sleep, park, wake = task.spawn, task.sleep, task.park, task.wake

local function nothing() end

-- An object whose __close adds its name to a list.
local function closing(list, name)
  return setmetatable({}, { __close = function() list[#list + 1] = name end })
end

-- Lets every other ready task have its turn.
local function breathe() sleep(0) end

local function code_of(err) return core.error.is(err) and err.code or tostring(err) end

describe("run", function()
  it("returns the results of its function", function()
    local results = table.pack(task.run(function(...) return ... end, 1, nil, "x"))
    assert.same({ 1, nil, "x", n = 3 }, results)
    assert.same({ n = 0 }, table.pack(task.run(nothing)))
  end)

  it("ends when every task has ended", function()
    local ended = false
    task.run(function()
      spawn(function()
        sleep(0.01)
        ended = true
      end)
    end)
    assert.is_true(ended)
    assert.equal(0, task.counts().tasks)
  end)

  it("raises the error of its function, text with the traceback", function()
    local ok, err = pcall(task.run, function() error "boom" end)
    assert.is_false(ok)
    assert.matches("task_spec.lua:%d+: boom\nstack traceback:\n", err)
  end)

  it("raises other error values as they are", function()
    local value = {}
    assert.equal(value, select(2, pcall(task.run, function() error(value) end)))
    assert.is_nil(select(2, pcall(task.run, function() error(nil) end)))
    local err = core.error.make { code = "call.rejected", message = "no" }
    assert.equal(err, select(2, pcall(task.run, function() error(err) end)))
    assert.matches("^stack traceback:", err.traceback)
  end)

  it("can be called again after an error", function()
    pcall(task.run, function() error "boom" end)
    assert.equal(7, task.run(function() return 7 end))
  end)

  it("cancels the other tasks when one fails that nobody joins, and lets them clean up", function()
    local closed = {}
    local _, err = pcall(task.run, function()
      spawn(function()
        local _ <close> = closing(closed, "waiting")
        park()
      end)
      spawn(function()
        breathe()
        error "unjoined"
      end)
      local _ <close> = closing(closed, "main")
      park()
    end)
    assert.matches("unjoined\nstack traceback:", err)
    table.sort(closed)
    assert.same({ "main", "waiting" }, closed)
    assert.equal(0, task.counts().tasks)
  end)

  it("starts nothing more once it is ending", function()
    local started = false
    pcall(task.run, function()
      spawn(function()
        pcall(park)
        spawn(function() started = true end)
      end)
      breathe()
      error "boom"
    end)
    assert.is_false(started)
  end)

  it("raises inside a running one", function()
    task.run(function()
      local _, err = pcall(function() task.run(nothing) end)
      assert.matches("task_spec.lua:%d+: iflow.run is running already", err)
    end)
  end)

  it("runs in a coroutine of the script's own", function()
    local result = coroutine.wrap(function()
      return task.run(function()
        sleep(0.001)
        return "done"
      end)
    end)()
    assert.equal("done", result)
  end)

  it("raises a deadlock instead of waiting for ever", function()
    local ok, err = pcall(task.run, function()
      spawn(park)
      park()
    end)
    assert.is_false(ok)
    assert.equal("task.deadlock", code_of(err))
  end)

  it("takes a function only", function()
    assert.error_matches(function() task.run(1) end, "function expected")
  end)
end)

describe("spawn", function()
  it("hands arguments over and starts in order", async(function()
    local order = {}
    for i = 1, 3 do spawn(function(n) order[#order + 1] = n end, i) end
    assert.same({}, order)
    breathe()
    assert.same({ 1, 2, 3 }, order)
  end))

  it("works outside run, too: the next one runs it", function()
    local order = {}
    spawn(function() order[1] = "first" end)
    task.run(function() order[#order + 1] = "second" end)
    assert.same({ "first", "second" }, order)
  end)

  it("carries many tasks at little cost", async(function()
    collectgarbage()
    local before = collectgarbage "count"
    local tasks = {}
    for i = 1, 2000 do tasks[i] = spawn(park) end
    breathe()
    collectgarbage()
    local each = (collectgarbage "count" - before) / 2000
    assert.is_true(each < 5, ("%.1f KB a parked task"):format(each))
    for _, t in ipairs(tasks) do assert.is_true(wake(t)) end
  end))
end)

describe("task:join", function()
  it("waits and returns the results", async(function()
    local t = spawn(function(...)
      sleep(0.005)
      return ...
    end, 1, nil, 3)
    assert.same({ 1, nil, 3, n = 3 }, table.pack(t:join()))
    assert.equal("returned", t:state())
  end))

  it("is known to the task that is waited for", async(function()
    local t = spawn(function()
      sleep(0)
      return core.task.current():awaited()
    end)
    assert.is_false(t:awaited())
    assert.is_true(t:join())
    assert.is_false(t:awaited())
  end))

  it("can be repeated, by several tasks", async(function()
    local t = spawn(function()
      breathe()
      return "x"
    end)
    local a, b = spawn(t.join, t), spawn(t.join, t)
    assert.equal("x", a:join())
    assert.equal("x", b:join())
    assert.equal("x", t:join())
  end))

  it("returns the error of the task as a value", async(function()
    local t = spawn(function() error "boom" end)
    local result, err = t:join()
    assert.is_nil(result)
    assert.equal("script.failed", err.code)
    assert.matches("task_spec.lua:%d+: boom$", err.message)
    assert.matches("^stack traceback:", err.traceback)
    assert.equal("failed", t:state())
  end))

  it("keeps an error that is no text as the cause", async(function()
    local value = { 1 }
    local _, err = spawn(function() error(value) end):join()
    assert.equal(value, err.cause)
    local mine = core.error.make { code = "call.rejected", message = "no" }
    _, err = spawn(function() error(mine) end):join()
    assert.equal(mine, err)
  end))

  it("gives up after its timeout, and the task goes on", async(function()
    local t = spawn(function() return park() end)
    local result, err = t:join(0.005)
    assert.is_nil(result)
    assert.equal("task.timeout", err.code)
    assert.is_true(err.retryable)
    assert.is_true(wake(t, "late"))
    assert.equal("late", t:join("1s"))
  end))

  it("of itself raises", async(function()
    assert.error_matches(function() task.current():join() end, "cannot join itself")
  end))

  it("leaves no trace when it is cancelled", async(function()
    local t = spawn(function() return park() end)
    local joiner, other = spawn(t.join, t), spawn(t.join, t)
    breathe()
    joiner:cancel()
    wake(t, 5)
    assert.equal(5, other:join())
    assert.equal("task.canceled", select(2, joiner:join()).code)
  end))
end)

describe("task:cancel", function()
  it("raises in the wait, so that everything is closed", async(function()
    local closed, caught = {}, nil
    local t = spawn(function()
      local _ <close> = closing(closed, "closed")
      local ok, err = pcall(sleep, 60)
      caught = not ok and code_of(err)
      sleep(60)
    end)
    breathe()
    t:cancel()
    local _, err = t:join()
    assert.equal("task.canceled", err.code)
    assert.equal("task.canceled", caught)
    assert.same({ "closed" }, closed)
    assert.equal("canceled", t:state())
  end))

  it("stops a task that has not begun", async(function()
    local began = false
    local t = spawn(function() began = true end)
    t:cancel()
    assert.equal("task.canceled", select(2, t:join()).code)
    assert.is_false(began)
  end))

  it("comes back at every wait, and closes a task that never gives up", async(function()
    local waits, closed = 0, {}
    local t = spawn(function()
      local _ <close> = closing(closed, "closed")
      while true do
        pcall(sleep, 60)
        waits = waits + 1
      end
    end)
    breathe()
    t:cancel()
    assert.equal("task.canceled", select(2, t:join()).code)
    assert.is_true(waits > 1 and waits < 100)
    assert.same({ "closed" }, closed)
  end))

  it("does not lose what a wait was already given", async(function()
    local got, err
    local t = spawn(function()
      got = park()
      err = select(2, pcall(sleep, 60))
    end)
    breathe()
    wake(t, "value")
    t:cancel()
    t:join()
    assert.equal("value", got)
    assert.equal("task.canceled", err.code)
  end))

  it("of a task that ended does nothing", async(function()
    local t = spawn(function() return 1 end)
    assert.equal(1, t:join())
    t:cancel()
    assert.equal(1, t:join())
  end))

  it("does not end the run when nobody joins", async(function()
    local t = spawn(park)
    breathe()
    t:cancel()
    breathe()
  end))

  it("ends the run when the cleaning up fails", function()
    local _, err = pcall(task.run, function()
      local t = spawn(function()
        pcall(park)
        error "cleaning up"
      end)
      breathe()
      t:cancel()
      breathe()
    end)
    assert.matches("cleaning up", err)
  end)

  it("happens at the end of a block for a task in a <close> variable", async(function()
    local t
    do
      local child <close> = spawn(park)
      t = child
      breathe()
    end
    assert.equal("task.canceled", select(2, t:join()).code)
  end))

  it("of the run's own function makes run raise", function()
    local _, err = pcall(task.run, function()
      task.current():cancel()
      park()
    end)
    assert.equal("task.canceled", code_of(err))
  end)
end)

describe("park and wake", function()
  it("hand values over", async(function()
    local t = spawn(function() return park() end)
    breathe()
    assert.is_true(wake(t, "a", nil, 3))
    assert.is_false(wake(t, "again"))
    assert.same({ "a", nil, 3, n = 3 }, table.pack(t:join()))
    assert.is_false(wake(t))
  end))

  it("do not reach a task that waits for something else", async(function()
    local t = spawn(sleep, 0.005)
    breathe()
    assert.is_false(wake(t, 1))
    assert.same({ n = 0 }, table.pack(t:join()))
  end))

  it("time out", async(function()
    local value, err = park(0.002)
    assert.is_nil(value)
    assert.equal("task.timeout", err.code)
  end))

  it("after a timeout come too late", async(function()
    local t = spawn(function()
      local _, err = park(0.002)
      return err.code, park(0.002)
    end)
    sleep(0.05)
    assert.is_false(wake(t, "late"))
    assert.equal("task.timeout", (t:join()))
  end))
end)

describe("a waiting function", function()
  local function refused(fn, text)
    local ok, err = pcall(fn)
    assert.is_false(ok)
    assert.matches(text, tostring(err))
  end

  it("raises outside run", function()
    refused(function() sleep(1) end,
      "task_spec.lua:%d+: 'sleep' waits, so it must be called inside iflow.run")
    refused(function() park() end, "inside iflow.run")
  end)

  it("raises in a coroutine that the script resumes itself", async(function()
    refused(function() coroutine.wrap(function() sleep(1) end)() end,
      "'sleep' waits, but it was called in a coroutine that the script resumes itself")
  end))

  it("raises where nothing can yield", async(function()
    refused(function() table.sort({ 3, 2, 1 }, function() sleep(0) end) end, "table.sort")
  end))

  it("raises in a finalizer", async(function()
    local ok, err
    setmetatable({}, { __gc = function() ok, err = pcall(sleep, 0) end })
    collectgarbage()
    collectgarbage()
    assert.is_false(ok)
    assert.matches("cannot wait", err)
  end))

  it("waits through pcall, metamethods and iterators", async(function()
    local t = setmetatable({}, { __index = function(_, k)
      sleep(0.001)
      return k
    end })
    assert.equal("x", t.x)
    assert.is_true(pcall(sleep, 0.001))
    for v in function(_, last)
      sleep(0.001)
      if not last then return 1 end
    end do assert.equal(1, v) end
  end))
end)

describe("a script that meddles with coroutines", function()
  it("cannot yield out of a task", async(function()
    local _, err = spawn(function() coroutine.yield(1) end):join()
    assert.matches("coroutine.yield was called in a task", err.message)
  end))

  it("cannot resume a task that waits", async(function()
    local co
    local t = spawn(function()
      co = coroutine.running()
      park(0.01)
    end)
    breathe()
    local ok, err = coroutine.resume(co)
    assert.is_false(ok)
    assert.matches("resumed with coroutine.resume", err)
    assert.equal("script.failed", select(2, t:join()).code)
  end))

  it("cannot break the run by closing a task's coroutine", async(function()
    local co
    local t = spawn(function()
      co = coroutine.running()
      park(0.01)
    end)
    breathe()
    assert.is_true(coroutine.close(co))
    assert.equal("script.failed", select(2, t:join()).code)
  end))

  it("may use coroutines of its own inside a task", async(function()
    local co = coroutine.wrap(function()
      for i = 1, 3 do coroutine.yield(i) end
    end)
    assert.equal(1, co())
    sleep(0.001)
    assert.equal(2, co())
  end))
end)

describe("sleep", function()
  it("takes numbers and texts", async(function()
    local before = task.monotonic()
    sleep("20ms")
    sleep(0.02)
    assert.is_true(task.monotonic() - before >= 0.039)
  end))

  it("refuses what is no duration", function()
    for _, d in ipairs { -1, 0 / 0, math.huge, "5x", "", "1e3", "s", ".5s", "1.s", {}, true } do
      assert.error_matches(function() sleep(d) end, "duration", nil, nil, tostring(d))
    end
  end)

  it("of many tasks takes as long as the longest", async(function()
    local before = task.monotonic()
    for i = 1, 200 do spawn(sleep, (i % 5) / 100) end
    sleep(0.05)
    assert.is_true(task.monotonic() - before < 30)
  end))

  it("lets timers and sockets have their turn while tasks are always ready", async(function()
    local busy = true
    spawn(function() while busy do breathe() end end)
    sleep(0.01)
    busy = false
  end))
end)

describe("current", function()
  it("is the running task, or nil outside", async(function()
    local t = spawn(function() return task.current() end)
    assert.equal(t, (t:join()))
  end))

  it("is nil outside run", function() assert.is_nil(task.current()) end)
end)

describe("counts", function()
  it("tells what is open", async(function()
    local t = spawn(sleep, 60)
    breathe()
    assert.same({ operations = 0, sockets = 0, timers = 2, tasks = 3 },
      { operations = 0, sockets = 0, timers = task.counts().timers, tasks = task.counts().tasks })
    t:cancel()
  end))
end)

describe("signal", function()
  local function raise_signal() os.execute("kill -USR1 " .. core.process.pid()) end

  it("starts its function as a task, also one that waits", async(function()
    local me, heard = task.current(), 0
    task.signal("USR1", function()
      sleep(0.001)
      heard = heard + 1
      wake(me, "signal")
    end)
    raise_signal()
    assert.equal("signal", park(10))
    raise_signal()
    assert.equal("signal", park(10))
    task.signal("USR1", nil)
    assert.equal(2, heard)
  end))

  it("is heard while the run is ending", function()
    local heard = false
    task.signal("USR1", function() heard = true end)
    pcall(task.run, function()
      spawn(function()
        pcall(park)
        raise_signal()
      end)
      breathe()
      error "boom"
    end)
    task.run(sleep, 0.01)
    task.signal("USR1", nil)
    assert.is_true(heard)
  end)

  it("takes known names and functions only", function()
    assert.error_matches(function() task.signal("KILL", nothing) end, "invalid option")
    assert.error_matches(function() task.signal("INT", 1) end, "function expected")
  end)
end)

describe("the collector", function()
  it("at every allocation changes nothing", function()
    local mode = collectgarbage("incremental", 0, 1000)
    local sum = 0
    task.run(function()
      local tasks = {}
      for i = 1, 50 do
        tasks[i] = spawn(function(n)
          sleep(0.001)
          local v = park()
          return n + v
        end, i)
      end
      sleep(0.02)
      for i, t in ipairs(tasks) do
        if i % 5 == 0 then t:cancel() else wake(t, 1) end
      end
      for _, t in ipairs(tasks) do sum = sum + (t:join() or 0) end
    end)
    collectgarbage(mode, 200, 100)
    assert.equal(1275 + 50 - (5 + 10 + 15 + 20 + 25 + 30 + 35 + 40 + 45 + 50) - 10, sum)
  end)

  it("keeps a waiting task that nobody holds", async(function()
    local ended = false
    spawn(function()
      sleep(0.005)
      ended = true
    end)
    breathe()
    collectgarbage()
    sleep(0.02)
    assert.is_true(ended)
  end))
end)
