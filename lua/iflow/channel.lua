--- A bounded queue between tasks.
--
--   local ch = iflow.channel(16)          -- holds up to 16 values; 0 (the default): hand to hand
--   ch:send(value [, timeout])            -- waits for room: true, or nil, err
--   ch:receive([timeout])                 -- waits for a value: the value, or nil, err
--   for value in ch:values() do … end     -- until the channel is closed and empty
--   ch:close()                            -- nothing more is sent; what is inside is still received
--   #ch                                   -- values inside
--
-- After close, send gives nil, err with the code "channel.closed", and so does receive once the
-- channel is empty. A value is never lost: a task that is cancelled or timed out while it waits
-- has not taken one. nil cannot be sent. Without a timeout both wait for the other side; when no
-- task is left that could come, iflow.run raises "task.deadlock".

local make_error = require "iflow.error"
local new_waiters = require "iflow.waiters"

local CAPACITY_MAX = 1000000

local channel = { __name = "iflow.channel" }
channel.__index = channel

local function closed()
  return make_error { code = "channel.closed", message = "the channel is closed" }
end

local function put(self, value)
  self.last = self.last + 1
  self[self.last] = value
end

local function take(self)
  local value = self[self.first]
  self[self.first] = nil
  self.first = self.first + 1
  return value
end

--- Waits until there is room (with capacity 0: until somebody receives).
function channel:send(value, timeout)
  if value == nil then error("a channel cannot carry nil", 2) end
  if self.closed then return nil, closed() end
  if self.receivers:wake(value) then return true end
  if #self < self.capacity then
    put(self, value)
    return true
  end
  return self.senders:wait(timeout, value)
end

--- Waits for a value.
function channel:receive(timeout)
  if #self > 0 then
    local value = take(self)
    local woken, waiting = self.senders:wake(true)
    if woken then put(self, waiting) end
    return value
  end
  local woken, value = self.senders:wake(true) -- capacity 0: from hand to hand
  if woken then return value end
  if self.closed then return nil, closed() end
  return self.receivers:wait(timeout)
end

--- An iterator over what is received, until the channel is closed and empty.
function channel:values()
  return function() return (self:receive()) end
end

--- Ends sending. Tasks that wait in send or receive get "channel.closed". May be repeated.
function channel:close()
  self.closed = true
  self.receivers:wake_all(nil, closed())
  self.senders:wake_all(nil, closed())
end

channel.__close = channel.close

function channel:__len() return self.last - self.first + 1 end

return function(capacity)
  capacity = capacity or 0
  if math.type(capacity) ~= "integer" or capacity < 0 or capacity > CAPACITY_MAX then
    error("the capacity of a channel is a whole number from 0 to " .. CAPACITY_MAX, 2)
  end
  return setmetatable({
    capacity = capacity, closed = false, first = 1, last = 0,
    senders = new_waiters(), receivers = new_waiters(),
  }, channel)
end
