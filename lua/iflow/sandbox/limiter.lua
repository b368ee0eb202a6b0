--- A rate limit: so many a second pass at once, the next ones queue at that pace, and when the
--- queue is full they are sent away. Pure: the clock comes from outside.
local limiter = {}
limiter.__index = limiter

function limiter.new() return setmetatable({ paid_until = 0 }, limiter) end

--- Asks for one turn at `now` (seconds). rate: turns a second, 0 for no limit; queue: how many may
--- wait. Returns the seconds to wait, or nil and the whole seconds after which to come again.
function limiter:take(now, rate, queue)
  if rate == 0 then return 0 end
  local until_then = math.max(self.paid_until, now) + 1 / rate
  local wait = until_then - 1 - now -- one second's turns need not wait
  if wait > (queue + 0.5) / rate then return nil, math.max(1, math.ceil(wait - queue / rate)) end
  self.paid_until = until_then
  return math.max(0, wait)
end

return limiter
