-- What may go wrong with the file of the SQLite outbox: locks, full and read-only disks, damage,
-- other people's files. Each gives its code, and nothing that was accepted is lost.
local async = require "spec.support.async"
local core = require "iflow.core"
local outbox = require "iflow.outbox"
local process = require "spec.support.process"

local dir
before_each(function() dir = process.tempdir() end)
after_each(function() dir:close() end)

local function options(over)
  local all = { path = dir:file "outbox.db", lock_wait = 0 }
  for name, value in pairs(over or {}) do all[name] = value end
  return all
end

local function code_of_open(over)
  local box, err = outbox.open(options(over))
  if box then box:close() end
  return err and err.code or "none"
end

-- An outbox with one message, closed again.
local function prepare()
  local box <close> = assert(outbox.open(options()))
  assert(box:enqueue { sender = "s", id = "a", body = ("x"):rep(20000) })
end

-- A Lua program with the outbox's path as its argument.
local function start(program, ...)
  return process.start { process.lua, dir:write("child.lua", program), dir:file "outbox.db", ... }
end

local function python(program)
  return process.start { "python3", "-c", "import sqlite3, sys, time\n" .. program,
    dir:file "outbox.db" }
end

local function wait_for_output(helper, text)
  process.wait_for("'" .. text .. "'", function()
    if helper:output():find(text, 1, true) then return true end
    assert(helper:alive(), helper:output())
  end)
end

describe("an outbox that is held", function()
  it("by another process names it", async(function()
    local holder <close> = start [[
      local core, outbox = require "iflow.core", require "iflow.outbox"
      core.task.run(function()
        local box <close> = assert(outbox.open { path = arg[1] })
        print "open"
        io.stdout:flush()
        core.task.sleep(600)
      end)]]
    wait_for_output(holder, "open")
    local box, err = outbox.open(options())
    assert.is_nil(box)
    assert.equal("outbox.locked", err.code)
    assert.is_true(err.retryable)
    assert.is_truthy(err.message:find("process %d+ %("))
    holder:signal "KILL"
    holder:wait()
    assert(outbox.open(options { lock_wait = "30s" })):close()
  end))

  -- A lock of SQLite's own, as a backup or the sqlite3 program takes it.
  it("by another program is waited for, while the timers of the loop go on", async(function()
    prepare()
    local holder <close> = python [[
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA locking_mode = EXCLUSIVE")
db.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(2)
db.execute("COMMIT")
db.close()]]
    wait_for_output(holder, "held")
    assert.equal("outbox.locked", code_of_open { lock_wait = "100ms" })
    local ticks = 0
    local ticker <close> = core.task.spawn(function()
      while true do
        core.task.sleep(0.02)
        ticks = ticks + 1
      end
    end)
    local box <close> = assert(outbox.open(options { lock_wait = "60s" }))
    assert.is_true(ticks >= 10, ticks .. " ticks")
    assert.equal(1, box:counts().ready)
    ticker:cancel()
  end))
end)

describe("a full disk", function()
  -- The child may write files of 400 KiB at most; a write beyond fails, as on a full disk.
  it("refuses clearly and loses nothing", async(function()
    dir:write("child.lua", [[
      local core, outbox = require "iflow.core", require "iflow.outbox"
      core.task.run(function()
        local box = assert(outbox.open { path = arg[1] })
        for i = 1, 2000 do
          local ok, err = box:enqueue { sender = "s", id = "m" .. i, body = ("x"):rep(4000) }
          if not ok then
            print("refused " .. err.code)
            break
          end
          print("accepted m" .. i)
        end
        local _, err = box:enqueue { sender = "s", id = "large", body = ("x"):rep(2 << 20) }
        print("large " .. err.code)
        print("still " .. #assert(box:claim("s", 3)))
        box:close()
      end)]])
    local helper <close> = process.start { "sh", "-c",
      'trap "" XFSZ; ulimit -f 800; exec "$0" "$@"', process.lua, dir:file "child.lua",
      dir:file "outbox.db" }
    local result = helper:wait()
    assert.equal(0, result.code, result.err)
    assert.equal("outbox.disk_full", result.out:match "refused (%S+)")
    assert.equal("outbox.disk_full", result.out:match "large (%S+)")
    assert.equal("3", result.out:match "still (%d+)")
    local box <close> = assert(outbox.open(options()))
    local accepted = 0
    for id in result.out:gmatch "accepted (%S+)" do
      accepted = accepted + 1
      assert.equal("known", box:enqueue { sender = "s", id = id, body = "" })
    end
    assert.is_true(accepted > 3)
    assert.equal(accepted, box:counts().ready)
  end))
end)

describe("a path that cannot be written", function()
  it("is read_only, or does not exist", async(function()
    local _, err = outbox.open { path = "/sys/outbox.db" }
    assert.equal("outbox.read_only", err.code)
    _, err = outbox.open { path = dir:file "nothing/outbox.db" }
    assert.equal("file.not_found", err.code)
    assert.is_true(os.execute("mkdir " .. dir:file "outbox.db"))
    assert.is_string(code_of_open())
    assert.not_equal("none", code_of_open())
  end))
end)

describe("a damaged database", function()
  local function overwrite(at, bytes)
    local file = assert(io.open(dir:file "outbox.db", "r+b"))
    file:seek("set", at)
    file:write(bytes)
    file:close()
  end

  it("is corrupt, and is not touched", async(function()
    prepare()
    overwrite(8192, ("\xff"):rep(8192 * 6))
    local before = dir:read "outbox.db"
    assert.equal("outbox.corrupt", code_of_open())
    assert.equal(before, dir:read "outbox.db")
  end))

  it("or a file of something else is corrupt, too", async(function()
    dir:write("outbox.db", ("this is no database\n"):rep(1000))
    assert.equal("outbox.corrupt", code_of_open())
  end))

  it("of another program or a newer version is left alone", async(function()
    local foreign <close> = python [[
db = sqlite3.connect(sys.argv[1])
db.execute("CREATE TABLE customers (name TEXT)")
db.commit()]]
    assert.equal(0, foreign:wait().code)
    assert.equal("outbox.version", code_of_open())
    os.remove(dir:file "outbox.db")
    prepare()
    local newer <close> = python [[
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA user_version = 99")
db.commit()]]
    assert.equal(0, newer:wait().code)
    assert.equal("outbox.version", code_of_open())
  end))
end)

describe("the directory of bodies", function()
  it("loses orphans when the outbox is opened, and nothing else", async(function()
    local kept
    do
      local box <close> = assert(outbox.open(options { inline_max = 10 }))
      assert(box:enqueue { sender = "s", id = "a", body = ("x"):rep(100) })
      kept = box:show(1).body.file
    end
    local bodies = dir:file "outbox.db-bodies/"
    local orphan = process.write(bodies .. ("0"):rep(32), "left by a crash")
    local foreign = process.write(bodies .. "notes.txt", "somebody's")
    assert(outbox.open(options())):close()
    assert.is_nil(process.read(orphan))
    assert.equal("somebody's", process.read(foreign))
    assert.equal(("x"):rep(100), process.read(kept))
  end))
end)
