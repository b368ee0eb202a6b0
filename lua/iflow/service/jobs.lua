--- Runs the jobs of a registry (iflow.cron, iflow.every) in a service. Internal; each job has a
-- keeper of its own (job_keeper.lua), so that none waits for another.
--
--   local running, err = jobs.start(service)      service.box, service.registry
--   running:status()                              a list, see keeper:status
--   running:stop(10)                              seconds that running jobs may still take

local core = require "iflow.core"
local new_keeper = require "iflow.service.job_keeper"

local jobs = {}

local running = {}
running.__index = running

--- Starts nothing new, waits until what runs has ended, and cancels it after `limit` seconds. What
-- waited for its turn was never begun: the next start finds it as missed. May be repeated.
function running:stop(limit)
  local deadline = core.task.monotonic() + limit
  for _, keeper in ipairs(self.keepers) do keeper:take_nothing() end
  for _, keeper in ipairs(self.keepers) do
    keeper:stop(math.max(0, deadline - core.task.monotonic()))
  end
end

--- What each job does, in the order of their definition.
function running:status()
  local list = {}
  for i, keeper in ipairs(self.keepers) do list[i] = keeper:status() end
  return list
end

--- Starts them: an object with stop and status, or nil, err when the outbox cannot be read.
function jobs.start(service)
  local self = setmetatable({ keepers = {} }, running)
  for i, job in ipairs(service.registry.jobs) do
    local keeper, err = new_keeper(job, service.box)
    if not keeper then return nil, err end
    self.keepers[i] = keeper
  end
  for _, keeper in ipairs(self.keepers) do keeper:start() end
  return self
end

return jobs
