--- A function run in a task for somebody who waits: an error in it is raised where the waiting is
-- done, and does not end the run. Internal; iflow.timeout and iflow.all are made of it.

local is_error = require("iflow.core").error.is

local guarded = {}

--- Adds the traceback while the stack still stands.
local function describe(err)
  if type(err) == "string" then return debug.traceback(err, 2) end
  return err
end

local function pack(ok, ...)
  return { ok = ok, n = select("#", ...), ... }
end

--- Calls fn(...); returns one table: { ok = true, n = …, values… } or { ok = false, n = 1, error }.
function guarded.call(fn, ...)
  return pack(xpcall(fn, describe, ...))
end

--- The values of such a table, or its error raised again.
function guarded.results(done)
  if not done.ok then error(done[1], 0) end
  return table.unpack(done, 1, done.n)
end

--- Whether such a table holds the cancellation of its task.
function guarded.was_canceled(done)
  local err = done[1]
  return not done.ok and is_error(err) and err.code == "task.canceled"
end

return guarded
