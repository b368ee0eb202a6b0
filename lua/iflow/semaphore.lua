--- A limit on how many tasks do something at once.
--
--   local sem = iflow.semaphore(8)
--   local permit <close> = assert(sem:acquire([timeout]))   -- waits its turn; or nil, err
--   permit:release()                                        -- sooner than the end of the block
--   sem:available()                                         -- permits that are free now
--
-- Permits are given in the order of asking. A permit is released once, however often release is
-- called, and at the latest when its variable is closed.

local new_waiters = require "iflow.waiters"

local PERMITS_MAX = 1000000

local permit = { __name = "iflow.permit" }
permit.__index = permit

--- Gives the permit back: to the task that has waited longest, or to the semaphore.
function permit:release()
  local owner = self.owner
  if not owner then return end
  self.owner = nil
  local waiting = owner.waiting
  if waiting:is_empty() or not waiting:wake(setmetatable({ owner = owner }, permit)) then
    owner.free = owner.free + 1
  end
end

permit.__close = permit.release

local semaphore = { __name = "iflow.semaphore" }
semaphore.__index = semaphore

--- Waits for a permit.
function semaphore:acquire(timeout)
  if self.free == 0 then return self.waiting:wait(timeout) end
  self.free = self.free - 1
  return setmetatable({ owner = self }, permit)
end

--- How many permits are free now.
function semaphore:available() return self.free end

return function(permits)
  if math.type(permits) ~= "integer" or permits < 1 or permits > PERMITS_MAX then
    error("a semaphore has a whole number of permits from 1 to " .. PERMITS_MAX, 2)
  end
  return setmetatable({ free = permits, waiting = new_waiters() }, semaphore)
end
