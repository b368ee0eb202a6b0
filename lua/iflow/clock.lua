--- The clock of all that waits by policy: retries, rates, pauses, schedules. Internal. A test puts
-- its own in place, so that hours pass in milliseconds (lua/iflow/test/clock.lua).
--
--   clock.now()         seconds since 1970        clock.monotonic()   seconds that never jump
--   clock.sleep(s)      waits                     clock.work()        says that real work goes on:
--                                                 a value to close when it has ended, or nil

local core = require "iflow.core"

local clock = {}

local real = {
  now = core.task.now, monotonic = core.task.monotonic, sleep = core.task.sleep,
  work = function() return nil end,
}
local current = real

function clock.now() return current.now() end
function clock.monotonic() return current.monotonic() end
function clock.sleep(seconds) return current.sleep(seconds) end
function clock.work() return current.work() end

--- Puts another clock (a table of these four functions) in place, nil: the real one. Returns what
-- was there before.
function clock.install(other)
  local before = current
  current = other or real
  return before
end

return clock
