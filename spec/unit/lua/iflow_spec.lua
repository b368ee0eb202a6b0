local iflow = require "iflow"
local core = require "iflow.core"

describe("require 'iflow'", function()
  it("loads names when they are used, and keeps them", function()
    assert.equal(core.task.run, iflow.run)
    assert.equal(core.json, iflow.json)
    assert.equal(require "iflow.error", iflow.error)
    assert.equal(iflow.run, rawget(iflow, "run"))
    assert.matches("^%d+%.%d+%.%d+$", iflow.version)
  end)

  it("raises for a name it does not have, with the nearest one", function()
    local _, err = pcall(function() return iflow.tennat end)
    assert.matches("iflow_spec.lua:%d+: iflow has no 'tennat', did you mean 'tenant'%?$", err)
    _, err = pcall(function() return iflow[1] end)
    assert.matches("iflow has no '1'$", err)
  end)

  it("sets no global", function()
    local before = {}
    for name in pairs(_G) do before[name] = true end
    for _, name in ipairs { "run", "all", "channel", "semaphore", "timeout", "error", "json" } do
      assert.is_not_nil(iflow[name])
    end
    for name in pairs(_G) do assert.is_true(before[name], name) end
  end)
end)
