--- /v3/service_instances: instances of the two plans. Creating, updating and deleting them is a
--- job.
local filters = require "iflow.sandbox.cf.filters"
local find = require "iflow.sandbox.cf.find"
local last_operation = require "iflow.sandbox.broker.last_operation"
local message = require "iflow.sandbox.cf.message"
local offers = require "iflow.sandbox.cf.offers"
local plans = require "iflow.sandbox.broker.plans"
local present = require "iflow.sandbox.cf.present"

local instances = {}

local CREATE = {
  fields = { type = "text", name = "text", tags = "texts", parameters = "object",
             metadata = "object", relationships = "object" },
  types = { managed = true, text = "'managed'" },
  named = true, relations = { "space", "service_plan" },
}
local UPDATE = {
  fields = { name = "text", tags = "texts", parameters = "object", metadata = "object",
             relationships = "object" },
}
local IN_PROGRESS = "There is an operation in progress for the service instance."

local function itself(item) return item end

function instances.list(cf)
  local data = cf.tenant.platform:data()
  return cf:page("/v3/service_instances", find.instances(cf.tenant), {
    named = true, offers = offers.of_instances(cf),
    present = function(instance) return present.instance(cf.tenant, instance, cf.url) end,
    filters = {
      names = filters.names, guids = filters.guids,
      type = filters.constant(function() return "managed" end),
      service_plan_names = filters.plan_names(itself),
      service_plan_guids = filters.plan_guids(itself),
      service_offering_names = filters.offering_names,
      service_offering_guids = filters.offering_guids,
      space_guids = filters.constant(function() return data.space end),
      organization_guids = filters.constant(function() return data.organization end),
    },
  })
end

-- The instance a user may see; or nil and an answer.
local function visible(cf, guid)
  local instance = cf.user.reads and find.instance(cf.tenant, guid)
  if instance then return instance end
  return nil, cf:not_found "Service instance"
end

-- The instance a user may change; or nil and an answer.
local function writable(cf, guid)
  local instance, refused = visible(cf, guid)
  if not instance then return nil, refused end
  if not cf.user.writes then return nil, cf:fail "NotAuthorized" end
  return instance
end

function instances.show(cf, guid)
  local instance, refused = visible(cf, guid)
  if not instance then return refused end
  return cf:one(present.instance(cf.tenant, instance, cf.url), offers.of_instances(cf))
end

local function show_parameters(cf, guid)
  local instance, refused = visible(cf, guid)
  if not instance then return refused end
  if last_operation.create_failed(instance) then return cf:not_found "Service instance" end
  if not cf.tenant.settings.cf_parameters_retrievable then
    return cf:fail "ServiceFetchInstanceParametersNotSupported"
  end
  return cf:json(200, present.parameters(instance))
end

instances.below = { parameters = show_parameters }

local function check_space(cf, body)
  if not cf.user.reads or message.related(body, "space") ~= cf.tenant.platform:data().space then
    return cf:unprocessable "Invalid space. Ensure that the space exists and you have access to it."
  end
  if not cf.user.writes then return cf:fail "NotAuthorized" end
end

function instances.create(cf)
  local body, refused = cf:body(CREATE)
  if not body then return refused end
  refused = check_space(cf, body)
  if refused then return refused end
  local plan = plans.by_guid(message.related(body, "service_plan"))
  if not plan then
    return cf:unprocessable("Invalid service plan. Ensure that the service plan exists, is "
      .. "available, and you have access to it.")
  end
  local instance, err = cf.tenant.broker:new_instance(body.name, plan.name)
  if not instance then return cf:unprocessable(err.message) end
  instance.tags, instance.metadata = body.tags, body.metadata
  local all = cf.tenant.broker:instances()
  return cf:job {
    operation = "service_instance.create", parameters = body.parameters,
    resource = { type = "service_instances", guid = instance.guid },
    change = function() all[instance.name] = instance end,
    undo = function() all[instance.name] = nil end,
  }
end

-- What the broker need not be asked about is changed at once.
local function update_now(cf, instance, changes)
  local old = { name = instance.name, tags = instance.tags, metadata = instance.metadata,
                updated = instance.updated }
  local ok, err = cf.tenant.state:change(
    function() cf.tenant.broker:rename(instance, changes) end,
    function()
      cf.tenant.broker:rename(instance, old)
      instance.updated = old.updated
    end)
  if not ok then return cf:fail("UnableToPerform", err.message) end
  return cf:json(200, present.instance(cf.tenant, instance, cf.url))
end

local function check_update(cf, instance, body)
  if last_operation.create_failed(instance) then
    return cf:fail("ServiceInstanceNotFound", instance.name)
  elseif last_operation.in_progress(instance) then
    return cf:fail("AsyncServiceInstanceOperationInProgress", instance.name)
  elseif message.related(body, "service_plan") then
    return cf:unprocessable "The service does not support changing plans."
  elseif body.name and body.name ~= instance.name then
    local ok, err = cf.tenant.broker:check_instance_name(body.name)
    if not ok then return cf:unprocessable(err.message) end
  end
end

function instances.update(cf, guid)
  local instance, refused = writable(cf, guid)
  if not instance then return refused end
  local body
  body, refused = cf:body(UPDATE)
  refused = refused or check_update(cf, instance, body)
  if refused then return refused end
  local changes = { name = body.name, tags = body.tags, metadata = body.metadata }
  if not body.parameters then return update_now(cf, instance, changes) end
  local before = instance.operation
  return cf:job {
    operation = "service_instance.update",
    parameters = { given = body.parameters, changes = changes },
    resource = { type = "service_instances", guid = guid },
    change = function() last_operation.begin(instance, "update", cf.tenant.now()) end,
    undo = function() instance.operation = before end,
  }
end

function instances.delete(cf, guid)
  local instance, refused = writable(cf, guid)
  if not instance then return refused end
  if last_operation.in_progress(instance) then return cf:unprocessable(IN_PROGRESS) end
  local before = instance.operation
  return cf:job {
    operation = "service_instance.delete",
    resource = { type = "service_instances", guid = guid },
    change = function() last_operation.begin(instance, "delete", cf.tenant.now()) end,
    undo = function() instance.operation = before end,
  }
end

return instances
