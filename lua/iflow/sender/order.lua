--- Messages of one key go one after the other, in the order of asking; other keys do not wait.
-- Internal.
--
--   local turn <close> = order:enter(key)   -- waits until those before it have left

local new_waiters = require "iflow.waiters"

local turn = {}
turn.__index = turn

function turn:__close()
  local queue = self.queue
  if queue.waiting:wake(true) then return end
  self.order.queues[queue.key] = nil
end

local order = {}
order.__index = order

--- Whether a message of this key would have to wait.
function order:is_taken(key) return self.queues[key] ~= nil end

function order:enter(key)
  local queue = self.queues[key]
  if queue then
    queue.waiting:wait()
  else
    queue = { key = key, waiting = new_waiters() }
    self.queues[key] = queue
  end
  return setmetatable({ order = self, queue = queue }, turn)
end

return function() return setmetatable({ queues = {} }, order) end
