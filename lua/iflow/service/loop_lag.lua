--- How late the event loop is: a task that sleeps a second and looks how much longer it took.
-- Internal; for the control endpoint.

local core = require "iflow.core"

local INTERVAL = 1 -- seconds
local KEPT = 60    -- looks

local loop_lag = {}
loop_lag.__index = loop_lag

local function watch(self)
  while true do
    local began = core.task.monotonic()
    core.task.sleep(INTERVAL)
    self.position = self.position % KEPT + 1
    self[self.position] = math.max(0, core.task.monotonic() - began - INTERVAL)
  end
end

--- The worst of the last minute, in seconds.
function loop_lag:worst() return math.max(0, table.unpack(self)) end

function loop_lag:stop() self.task:cancel() end

--- Watches from now on, until stop().
return function()
  local self = setmetatable({ position = 0 }, loop_lag)
  self.task = core.task.spawn(watch, self)
  return self
end
