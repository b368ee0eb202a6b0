local async = require "spec.support.async"
local iflow = require "iflow"

-- A function that waits, counting how many do so at once.
local function counted(state, result)
  return function()
    state.now = (state.now or 0) + 1
    state.most = math.max(state.most or 0, state.now)
    iflow.sleep(0.002)
    state.now = state.now - 1
    return result
  end
end

describe("iflow.all", function()
  it("returns every result in the order of the functions", async(function()
    local fns = {}
    for i = 1, 10 do
      fns[i] = function()
        iflow.sleep((10 - i) / 1000)
        return i * i
      end
    end
    local results, errors = iflow.all(fns)
    assert.same({ 1, 4, 9, 16, 25, 36, 49, 64, 81, 100, n = 10 }, results)
    assert.is_nil(errors)
  end))

  it("runs no more at once than the limit", async(function()
    local state, fns = {}, {}
    for i = 1, 20 do fns[i] = counted(state, i) end
    assert.equal(20, iflow.all(fns, { limit = 3 }).n)
    assert.equal(3, state.most)
  end))

  it("asks an iterator only when a task may start", async(function()
    local state, asked, ahead = {}, 0, 0
    local results = iflow.all(function()
      ahead = math.max(ahead, asked - (state.ended or 0))
      if asked == 12 then return nil end
      asked = asked + 1
      return function()
        iflow.sleep(0.001)
        state.ended = (state.ended or 0) + 1
        return true
      end
    end, { limit = 2 })
    assert.equal(12, results.n)
    assert.is_true(ahead <= 2)
  end))

  it("collects nil, err by position", async(function()
    local results, errors = iflow.all {
      function() return 1 end,
      function() return nil, "refused" end,
      function() end,
      function() return false end,
    }
    assert.same({ 1, nil, nil, false, n = 4 }, results)
    assert.same({ [2] = "refused" }, errors)
  end))

  it("of nothing is nothing", async(function()
    assert.same({ n = 0 }, (iflow.all {}))
  end))

  it("raises what a function raises, after the others were cancelled", async(function()
    local closed = 0
    local function waits()
      local _ <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
      iflow.park()
    end
    local ok, err = pcall(iflow.all, { waits, function()
      iflow.sleep(0.001)
      error "boom"
    end, waits })
    assert.is_false(ok)
    assert.matches("boom\nstack traceback:", err)
    assert.equal(2, closed)
  end))

  it("starts nothing more after an error", async(function()
    local started = 0
    pcall(iflow.all, function()
      started = started + 1
      return function() error "boom" end
    end, { limit = 1 })
    assert.is_true(started <= 2)
  end))

  it("takes its tasks along when it is cancelled", async(function()
    local closed = 0
    local t = iflow.spawn(iflow.all, { function()
      local _ <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
      iflow.park()
    end })
    iflow.sleep(0.002)
    t:cancel()
    assert.equal("task.canceled", select(2, t:join()).code)
    iflow.sleep(0)
    iflow.sleep(0)
    assert.equal(1, closed)
  end))

  it("raises for wrong arguments", async(function()
    assert.error_matches(function() iflow.all(5) end, "list of functions or an iterator")
    assert.error_matches(function() iflow.all { 5 } end, "item 1 is a number")
    assert.error_matches(function() iflow.all({}, { limits = 1 }) end, "did you mean 'limit'")
    assert.error_matches(function() iflow.all({}, { limit = 0 }) end, "whole number from 1")
  end))
end)
