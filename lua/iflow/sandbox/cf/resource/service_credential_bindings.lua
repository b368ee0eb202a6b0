--- /v3/service_credential_bindings: service keys. Creating and deleting them is a job; what they
--- hold is at …/details.
local filters = require "iflow.sandbox.cf.filters"
local find = require "iflow.sandbox.cf.find"
local last_operation = require "iflow.sandbox.broker.last_operation"
local message = require "iflow.sandbox.cf.message"
local offers = require "iflow.sandbox.cf.offers"
local present = require "iflow.sandbox.cf.present"

local bindings = {}

local CREATE = {
  fields = { type = "text", name = "text", parameters = "object", metadata = "object",
             relationships = "object" },
  types = { key = true, text = "'key'" },
  named = true, relations = { "service_instance" },
}
local UPDATE = { fields = { metadata = "object" } }
local INSTANCE_IN_PROGRESS = "There is an operation in progress for the service instance."
local KEY_IN_PROGRESS = "There is an operation in progress for the service binding."

local function instance_of(item) return item.instance end

function bindings.list(cf)
  return cf:page("/v3/service_credential_bindings", find.keys(cf.tenant), {
    named = true, offers = offers.of_keys(cf),
    present = function(item) return present.key(item.key, item.instance, cf.url) end,
    filters = {
      names = filters.names, guids = filters.guids,
      type = filters.constant(function() return "key" end),
      service_instance_guids = function(item, words) return words[item.instance.guid] == true end,
      service_instance_names = function(item, words) return words[item.instance.name] == true end,
      service_plan_names = filters.plan_names(instance_of),
      service_plan_guids = filters.plan_guids(instance_of),
      service_offering_names = filters.offering_names,
      service_offering_guids = filters.offering_guids,
    },
  })
end

-- The key a user may see, and its instance; or nil and an answer.
local function visible(cf, guid)
  local key, instance
  if cf.user.reads then key, instance = find.key(cf.tenant, guid) end
  if key then return key, instance end
  return nil, cf:not_found "Service credential binding"
end

local function writable(cf, guid)
  local key, more = visible(cf, guid)
  if not key then return nil, more end
  if not cf.user.writes then return nil, cf:fail "NotAuthorized" end
  return key, more
end

function bindings.show(cf, guid)
  local key, more = visible(cf, guid)
  if not key then return more end
  return cf:one(present.key(key, more, cf.url), offers.of_keys(cf))
end

-- Secrets are for those who may write; to others there is nothing here.
local function show_details(cf, guid)
  local key, more = visible(cf, guid)
  if not key then return more end
  if not cf.user.writes then return cf:not_found "Service credential binding" end
  if not key.document then
    local failed = last_operation.create_failed(key)
    return cf:fail("ResourceNotFound", "Creation of service credential binding "
      .. (failed and "failed" or "in progress"))
  end
  return cf:json(200, { credentials = key.document })
end

local function show_parameters(cf, guid)
  local key, more = visible(cf, guid)
  if not key then return more end
  return cf:fail "ServiceFetchBindingParametersNotSupported"
end

bindings.below = { details = show_details, parameters = show_parameters }

-- The instance that is to get a key; or nil and an answer.
local function receiver(cf, body)
  local guid = message.related(body, "service_instance")
  local instance = cf.user.reads and find.instance(cf.tenant, guid)
  if not instance or last_operation.create_failed(instance) then
    return nil, cf:unprocessable(("The service instance could not be found: '%s'"):format(guid))
  end
  if not cf.user.writes then return nil, cf:fail "NotAuthorized" end
  if last_operation.in_progress(instance) then
    return nil, cf:unprocessable(INSTANCE_IN_PROGRESS)
  end
  return instance
end

function bindings.create(cf)
  local body, refused = cf:body(CREATE)
  if not body then return refused end
  local instance
  instance, refused = receiver(cf, body)
  if not instance then return refused end
  local before = instance.keys[body.name]
  local key, err = cf.tenant.broker:new_key(instance, body.name)
  if not key then return cf:unprocessable(err.message) end
  key.metadata = body.metadata
  return cf:job {
    operation = "service_bindings.create", parameters = body.parameters,
    resource = { type = "service_credential_bindings", guid = key.guid },
    change = function() instance.keys[key.name] = key end,
    undo = function() instance.keys[key.name] = before end,
  }
end

function bindings.update(cf, guid)
  local key, more = writable(cf, guid)
  if not key then return more end
  local body, refused = cf:body(UPDATE)
  if not body then return refused end
  local before = key.metadata
  local ok, err = cf.tenant.state:change(function() key.metadata = body.metadata or before end,
                                         function() key.metadata = before end)
  if not ok then return cf:fail("UnableToPerform", err.message) end
  return cf:json(200, present.key(key, more, cf.url))
end

function bindings.delete(cf, guid)
  local key, more = writable(cf, guid)
  if not key then return more end
  if last_operation.in_progress(key) then return cf:unprocessable(KEY_IN_PROGRESS) end
  if last_operation.in_progress(more) then return cf:unprocessable(INSTANCE_IN_PROGRESS) end
  local before = key.operation
  return cf:job {
    operation = "service_bindings.delete",
    resource = { type = "service_credential_bindings", guid = guid },
    change = function() last_operation.begin(key, "delete", cf.tenant.now()) end,
    undo = function() key.operation = before end,
  }
end

return bindings
