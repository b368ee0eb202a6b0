-- The time limit that many requests share.
local async = require "spec.support.async"
local core = require "iflow.core"
local deadlines = require "iflow.sandbox.deadlines"
local process = require "spec.support.process"

describe("a shared deadline", function()
  it("passes for those that were not released, in their order, and then nothing runs", async(
    function()
      local late = {}
      local shared = deadlines.new(0.05, function(item) late[#late + 1] = item end)
      local links = {}
      for i = 1, 6 do links[i] = shared:watch(i) end
      for _, i in ipairs { 1, 3, 6 } do deadlines.release(links[i]) end
      process.wait_for("the late ones", function() return #late == 3 end)
      assert.same({ 2, 4, 5 }, late)
      for i = 1, 6 do deadlines.release(links[i]) end -- once more does nothing
      process.wait_for("the end of the watch", function() return shared.watcher == nil end)
      shared:watch "again"
      process.wait_for("the next one", function() return late[4] == "again" end)
    end))

  it("is over when it is closed", async(function()
    local late = false
    local shared = deadlines.new(0.05, function() late = true end)
    shared:watch(1)
    shared:close()
    core.task.sleep(0.2)
    assert.is_false(late)
    deadlines.new(1, print):close()
  end))
end)
