--- The clock of all that waits by policy: retries, rates, pauses, schedules. Internal. A test puts
-- its own in place, so that hours pass in milliseconds (lua/iflow/test/clock.lua).
--
--   clock.now()         seconds since 1970        clock.monotonic()   seconds that never jump
--   clock.sleep(s)      waits                     clock.work()        says that real work goes on:
--                                                 a value to close when it has ended, or nil

local core = require "iflow.core"

local clock = {}

local names = { "now", "monotonic", "sleep", "work" }
local real = {
  now = core.task.now, monotonic = core.task.monotonic, sleep = core.task.sleep,
  work = function() return nil end,
}
local current

--- Puts another clock (a table of these four functions) in place, nil: the real one. Returns what
-- was there before. Nobody may keep one of the functions: they are those of the clock in place.
function clock.install(other)
  local before = current
  current = other or real
  for _, name in ipairs(names) do clock[name] = current[name] end
  return before
end

clock.install(nil)

return clock
