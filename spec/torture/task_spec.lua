-- Torture of tasks, what is made of them, and JSON: the n-th C allocation, then the n-th growth of
-- Lua's memory fails, for every n until nothing is left to fail. Out comes what was asked for, an
-- error of ours, or Lua's own "not enough memory"; and the state works as before. Needs the
-- interpreter of the sanitizer build.
local core = require "iflow.core"
local fault = require "fault"
local iflow = require "iflow"

-- Loaded before: a module that fails to load is no task of ours.
for _, name in ipairs { "all", "channel", "timeout" } do assert(iflow[name]) end

local run, spawn, sleep, park, wake = iflow.run, iflow.spawn, iflow.sleep, iflow.park, iflow.wake

local paths = {
  ["a task that is joined"] = function()
    return run(function() return spawn(function(...) return ... end, 1, 2, 3):join() end)
  end,
  ["tasks that sleep, park and are woken"] = function()
    return run(function()
      local parked = spawn(function() return park() end)
      sleep(0)
      wake(parked, "value")
      return parked:join()
    end)
  end,
  ["a timeout"] = function()
    return run(function()
      local value, err = iflow.timeout(0, park)
      if value == nil and err.code == "task.timeout" then return true end
      return nil, err
    end)
  end,
  ["a task that is cancelled"] = function()
    return run(function()
      local closed = false
      local t = spawn(function()
        local _ <close> = setmetatable({}, { __close = function() closed = true end })
        park()
      end)
      sleep(0)
      t:cancel()
      local _, err = t:join()
      return closed or nil, err
    end)
  end,
  ["an error that ends the run"] = function()
    local ok, err = pcall(run, function()
      spawn(error, "boom")
      park()
    end)
    if tostring(err):find "boom" then return true end
    return ok, core.error.wrap(err, "system.no_memory")
  end,
  ["a channel"] = function()
    return run(function()
      local ch, sum = iflow.channel(1), 0
      local sender = spawn(function()
        local _ <close> = ch
        for i = 1, 3 do ch:send(i) end
        return true
      end)
      for value in ch:values() do sum = sum + value end
      local _, err = sender:join()
      return sum == 6 or nil, err
    end)
  end,
  ["many functions at once"] = function()
    return run(function()
      local function wait(i)
        return function()
          sleep(0)
          return i
        end
      end
      return iflow.all({ wait(1), wait(2), wait(3) }, { limit = 2 })
    end)
  end,
  ["JSON read"] = function()
    return core.json.decode [[{"a":[1,2.5,null,"x\u00fc\n"],"b":{"c":true}}]]
  end,
  ["JSON written"] = function()
    return core.json.encode({ a = { 1, 2.5, "x\n" }, b = { c = true } }, { sort = true })
  end,
  ["a secret"] = function() return core.secret.new("x"):reveal() end,
}

-- Lets the n-th event of the kind fail, for n = 1, 2, … until none of them happens.
local function torture(kind, fn)
  local n, fired = 1, true
  while fired do
    local ok, value, err = pcall(function()
      fault.arm(kind, n)
      return fn()
    end)
    fired = fault.disarm()
    local what = ("failing %s %d: "):format(kind, n)
    if not ok then
      assert.is_truthy(tostring(value):find("not enough memory", 1, true), what .. tostring(value))
    elseif not value then
      assert.equal("system.no_memory", err.code, what .. tostring(err))
    end
    assert.same({ operations = 0, sockets = 0, timers = 0, tasks = 0 }, core.task.counts(), what)
    n = n + 1
  end
  collectgarbage()
  assert.is_truthy(fn())
end

describe("with memory running out", function()
  for _, kind in ipairs { "malloc", "lua" } do
    for name, fn in pairs(paths) do
      it(("(%s) %s survives"):format(kind, name), function() torture(kind, fn) end)
    end
  end
end)
