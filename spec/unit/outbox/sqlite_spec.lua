-- The outbox in a SQLite database.
local async = require "spec.support.async"
local conformance = require "spec.unit.outbox.conformance"
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
