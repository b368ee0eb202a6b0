--- The service broker: instances (OAuth clients of a plan, with roles) and their keys of three
--- types. Only it changes them; the token server and the worker look them up. Two ways lead here,
--- the Cloud Foundry API (sandbox/cf) with its jobs and the sandbox's own path, which is done at
--- once: both take the same steps, and their records are the same.
local core = require "iflow.core"
local credentials = require "iflow.sandbox.broker.credentials"
local document = require "iflow.sandbox.broker.document"
local errors = require "iflow.error"
local last_operation = require "iflow.sandbox.broker.last_operation"
local options = require "iflow.sandbox.broker.options"
local parameters = require "iflow.sandbox.broker.parameters"
local plans = require "iflow.sandbox.broker.plans"

local broker = {}
broker.__index = broker

-- The number of the sandbox's registrations: !b4711 for clients.
local CLIENT_NUMBER = 4711
local KEY_NAME_MAX = 32

broker.XSAPPNAMES = {}
for _, plan in ipairs(plans.LIST) do broker.XSAPPNAMES[plan.name] = plan.xsappname end

local function refused(text, ...)
  return nil, errors { code = "sandbox.refused", message = text:format(...) }
end

local function count(list)
  local number = 0
  for _ in pairs(list) do number = number + 1 end
  return number
end

--- tenant: state, authority, addresses, settings, roles, now.
function broker.new(tenant)
  local self = setmetatable({ tenant = tenant, by_client = {}, by_certificate = {} }, broker)
  for _, instance in pairs(tenant.state.data.instances) do
    for _, key in pairs(instance.keys) do self:index(instance, key) end
  end
  return self
end

function broker:index(instance, key)
  if not key.client_id then return end -- is being made, or never came to be
  local owner = { instance = instance, key = key }
  self.by_client[key.client_id] = owner
  if key.sha256 then self.by_certificate[key.sha256] = owner end
end

function broker:unindex(key)
  if key.client_id then self.by_client[key.client_id] = nil end
  if key.sha256 then self.by_certificate[key.sha256] = nil end
end

--- The { instance, key } of a client id, or of the SHA-256 of a certificate; nil when there is
--- none.
function broker:client(id) return self.by_client[id] end
function broker:certificate_owner(sha256) return self.by_certificate[sha256] end

--- All of them by name; those too that are being made, or failed to be.
function broker:instances() return self.tenant.state.data.instances end

-- Steps: they change records, the caller saves ---------------------------------------------------

function broker:context() return { settings = self.tenant.settings, roles = self.tenant.roles } end

--- Whether an instance can be called that.
function broker:check_instance_name(name)
  local good, why = parameters.name(name, "service instance",
                                    self.tenant.settings.instance_name_max)
  if not good then return refused("%s", why) end
  if self:instances()[name] then return refused("The service instance name is taken: %s", name) end
  return true
end

--- A record for a new instance of the plan, which is not among the others yet.
function broker:new_instance(name, plan)
  local good, err = self:check_instance_name(name)
  if not good then return nil, err end
  local max = self.tenant.settings.instances_max
  if count(self:instances()) >= max then return refused("there are %d instances already", max) end
  local now = self.tenant.now()
  local instance = { name = name, plan = plan, guid = core.crypto.uuid(), created = now,
                     updated = now, keys = {}, roles = {}, grant_types = {}, redirect_uris = {} }
  last_operation.begin(instance, "create", now)
  return instance
end

local function adopt(instance, wanted)
  for name, value in pairs(wanted) do instance[name] = value end
end

--- Gives a new instance its parameters. Returns warnings; or nil, err.
function broker:provision(instance, given)
  local wanted, warnings = parameters.instance(given, plans.named(instance.plan), self:context())
  if not wanted then return refused("%s", warnings) end
  adopt(instance, wanted)
  last_operation.succeed(instance, self.tenant.now())
  return warnings
end

--- Changes what the broker need not check: changes.name, tags, metadata.
function broker:rename(instance, changes)
  local all = self:instances()
  if changes.name and changes.name ~= instance.name then
    all[instance.name], all[changes.name] = nil, instance
  end
  adopt(instance, changes)
  instance.updated = self.tenant.now()
end

--- Changes the parameters of an instance, and what `changes` names. Returns warnings; or nil, err.
function broker:update(instance, given, changes)
  local wanted, warnings = parameters.update(given, instance, self:context())
  if not wanted then return refused("%s", warnings) end
  if changes.name and changes.name ~= instance.name then
    local ok, err = self:check_instance_name(changes.name)
    if not ok then return nil, err end
  end
  self:rename(instance, changes)
  adopt(instance, wanted)
  last_operation.succeed(instance, self.tenant.now())
  return warnings
end

--- A record for a new key among those of the instance. One of the same name that failed to be made
--- gives its place.
function broker:new_key(instance, name)
  local good, why = parameters.name(name, "service key", KEY_NAME_MAX)
  if not good then return refused("%s", why) end
  local same = instance.keys[name]
  if same and not last_operation.create_failed(same) then
    return refused("The binding name is invalid. Key binding names must be unique. The service "
      .. "instance already has a key binding with name '%s'.", name)
  end
  local max = self.tenant.settings.keys_max
  if count(instance.keys) >= max then
    return refused("instance '%s' has %d keys already", instance.name, max)
  end
  local now = self.tenant.now()
  local key = { name = name, guid = core.crypto.uuid(), created = now, updated = now }
  last_operation.begin(key, "create", now)
  instance.keys[name] = key
  return key
end

-- A key of the same name, certificate or instance may have come or gone while the credentials were
-- made.
local function check_still(self, instance, key, made)
  local owner = made.sha256 and self:certificate_owner(made.sha256)
  if owner then
    return refused("the certificate is used by key '%s' of instance '%s' already", owner.key.name,
                   owner.instance.name)
  end
  if instance.keys[key.name] ~= key or self:instances()[instance.name] ~= instance then
    return refused("key '%s' was deleted while it was made", key.name)
  end
  return true
end

--- Gives a new key its credentials. Waits. Returns warnings; or nil, err.
function broker:bind(instance, key, given)
  local wanted, warnings = parameters.key(given, instance, self:context())
  if not wanted then return refused("%s", warnings) end
  local tenant, plan = self.tenant, plans.named(instance.plan)
  local made = { guid = key.guid, type = wanted.type,
                 client_id = ("sb-%s!b%d|%s"):format(key.guid, CLIENT_NUMBER, plan.xsappname) }
  local fields, err = credentials[wanted.type](tenant, made, wanted)
  if not fields then return nil, err end
  local ok
  ok, err = check_still(self, instance, key, made)
  if not ok then return nil, err end
  fields.client_id, fields.created = made.client_id, key.created
  fields.details_place = tenant.settings.certificatedetails
  fields.url = tenant.addresses:url(plan.host)
  fields.tokenurl = tenant.addresses:token_url(
    wanted.type ~= "secret" and tenant.settings.certificate_tokenurl == "cert")
  made.document = document.new(fields)
  for name, value in pairs(made) do key[name] = value end
  self:index(instance, key)
  last_operation.succeed(key, tenant.now())
  return warnings
end

--- Takes a key out of its instance. Tokens that were issued for it live on to their end, as on the
--- platform.
function broker:unbind(instance, key)
  if instance.keys[key.name] == key then instance.keys[key.name] = nil end
  self:unindex(key)
end

--- Takes an instance away with its keys.
function broker:deprovision(instance)
  for _, key in pairs(instance.keys) do self:unindex(key) end
  self:instances()[instance.name] = nil
end

--- Puts back what unbind or deprovision took, when that could not be saved.
function broker:restore(instance, key)
  self:instances()[instance.name] = instance
  if key then instance.keys[key.name] = key end
  for _, each in pairs(instance.keys) do self:index(instance, each) end
end

-- The sandbox's own path: done and saved at once --------------------------------------------------

--- Creates an instance from { name, plan, roles, token_validity, grant_types, redirect_uris }.
--- Returns its description, or nil, err.
function broker:create_instance(given)
  local wanted, plan = options.instance(given), given.plan or "integration-flow"
  if not plans.named(plan) then
    return refused("there is no plan '%s'; there are integration-flow and api", tostring(plan))
  end
  local instance, err = self:new_instance(given.name, plan)
  local ok = instance
  if ok then ok, err = self:provision(instance, wanted) end
  if ok then
    ok, err = self.tenant.state:change(
      function(data) data.instances[instance.name] = instance end,
      function(data) data.instances[instance.name] = nil end)
  end
  if not ok then return nil, err end
  return broker.describe(instance)
end

--- What may be shown of an instance: no secret is in it.
function broker.describe(instance)
  local keys = {}
  for name, key in pairs(instance.keys) do
    keys[#keys + 1] = { name = name, type = key.type, client_id = key.client_id, pin = key.pin,
                        state = key.operation and key.operation.state or "succeeded" }
  end
  table.sort(keys, function(a, b) return a.name < b.name end)
  return { name = instance.name, guid = instance.guid, plan = instance.plan,
           roles = core.json.array { table.unpack(instance.roles) },
           grant_types = core.json.array { table.unpack(instance.grant_types) },
           token_validity = instance.token_validity,
           state = instance.operation and instance.operation.state or "succeeded",
           keys = core.json.array(keys) }
end

local function instance_of(self, name)
  local instance = self:instances()[name]
  if instance then return instance end
  return refused("there is no service instance '%s'", tostring(name))
end

--- Creates a key from { instance, name, type, validity, key_length, x509, pin }. Returns its
--- content, the document a user downloads, or nil, err. Waits.
function broker:create_key(given)
  local instance, err = instance_of(self, given.instance)
  if not instance then return nil, err end
  local wanted, why = options.key(given, self.tenant.settings.pin_parameters:match "%S+")
  if not wanted then return refused("%s", why) end
  local key
  key, err = self:new_key(instance, given.name)
  if not key then return nil, err end
  local ok
  ok, err = self:bind(instance, key, wanted)
  if ok then ok, err = self.tenant.state:save() end
  if ok then return key.document end
  self:unbind(instance, key)
  return nil, err
end

--- Deletes a key. Returns true, or nil, err.
function broker:delete_key(instance_name, key_name)
  local instance = self:instances()[instance_name]
  local key = instance and instance.keys[key_name]
  if not key then
    return refused("there is no key '%s' in instance '%s'", tostring(key_name),
                   tostring(instance_name))
  end
  return self.tenant.state:change(function() self:unbind(instance, key) end,
                                  function() self:restore(instance, key) end)
end

--- Deletes an instance with its keys. Returns true, or nil, err.
function broker:delete_instance(name)
  local instance, err = instance_of(self, name)
  if not instance then return nil, err end
  return self.tenant.state:change(function() self:deprovision(instance) end,
                                  function() self:restore(instance) end)
end

--- Whether an instance has that grant type.
function broker.grants(instance, grant_type)
  for _, name in ipairs(instance.grant_types) do
    if name == grant_type then return true end
  end
  return false
end

--- Whether secret is that of the key, compared by digests, so that the time tells nothing.
function broker.has_secret(key, secret)
  return key.client_secret ~= nil
    and core.crypto.sha256(key.client_secret) == core.crypto.sha256(secret)
end

return broker
