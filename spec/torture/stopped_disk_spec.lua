-- The loop goes on whatever the outbox waits for: a database that another program holds under an
-- exclusive lock, when it is opened; a disk that has stopped, afterwards (an open outbox holds its
-- own lock, so nobody else can take one). What is enqueued meanwhile is accepted afterwards.
local async = require "spec.support.async"
local core = require "iflow.core"
local outbox = require "iflow.outbox"
local process = require "spec.support.process"

local HELD = 5 -- seconds

local holder_program = [[
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA locking_mode = EXCLUSIVE")
db.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
db.execute("COMMIT")
db.close()]]

local disk_program = [[
local core, outbox = require "iflow.core", require "iflow.outbox"
local path, stopped, held = arg[1], os.getenv "STOPPED_DISK", tonumber(arg[2])
core.task.run(function()
  local box <close> = assert(outbox.open { path = path, inline_max = 1000 })
  assert(box:enqueue { sender = "s", id = "before", body = "" })
  assert(core.file.write(stopped .. ".new", ""))
  assert(os.rename(stopped .. ".new", stopped))
  local accepted, ticks = 0, 0
  local ticker = core.task.spawn(function()
    while true do
      core.task.sleep(0.02)
      ticks = ticks + 1
    end
  end)
  local tasks = {}
  for i = 1, 40 do
    tasks[i] = core.task.spawn(function()
      local body = ("x"):rep(i % 10 == 0 and 5000 or 10)
      assert(box:enqueue { sender = "s", id = "m" .. i, body = body } == "accepted")
      accepted = accepted + 1
      return true
    end)
  end
  core.task.sleep(held)
  print("ticks " .. ticks, "accepted " .. accepted)
  os.remove(stopped)
  for _, task in ipairs(tasks) do assert(task:join(60)) end
  print("in the end " .. accepted, "ready " .. box:counts().ready)
  ticker:cancel()
end)]]

describe("an outbox that has to wait", function()
  it("for an exclusive lock leaves the loop alone", async(function()
    local dir <close> = process.tempdir()
    local path = dir:file "outbox.db"
    assert(outbox.open { path = path }):close()
    local holder <close> = process.start { "python3", "-c", holder_program, path, tostring(HELD) }
    process.wait_for("the lock", function() return holder:output():find "held" end)
    local ticks, accepted = 0, 0
    local ticker = core.task.spawn(function()
      while true do
        core.task.sleep(0.02)
        ticks = ticks + 1
      end
    end)
    local box <close> = assert(outbox.open { path = path, lock_wait = "60s" })
    assert.is_true(ticks >= 50, ticks .. " ticks")
    for i = 1, 10 do
      assert.equal("accepted", box:enqueue { sender = "s", id = "m" .. i, body = "" })
      accepted = accepted + 1
    end
    assert.equal(accepted, box:counts().ready)
    ticker:cancel()
  end))

  it("lets no other program in while it is open", async(function()
    local dir <close> = process.tempdir()
    local box <close> = assert(outbox.open { path = dir:file "outbox.db" })
    local other = process.run { "python3", "-c", [[
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0.1)
db.execute("BEGIN EXCLUSIVE")]], dir:file "outbox.db" }
    assert.is_truthy(other.err:find("locked", 1, true), other.err)
    assert.equal("accepted", box:enqueue { sender = "s", id = "a", body = "" })
  end))

  it("for a stopped disk leaves the loop alone, and says nothing too early", async(function()
    local dir <close> = process.tempdir()
    local library = dir:file "stopped_disk.so"
    local built = process.run { "cc", "-shared", "-fPIC", "-o", library,
      "spec/torture/stopped_disk.c", "-ldl" }
    assert.equal(0, built.code, built.err)
    local options = (os.getenv "ASAN_OPTIONS" or "") .. ":verify_asan_link_order=0"
    local child = process.run { process.lua, dir:write("child.lua", disk_program),
      dir:file "outbox.db", tostring(HELD), timeout = 120,
      env = { LD_PRELOAD = library, STOPPED_DISK = dir:file "stopped", ASAN_OPTIONS = options } }
    assert.equal(0, child.code, child.err)
    assert.is_true(tonumber(child.out:match "ticks (%d+)") >= 50, child.out)
    assert.equal("0", child.out:match "accepted (%d+)")
    assert.equal("40", child.out:match "in the end (%d+)")
    assert.equal("41", child.out:match "ready (%d+)")
  end, { limit = 180 }))
end)
