--- A token bucket: so many messages a second, in the order of asking. Internal.
--
--   local bucket = new_bucket(50)      -- 50 a second; a burst of one second's worth at most
--   bucket:take()                      -- waits until one may go

local clock = require "iflow.clock"

local bucket = {}
bucket.__index = bucket

function bucket:take()
  local now = clock.monotonic()
  -- `due` is when the bucket would be full again; each message moves it by its share.
  local from = math.max(self.due, now - self.burst)
  self.due = from + self.share
  if self.due > now then clock.sleep(self.due - now) end
end

--- rate: messages a second, greater than 0. The burst is what a second allows, at least one.
return function(rate)
  local burst = math.max(1, rate) / rate
  return setmetatable({ share = 1 / rate, burst = burst - 1 / rate, due = -math.huge }, bucket)
end
