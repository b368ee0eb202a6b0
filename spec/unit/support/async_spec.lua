-- The helper that guards every other spec must itself be able to fail.
local async = require "spec.support.async"
local core = require "iflow.core"

local function error_of(body, options)
  local ok, err = pcall(async(body, options))
  return not ok and tostring(err)
end

describe("spec.support.async", function()
  it("passes what ends and leaves nothing open", function()
    local got
    async(function(...)
      core.task.sleep(0.001)
      got = { ... }
    end)(1, 2)
    assert.same({ 1, 2 }, got)
  end)

  it("fails for an error in the body", function()
    assert.matches("boom", error_of(function() error "boom" end))
  end)

  it("fails for an error in a task of the body", function()
    assert.matches("boom", error_of(function()
      core.task.spawn(function() error "boom" end)
      core.task.sleep(60)
    end))
  end)

  it("fails for a body that hangs", function()
    assert.matches("did not end within 0.02 s",
      error_of(function() core.task.sleep(60) end, { limit = 0.02 }))
  end)

  it("fails for a body that cancels itself", function()
    assert.matches("task.canceled", error_of(function()
      core.task.current():cancel()
      core.task.sleep(1)
    end))
  end)

  it("fails for a server that is left open", function()
    local server
    local err = error_of(function()
      server = assert(core.server.new { request = function() end })
    end)
    core.task.run(function() server:close(0) end)
    assert.matches("left open: .*sockets", err)
  end)
end)
