--- What the jobs of the Cloud Foundry API do: by their operation, with the records that the request
--- made. Returns warnings; or nil, err and the word for what could not be done.
local errors = require "iflow.error"
local failure = require "iflow.sandbox.cf.failure"
local find = require "iflow.sandbox.cf.find"
local last_operation = require "iflow.sandbox.broker.last_operation"

local work = {}

local function gone()
  return errors { code = "sandbox.refused", message = "it was deleted in the meantime" }
end

-- Keeps the failure where it can be seen, at the record.
local function failed(tenant, record, err, verb)
  last_operation.fail(record, "Service broker error: " .. failure.short(err.message), tenant.now())
  return nil, err, verb
end

local function on_instance(verb, step)
  return function(tenant, job)
    local instance = find.instance(tenant, job.resource_guid)
    if not instance then return nil, gone(), verb end
    local warnings, err = step(tenant.broker, instance, job.parameters)
    if not warnings then return failed(tenant, instance, err, verb) end
    return warnings
  end
end

work["service_instance.create"] = on_instance("create", function(broker, instance, given)
  return broker:provision(instance, given)
end)

work["service_instance.update"] = on_instance("update", function(broker, instance, wanted)
  return broker:update(instance, wanted.given, wanted.changes)
end)

work["service_instance.delete"] = on_instance("delete", function(broker, instance)
  broker:deprovision(instance)
  return {}
end)

work["service_bindings.create"] = function(tenant, job)
  local key, instance = find.key(tenant, job.resource_guid)
  if not key then return nil, gone(), "bind" end
  local warnings, err = tenant.broker:bind(instance, key, job.parameters)
  if not warnings then return failed(tenant, key, err, "bind") end
  return warnings
end

work["service_bindings.delete"] = function(tenant, job)
  local key, instance = find.key(tenant, job.resource_guid)
  if key then tenant.broker:unbind(instance, key) end
  return {}
end

--- function(job) for jobs.new.
function work.of(tenant)
  return function(job) return work[job.operation](tenant, job) end
end

return work
