-- iflow.step, iflow.pollfd and iflow.next_timeout: what a program with a loop of its own drives
-- tasks by. How well that goes with real loops: spec/system/embed_spec.lua.
local core = require "iflow.core"
local process = require "spec.support.process"

local task = core.task
local spawn, sleep, park, step = task.spawn, task.sleep, task.park, task.step

local function nothing() end

-- Steps until the function says so, or nothing is left to do.
local function step_until(check)
  local deadline = os.time() + 60
  while not check() do
    if not step(1) then break end
    assert(os.time() < deadline, "waited in vain")
  end
  return check()
end

-- Steps as long as a step is due at once.
local function settle()
  for _ = 1, 100 do
    if task.next_timeout() ~= 0 then return end
    step()
  end
  error "a step is always due"
end

-- Ends what a test has left.
local function drain() step_until(function() return task.counts().tasks == 0 end) end

describe("step", function()
  after_each(function()
    drain()
    task.drop_idle()
    assert.same({ operations = 0, sockets = 0, timers = 0, tasks = 0 }, task.counts())
  end)

  it("runs what was spawned outside of iflow.run, in order", function()
    local order = {}
    for i = 1, 3 do spawn(function(n) order[#order + 1] = n end, i) end
    assert.same({}, order)
    assert.is_false(step())
    assert.same({ 1, 2, 3 }, order)
  end)

  it("does not wait unless it is told to", function()
    local waiting <close> = spawn(sleep, 3600)
    for _ = 1, 5 do assert.is_true(step()) end
    assert.equal("waiting", waiting:state())
  end)

  it("waits for what comes first: a timer, or the end of its time", function()
    local woken = false
    spawn(function()
      sleep(0.02)
      woken = true
    end)
    step()
    local began = task.monotonic()
    assert.is_true(step_until(function() return woken end))
    assert.is_true(task.monotonic() - began >= 0.015)
    local waiting <close> = spawn(sleep, 3600)
    settle()
    began = task.monotonic()
    assert.is_true(step "30ms")
    assert.is_true(task.monotonic() - began >= 0.025)
    assert.equal("waiting", waiting:state())
  end)

  it("does not wait when there is nothing to wait for", function()
    drain()
    assert.is_false(step(3600))
  end)

  it("takes a task that is woken from outside", function()
    local got
    local parked = spawn(function() got = { park() } end)
    step()
    assert.is_true(task.wake(parked, 1, "x"))
    assert.equal(0, task.next_timeout())
    step()
    assert.same({ 1, "x" }, got)
    assert.equal("returned", parked:state())
  end)

  it("leaves the results with the task", function()
    local t = spawn(function() return 1, nil, "x" end)
    step()
    assert.same({ 1, nil, "x", n = 3 }, table.pack(t:join()))
    local failed = spawn(error, "boom")
    assert.error_matches(step, "boom")
    assert.equal("script.failed", select(2, failed:join()).code)
  end)

  it("works across threads and sockets", function()
    local answers, n = 0, 20
    spawn(function()
      local server <close> = assert(core.server.new { tls = false, request = function(request)
        assert(core.file.stat(".", { follow = true }))
        request:answer(200, nil, "ok")
      end })
      local url = "http://127.0.0.1:" .. server:port() .. "/"
      local calls = {}
      for i = 1, n do calls[i] = spawn(core.http.request, { url = url, timeout = 60 }) end
      for _, call in ipairs(calls) do
        if call:join().status == 200 then answers = answers + 1 end
      end
    end)
    drain()
    assert.equal(n, answers)
  end)

  it("raises the error of a task that nobody joins; the others go on", function()
    local ended = false
    spawn(function()
      sleep(0.001)
      ended = true
    end)
    spawn(error, "first")
    spawn(error, "second")
    local ok, err = pcall(step)
    assert.is_false(ok)
    assert.matches("^first\nstack traceback:\n", err)
    assert.equal(0, task.next_timeout())
    assert.error_matches(step, "second")
    drain()
    assert.is_true(ended)
  end)

  it("raises an iflow.error as it is", function()
    local err = core.error.make { code = "call.rejected", message = "no" }
    spawn(error, err)
    assert.equal(err, select(2, pcall(step)))
  end)

  it("does not raise what a join waits for", function()
    local got
    spawn(function()
      local _, err = spawn(error, "boom"):join()
      got = err.code
    end)
    drain()
    assert.equal("script.failed", got)
  end)

  it("lets a task be cancelled, which closes what it has open", function()
    local closed = false
    local t = spawn(function()
      local mark <close> = setmetatable({}, { __close = function() closed = true end })
      sleep(3600)
      return mark
    end)
    step()
    t:cancel()
    assert.is_false(step())
    assert.is_true(closed)
    assert.equal("canceled", t:state())
  end)

  it("may be called in a coroutine of the program's own", function()
    local ran
    coroutine.wrap(function()
      spawn(function()
        sleep(0)
        ran = task.current() ~= nil
      end)
      drain()
    end)()
    assert.is_true(ran)
  end)

  it("takes a duration only", function()
    assert.error_matches(function() step "soon" end, "duration")
    assert.error_matches(function() step {} end, "duration")
    assert.error_matches(function() step(-1) end, "duration")
  end)
end)

describe("where loops meet,", function()
  after_each(drain)

  local function raised_in_step(fn, ...)
    local err
    spawn(function(...) err = select(2, pcall(fn, ...)) end, ...)
    step()
    return err
  end

  it("step inside iflow.run raises", function()
    task.run(function()
      local _, err = pcall(function() step() end)
      assert.matches("step_spec.lua:%d+: iflow.step is for a loop of the program's own", err)
    end)
  end)

  it("step inside a step raises", function()
    assert.matches("iflow.step was called in a task", raised_in_step(function() step() end))
  end)

  it("iflow.run inside a step raises", function()
    assert.matches("iflow.run was called in a task that iflow.step runs",
      raised_in_step(function() task.run(nothing) end))
  end)

  it("iflow.run raises while there are tasks that steps drive, and works otherwise", function()
    local waiting = spawn(sleep, 3600)
    step()
    assert.error_matches(function() task.run(nothing) end, "would hold up the program's own loop")
    waiting:cancel()
    step()
    assert.equal(7, task.run(function() return 7 end))
  end)

  it("what waits outside of a task raises, and tells what to do in such a program", function()
    step()
    assert.error_matches(function() sleep(1) end, "where iflow.step is called, inside iflow.spawn")
  end)
end)

describe("next_timeout", function()
  after_each(drain)

  it("is 0 as long as a step is due at once", function()
    spawn(nothing)
    assert.equal(0, task.next_timeout())
    step()
    spawn(sleep, 3600):cancel()
    assert.equal(0, task.next_timeout())
  end)

  it("is the time until the first timer", function()
    local late <close> = spawn(sleep, 3600)
    local early <close> = spawn(sleep, 0.5)
    settle()
    local seconds = task.next_timeout()
    assert.is_true(seconds <= 0.5, seconds)
    assert.equal(late:state(), early:state())
  end)


  it("is 0 after a task has begun to watch something, until the kernel has been told", function()
    local server <close> = assert(core.server.new { tls = false, request = nothing })
    assert.equal(0, task.next_timeout())
    settle()
    assert.is_truthy(server:port())
  end)
end)

describe("pollfd", function()
  it("and next_timeout are all a program needs that has no other wishes", function()
    assert.equal("10\n", (function()
      local dir <close> = process.tempdir()
      local result = process.run { process.lua, dir:write("program.lua", [[
        local iflow = require "iflow"
        local fd = iflow.pollfd()
        assert(math.type(fd) == "integer")
        local parked = iflow.spawn(iflow.park)
        while iflow.next_timeout() == 0 do iflow.step() end
        assert(iflow.next_timeout() == nil and iflow.pollfd() == fd)
        iflow.wake(parked)
        local n = 0
        for _ = 1, 10 do
          iflow.spawn(function()
            iflow.sleep(0.001)
            n = n + 1
          end)
        end
        while iflow.step(iflow.next_timeout()) do end
        print(n)
      ]]) }
      assert.equal("", result.err)
      return result.out
    end)())
  end)
end)

describe("a program that drives no task", function()
  local function errors_of(text)
    local dir <close> = process.tempdir()
    local result = process.run { process.lua, dir:write("program.lua", text) }
    assert.equal(0, result.code, result.err)
    return result.err
  end

  it("is told at its end that they have not run", function()
    assert.matches("iflow%.run", errors_of [[require "iflow".spawn(print, "never")]])
  end)

  it("is told nothing when it drove them in vain, or had none", function()
    assert.equal("", errors_of [[require "iflow".step()]])
    assert.equal("", errors_of [[
      local iflow = require "iflow"
      iflow.spawn(iflow.sleep, 60)
      iflow.step()
    ]])
  end)

  it("may spawn tasks before iflow.run, which runs them, too", function()
    assert.equal("", errors_of [[
      local iflow = require "iflow"
      local ran = false
      iflow.spawn(function()
        iflow.sleep(0.001)
        ran = true
      end)
      assert(iflow.run(function() return not ran end))
      assert(ran)
    ]])
  end)
end)
