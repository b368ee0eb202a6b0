--- The design time of the tenant: flows that were deployed once can be deployed again by the API,
--- after they were taken away, too; and what became of deployments. What came as text is kept in
--- DIR/designtime over a restart.
local core = require "iflow.core"
local flows = require "iflow.sandbox.flows"
local operations = require "iflow.sandbox.operations"

local artifacts = {}
artifacts.__index = artifacts

local SOURCE_MAX = 4 * 1024 * 1024
local TABLES_MAX = 1000 -- flows that a test gave as tables
local TASKS_MAX = 1000

function artifacts.new(tenant)
  return setmetatable({ tenant = tenant, dir = tenant.dir .. "/designtime", tables = {}, count = 0,
                        failed = {}, tasks = {}, task_list = {}, last_task = 0 }, artifacts)
end

local function file_of(self, name) return ("%s/%s.lua"):format(self.dir, name) end

--- Remembers what was deployed by that name: a flow as a table, or its source text.
function artifacts:keep(name, flow, source)
  self.failed[name] = nil
  if source then
    self.tables[name] = nil
    local ok, err = core.file.mkdir(self.dir, "0700")
    if ok then ok, err = core.file.write(file_of(self, name), source, "0600") end
    return ok, err
  end
  if not self.tables[name] then self.count = self.count + 1 end
  if self.count > TABLES_MAX then self.tables, self.count = {}, 1 end
  self.tables[name] = flow
  return true
end

-- What the operation deploy takes; nil when there is none of that name.
local function find(self, name)
  if self.tables[name] then return self.tables[name] end
  if not flows.is_name(name) then return nil end
  local source = core.file.read(file_of(self, name), SOURCE_MAX)
  return source and { source = source, file = name .. ".lua" }
end

local function remember(self, name, failed)
  local id = core.crypto.uuid()
  self.last_task = self.last_task + 1
  self.tasks[id] = { name = name, failed = failed }
  self.task_list[self.last_task] = id
  local oldest = self.last_task - TASKS_MAX
  if self.task_list[oldest] then
    self.tasks[self.task_list[oldest]], self.task_list[oldest] = nil, nil
  end
  return id
end

--- Deploys what is known by that name. Returns the id of the task, whatever becomes of it; nil when
--- there is nothing of that name.
function artifacts:deploy(name)
  local given = find(self, name)
  if not given then return nil end
  local ok, err = operations.find "deploy"(self.tenant, given)
  self.failed[name] = not ok and { error = err.message, at = self.tenant.now() } or nil
  return remember(self, name, not ok)
end

--- Takes a flow away, or the failure to deploy it. true, or nil, err.
function artifacts:undeploy(name)
  if self.failed[name] then
    self.failed[name] = nil
    if not self.tenant.flows.by_name[name] then return true end
  end
  return operations.find "undeploy"(self.tenant, name)
end

--- "DEPLOYING", "SUCCESS" or "FAIL"; nil for a task nobody knows.
function artifacts:task_status(id)
  local task = self.tasks[id]
  if not task then return nil end
  if task.failed then return "FAIL" end
  local flow = self.tenant.flows.by_name[task.name]
  local status = flow and flows.status(flow, self.tenant.now(), self.tenant.settings.deploy_time)
  return status == "STARTING" and "DEPLOYING" or "SUCCESS"
end

local function record(name, status, at, why)
  return { Id = name, Name = name, Version = "1.0.0", Type = "INTEGRATION_FLOW",
           DeployedBy = "sandbox", DeployedOn = at, Status = status, error = why }
end

--- What is deployed, or failed to be, by name: records of the API.
function artifacts:list()
  local list, tenant = {}, self.tenant
  for _, flow in ipairs(tenant.flows:list(tenant.now(), tenant.settings.deploy_time)) do
    if not self.failed[flow.name] then
      list[#list + 1] = record(flow.name, flow.status, flow.deployed_at)
    end
  end
  for name, failure in pairs(self.failed) do
    list[#list + 1] = record(name, "ERROR", failure.at, failure.error)
  end
  table.sort(list, function(a, b) return a.Id < b.Id end)
  return list
end

return artifacts
