--- A first-in, first-out queue of parked tasks: what channel and semaphore wait with. Internal.
--
-- A task leaves the queue however its wait ends: woken, timed out or cancelled; so wake never hands
-- a value to a task that does not wait here any more.

local task = require("iflow.core").task

local waiters = {}
waiters.__index = waiters

--- One waiting task, in a ring whose start is the queue itself.
local entry = {}

function entry:__close()
  if not self.next then return end
  self.previous.next, self.next.previous = self.next, self.previous
  self.previous, self.next = nil, nil
end

--- Parks the running task until wake or the timeout: what wake handed over, or nil, err.
-- Whoever wakes it gets `payload`.
function waiters:wait(timeout, payload)
  local this <close> = setmetatable({ task = task.current(), payload = payload }, entry)
  local last = self.previous
  this.previous, this.next = last, self
  last.next, self.previous = this, this
  return task.park(timeout)
end

--- Whether nobody waits.
function waiters:is_empty() return self.next == self end

--- Hands values to the task that has waited longest: true and its payload; false when nobody waits.
function waiters:wake(...)
  while self.next ~= self do
    local this = self.next
    entry.__close(this)
    if task.wake(this.task, ...) then return true, this.payload end
  end
  return false
end

--- Wakes everybody who waits.
function waiters:wake_all(...)
  while self:wake(...) do end
end

return function()
  local self = setmetatable({}, waiters)
  self.previous, self.next = self, self
  return self
end
