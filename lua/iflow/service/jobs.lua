--- Runs the jobs of a registry (iflow.cron, iflow.every) in a service. Internal; each job has a
-- keeper of its own (job_keeper.lua), so that none waits for another.
--
--   local running, err = jobs.start(service)      service.box, service.registry
--   running:status()                              a list, see keeper:status
--   running:stop(10)                              seconds that running jobs may still take
--   local commit, err = running:prepare(registry) those of another registry; commit() takes them

local core = require "iflow.core"
local new_keeper = require "iflow.service.job_keeper"

local jobs = {}

local running = {}
running.__index = running

--- Starts nothing new, waits until what runs has ended, and cancels it after `limit` seconds. What
-- waited for its turn was never begun: the next start finds it as missed. May be repeated.
function running:stop(limit)
  local deadline = core.task.monotonic() + limit
  local all = table.move(self.leaving, 1, #self.leaving, #self.keepers + 1,
    table.move(self.keepers, 1, #self.keepers, 1, {}))
  for _, keeper in ipairs(all) do keeper:take_nothing() end
  for _, keeper in ipairs(all) do
    keeper:stop(math.max(0, deadline - core.task.monotonic()))
  end
end

--- What each job does, in the order of their definition.
function running:status()
  local list = {}
  for i, keeper in ipairs(self.keepers) do list[i] = keeper:status() end
  return list
end

-- The keeper of that name, also of a job that is gone while a run of it goes on.
local function find(self, name)
  for _, list in ipairs { self.keepers, self.leaving } do
    for _, keeper in ipairs(list) do
      if keeper.job.name == name then return keeper end
    end
  end
end

-- The jobs that are gone: a run that goes on ends by itself.
local function leave(self, taken)
  local leaving = {}
  for _, list in ipairs { self.keepers, self.leaving } do
    for _, keeper in ipairs(list) do
      if not taken[keeper] then
        keeper:take_nothing()
        if keeper:is_busy() then leaving[#leaving + 1] = keeper end
      end
    end
  end
  self.leaving = leaving
end

--- Makes ready to go on with the jobs of another registry: a function that does it, without a wait;
-- nil, err when the outbox cannot be read. Jobs are the same by their name.
function running:prepare(registry)
  local fresh = {}
  for _, job in ipairs(registry.jobs) do
    if not find(self, job.name) then
      local keeper, err = new_keeper(job, self.box)
      if not keeper then return nil, err end
      fresh[job.name] = keeper
    end
  end
  return function()
    local list, taken = {}, {}
    for i, job in ipairs(registry.jobs) do
      local keeper = find(self, job.name) or fresh[job.name]
      list[i], taken[keeper] = keeper, true
    end
    leave(self, taken)
    self.keepers = list
    for i, keeper in ipairs(list) do
      if fresh[keeper.job.name] == keeper then
        keeper:start()
      else
        keeper:change(registry.jobs[i])
        keeper:resume()
      end
    end
  end
end

--- Starts them: an object with stop and status, or nil, err when the outbox cannot be read.
function jobs.start(service)
  local self = setmetatable({ box = service.box, keepers = {}, leaving = {} }, running)
  for i, job in ipairs(service.registry.jobs) do
    local keeper, err = new_keeper(job, service.box)
    if not keeper then return nil, err end
    self.keepers[i] = keeper
  end
  for _, keeper in ipairs(self.keepers) do keeper:start() end
  return self
end

return jobs
