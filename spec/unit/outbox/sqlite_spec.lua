-- The outbox in a SQLite database.
local conformance = require "spec.unit.outbox.conformance"

conformance("sqlite", function(dir) return { path = dir:file "outbox.db" } end,
  { describe = describe, it = it, before_each = before_each, after_each = after_each })
