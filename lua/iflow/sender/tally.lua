--- What summaries of runs share: how long it took, how many a second. Internal.
--
-- A class of tally(name) has `started` (clock.monotonic) and its own total().

local clock = require "iflow.clock"

--- A class with that __name.
return function(name)
  local class = { __name = name }
  class.__index = class

  function class:finish()
    self.seconds = clock.monotonic() - self.started
    return self
  end

  --- Messages a second.
  function class:rate()
    local seconds = self.seconds or clock.monotonic() - self.started
    return seconds > 0 and self:total() / seconds or 0
  end

  return class
end
