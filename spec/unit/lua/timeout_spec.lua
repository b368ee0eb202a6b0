local async = require "spec.support.async"
local iflow = require "iflow"

describe("iflow.timeout", function()
  it("returns what the function returns in time", async(function()
    local results = table.pack(iflow.timeout("1s", function(...)
      iflow.sleep(0.001)
      return ...
    end, 1, nil, 3))
    assert.same({ 1, nil, 3, n = 3 }, results)
    assert.same({ nil, "no", n = 2 }, table.pack(iflow.timeout(1, function() return nil, "no" end)))
  end))

  it("cancels the function when the time is over, and lets it clean up first", async(function()
    local closed = false
    local value, err = iflow.timeout(0.005, function()
      local _ <close> = setmetatable({}, { __close = function() closed = true end })
      iflow.park()
    end)
    assert.is_nil(value)
    assert.equal("task.timeout", err.code)
    assert.matches("0.005 s", err.message)
    assert.is_true(closed)
  end))

  it("raises what the function raises", async(function()
    local _, err = pcall(iflow.timeout, 1, function() error "boom" end)
    assert.matches("boom\nstack traceback:", err)
    local value = {}
    assert.equal(value, select(2, pcall(iflow.timeout, 1, function() error(value) end)))
  end))

  it("raises when the cleaning up fails", async(function()
    local _, err = pcall(iflow.timeout, 0.002, function()
      pcall(iflow.park)
      error "cleaning up"
    end)
    assert.matches("cleaning up", err)
  end))

  it("takes the function along when it is cancelled itself", async(function()
    local closed = false
    local t = iflow.spawn(iflow.timeout, 60, function()
      local _ <close> = setmetatable({}, { __close = function() closed = true end })
      iflow.park()
    end)
    iflow.sleep(0.001)
    t:cancel()
    t:join()
    iflow.sleep(0)
    assert.is_true(closed)
  end))

  it("can be nested: the shorter one counts", async(function()
    local value, err = iflow.timeout(60, function()
      local _, inner = iflow.timeout(0.002, iflow.park)
      return inner.code
    end)
    assert.equal("task.timeout", value)
    assert.is_nil(err)
    local inner_saw, _
    _, err = iflow.timeout(0.002, function()
      local ok, why = pcall(iflow.timeout, 60, iflow.park)
      inner_saw = not ok and why.code
      error(why)
    end)
    assert.equal("task.timeout", err.code)
    assert.equal("task.canceled", inner_saw)
  end))

  it("raises for wrong arguments, and outside iflow.run", function()
    assert.error_matches(function() iflow.timeout(1) end, "a duration and a function")
    assert.error_matches(function() iflow.timeout(1, print) end, "inside iflow%.run")
  end)
end)
