-- The outbox in a SQLite database.
local async = require "spec.support.async"
local conformance = require "spec.unit.outbox.conformance"
local core = require "iflow.core"
local outbox = require "iflow.outbox"
local process = require "spec.support.process"

conformance("sqlite", function(dir) return { path = dir:file "outbox.db" } end,
  { describe = describe, it = it, before_each = before_each, after_each = after_each })

describe("a file of an earlier version", function()
  it("is brought up to date and keeps its messages", async(function()
    local dir <close> = process.tempdir()
    local path = dir:file "outbox.db"
    do
      local box <close> = assert(outbox.open { path = path })
      assert(box:enqueue { sender = "s", id = "a", body = "kept" })
    end
    local back = process.run { "python3", "-c", [[
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("DROP TABLE note")
db.execute("PRAGMA user_version = 1")
db.commit()]], path }
    assert.equal(0, back.code, back.err)
    for _ = 1, 2 do
      local box <close> = assert(outbox.open { path = path })
      assert.equal("kept", box:show(1).body)
      assert.is_true(box:note("n", "text"))
    end
  end))
end)

describe("a clock that was set back while the outbox was closed", function()
  local HOURS = 3 * 3600

  -- As if everything had been written by a clock that was ahead.
  local function write_ahead(path)
    local done = process.run { "python3", "-c", [[
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
ms = int(sys.argv[2]) * 1000
db.execute("UPDATE message SET changed = changed + ?, created = created + ?", (ms, ms))
db.execute("UPDATE message SET due = due + ? WHERE due > 0 AND id <> 'asked'", (ms,))
db.commit()]], path, tostring(HOURS) }
    assert.equal(0, done.code, done.err)
  end

  it("delays no retry, and nothing twice; what was asked for by the clock stays", async(function()
    local dir <close> = process.tempdir()
    local path = dir:file "outbox.db"
    local tomorrow = core.task.now() + 86400
    do
      local box <close> = assert(outbox.open { path = path })
      assert(box:enqueue { sender = "s", id = "retried", body = "x" })
      assert(box:retry(assert(box:claim "s"), { not_before = core.task.now() + 60, error = "e" }))
      assert(box:enqueue { sender = "s", id = "asked", body = "x", not_before = tomorrow })
    end
    write_ahead(path)
    for _ = 1, 2 do
      local box <close> = assert(outbox.open { path = path })
      local due = {}
      for _, row in ipairs(assert(box:list { sender = "s" })) do due[row.id] = row.not_before end
      assert.is_true(due.retried - core.task.now() <= 60)
      assert.is_true(due.retried - core.task.now() > -60)
      assert.is_true(math.abs(due.asked - tomorrow) < 1)
      assert.equal("retried", assert(box:claim("s", 1, core.task.now() + 61))[1].id)
    end
  end))
end)
