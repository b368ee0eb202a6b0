--- Jobs of the Cloud Foundry API: what a request began and a poll of /v3/jobs/GUID sees through. A
--- job takes the seconds of the setting cf_job_time; it is done when they have passed, by itself
--- and at the latest when somebody asks for it. One after the other. Jobs are kept in the state, so
--- that what was begun before a restart or a kill is ended behind it.
local core = require "iflow.core"
local failure = require "iflow.sandbox.cf.failure"
local semaphore = require "iflow.semaphore"

local jobs = {}
jobs.__index = jobs

local KEPT = 1000   -- jobs, of which the oldest finished ones go
local OPEN_MAX = 500 -- unfinished ones
local WARNINGS_MAX = 20

--- tenant: state, settings, now. list: where they are kept, oldest first. perform(job) -> warnings,
--- or nil, err and what could not be done ("bind", …).
function jobs.new(tenant, list, perform)
  return setmetatable({ tenant = tenant, list = list, perform = perform, turn = semaphore(1),
                        tasks = {} }, jobs)
end

local function is_open(job) return job.state == "PROCESSING" end

local function warnings_of(list)
  local kept = core.json.array {}
  for i = 1, math.min(#list, WARNINGS_MAX) do kept[i] = { detail = failure.short(list[i]) } end
  if #list > WARNINGS_MAX then
    kept[WARNINGS_MAX + 1] = { detail = ("and %d more warnings"):format(#list - WARNINGS_MAX) }
  end
  return kept
end

local function report(self, job, warnings, err, verb)
  job.updated, job.parameters = self.tenant.now(), nil
  job.state = warnings and "COMPLETE" or "FAILED"
  job.warnings, job.errors = warnings_of(warnings or {}), core.json.array {}
  if not warnings then
    job.errors[1] = failure.entry("UnableToPerform", ("%s could not be completed: Service broker "
      .. "error: %s"):format(verb, failure.short(err.message)))
  end
end

local function run(self, job)
  local _ <close> = assert(self.turn:acquire())
  if not is_open(job) then return end -- somebody else has
  local warnings, err, verb = self.perform(job)
  report(self, job, warnings, err, verb)
  local ok, why = self.tenant.state:save()
  if not ok then core.log.write("warn", "sandbox", "a job cannot be saved: " .. why.message) end
end

-- Sees to it that the job ends, whether anybody asks or not.
local function attend(self, job)
  self.tasks[job.guid] = core.task.spawn(function()
    core.task.sleep(math.max(0, job.due - self.tenant.now()))
    local ran, why = pcall(run, self, job)
    if not ran and not self.closed then -- else it was cut off, and goes on after the restart
      core.log.write("error", "sandbox", "a job failed: " .. tostring(why))
    end
    self.tasks[job.guid] = nil
  end)
end

local function forget_oldest(self)
  local i = 1
  while #self.list > KEPT and i <= #self.list do
    if is_open(self.list[i]) then i = i + 1 else table.remove(self.list, i) end
  end
end

--- Whether there is room for one more.
function jobs:has_room()
  local open = 0
  for _, job in ipairs(self.list) do open = open + (is_open(job) and 1 or 0) end
  return open < OPEN_MAX
end

--- Adds a job; the caller saves, then calls begin. operation: "service_instance.create", …;
--- resource: { type, guid }; parameters: the JSON object, or nil.
function jobs:add(operation, resource, parameters)
  local now = self.tenant.now()
  local job = { guid = core.crypto.uuid(), operation = operation, state = "PROCESSING",
                resource_type = resource.type, resource_guid = resource.guid, created = now,
                updated = now, due = now + self.tenant.settings.cf_job_time,
                parameters = parameters }
  table.insert(self.list, job)
  forget_oldest(self)
  return job
end

--- Takes back a job that could not be saved.
function jobs:remove(job)
  for i, each in ipairs(self.list) do
    if each == job then return table.remove(self.list, i) end
  end
end

function jobs:begin(job) attend(self, job) end

--- Ends a job now, whatever time it had. Waits.
function jobs:finish(job) run(self, job) end

--- The job of that guid, ended if its time has come; nil when there is none. Waits.
function jobs:get(guid)
  for _, job in ipairs(self.list) do
    if job.guid == guid then
      if is_open(job) and self.tenant.now() >= job.due then run(self, job) end
      return job
    end
  end
end

--- PROCESSING, POLLING in the second half of its time, COMPLETE or FAILED.
function jobs:state(job)
  if is_open(job) and self.tenant.now() >= (job.created + job.due) / 2 then return "POLLING" end
  return job.state
end

--- Goes on with what a restart or a kill has left open. Returns the guids of their resources, as a
--- set.
function jobs:resume()
  local resources = {}
  for _, job in ipairs(self.list) do
    if is_open(job) then
      resources[job.resource_guid] = true
      attend(self, job)
    end
  end
  return resources
end

--- Cuts off what is being done; the next start goes on with it.
function jobs:close()
  self.closed = true
  for _, task in pairs(self.tasks) do
    if task ~= core.task.current() then task:cancel() end
  end
end

return jobs
