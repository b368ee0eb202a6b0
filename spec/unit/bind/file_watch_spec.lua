local async = require "spec.support.async"
local core = require "iflow.core"

local file = core.file

describe("core.file.watch", function()
  local dir

  before_each(function() dir = assert(file.tempdir "iflow-spec-") end)
  after_each(function() assert(file.remove(dir, { recursive = true })) end)

  -- Changes come in several events; takes them all.
  local function calm(watcher) while watcher:wait(0.05) do end end

  it("wakes for a file that is made, written, moved in and removed", async(function()
    local watcher <close> = assert(file.watch(dir))
    assert.is_false(watcher:wait(0))
    local changes = {
      function() assert(io.open(dir .. "/a", "w")):close() end,
      function() local f <close> = assert(io.open(dir .. "/a", "a")); f:write "x" end,
      function() assert(os.rename(dir .. "/a", dir .. "/b")) end,
      function() assert(os.remove(dir .. "/b")) end,
    }
    for _, change in ipairs(changes) do
      local waiting = core.task.spawn(function() return watcher:wait(30) end)
      core.task.sleep(0)
      change()
      assert.is_true(waiting:join())
      calm(watcher)
    end
  end))

  it("remembers what changed while nobody waited", async(function()
    local watcher <close> = assert(file.watch(dir))
    assert(file.write(dir .. "/a", "x"))
    core.task.sleep(0.05)
    assert.is_true(watcher:wait(30))
    calm(watcher)
    assert.is_false(watcher:wait(0))
  end))

  it("tells that the directory itself went away", async(function()
    assert(file.mkdir(dir .. "/sub"))
    local watcher <close> = assert(file.watch(dir .. "/sub"))
    assert(file.remove(dir .. "/sub"))
    assert.is_true(watcher:wait(30))
  end))

  it("ends a wait when it is closed, and can be closed again", async(function()
    local watcher = assert(file.watch(dir))
    local waiting = core.task.spawn(function() return watcher:wait(30) end)
    core.task.sleep(0)
    watcher:close()
    watcher:close()
    local value, err = waiting:join()
    assert.is_nil(value)
    assert.equal("object.closed", err.code)
    assert.error_matches(function() watcher:wait(1) end, "closed")
  end))

  it("goes on after a cancelled wait", async(function()
    local watcher <close> = assert(file.watch(dir))
    local waiting = core.task.spawn(function() return watcher:wait(30) end)
    core.task.sleep(0)
    waiting:cancel()
    waiting:join()
    assert(file.write(dir .. "/a", "x"))
    assert.is_true(watcher:wait(30))
  end))

  it("lets one task wait at a time", async(function()
    local watcher <close> = assert(file.watch(dir))
    local waiting = core.task.spawn(function() return watcher:wait(30) end)
    core.task.sleep(0)
    assert.error_matches(function() watcher:wait(1) end, "another task")
    waiting:cancel()
    waiting:join()
  end))

  it("is let go by the collector", async(function()
    for _ = 1, 10 do assert(file.watch(dir)) end
    collectgarbage()
    collectgarbage()
  end))

  it("returns what is wrong with the directory", function()
    local watcher, err = file.watch(dir .. "/no")
    assert.is_nil(watcher)
    assert.equal("file.not_found", err.code)
  end)
end)
