--- The service broker: instances (OAuth clients of a plan, with roles) and their keys of three
--- types. Only it changes them; the token server and the worker look them up.
local core = require "iflow.core"
local errors = require "iflow.error"
local document = require "iflow.sandbox.broker.document"
local parameters = require "iflow.sandbox.broker.parameters"

local broker = {}
broker.__index = broker

-- The numbers of the sandbox's registrations: !b4711 for clients, !b815 for the service itself.
local CLIENT_NUMBER = 4711
broker.XSAPPNAMES = { ["integration-flow"] = "it-rt-acme-dev!b815", api = "it!b815" }

local function refused(text, ...)
  return nil, errors { code = "sandbox.refused", message = text:format(...) }
end

--- tenant: state, authority, addresses, settings, trust, now.
function broker.new(tenant)
  local self = setmetatable({ tenant = tenant, by_client = {}, by_certificate = {} }, broker)
  for _, instance in pairs(tenant.state.data.instances) do
    for _, key in pairs(instance.keys) do self:index(instance, key) end
  end
  return self
end

function broker:index(instance, key)
  local owner = { instance = instance, key = key }
  self.by_client[key.client_id] = owner
  if key.sha256 then self.by_certificate[key.sha256] = owner end
end

--- The { instance, key } of a client id, or of the SHA-256 of a certificate; nil when there is
--- none.
function broker:client(id) return self.by_client[id] end
function broker:certificate_owner(sha256) return self.by_certificate[sha256] end

function broker:instances() return self.tenant.state.data.instances end

--- Creates an instance from { name, plan, roles, token_validity, grant_types }. Returns its
--- description, or nil, err.
function broker:create_instance(given)
  local instance, why = parameters.instance(given, self.tenant.settings)
  if not instance then return refused("%s", why) end
  if self:instances()[instance.name] then
    return refused("there is a service instance '%s' already", instance.name)
  end
  instance.guid, instance.created, instance.keys = core.crypto.uuid(), self.tenant.now(), {}
  local ok, err = self.tenant.state:change(
    function(data) data.instances[instance.name] = instance end,
    function(data) data.instances[instance.name] = nil end)
  if not ok then return nil, err end
  return broker.describe(instance)
end

--- What may be shown of an instance: no secret is in it.
function broker.describe(instance)
  local keys = {}
  for name, key in pairs(instance.keys) do
    keys[#keys + 1] = { name = name, type = key.type, client_id = key.client_id }
  end
  table.sort(keys, function(a, b) return a.name < b.name end)
  return { name = instance.name, guid = instance.guid, plan = instance.plan,
           roles = core.json.array { table.unpack(instance.roles) },
           grant_types = core.json.array { table.unpack(instance.grant_types) },
           token_validity = instance.token_validity,
           keys = core.json.array(keys) }
end

local function hex_serial(serial) return "0x" .. serial:gsub("^0[xX]", ""):gsub(":", "") end

-- Each maker completes the key record and the fields of its document.
local make = {}

function make.secret(_, record)
  record.client_secret = ("%s$%s"):format(core.crypto.uuid(),
    core.crypto.base64(core.crypto.random(32)):gsub("%+", "-"):gsub("/", "_"))
  return { client_secret = record.client_secret }
end

function make.certificate(self, record, wanted)
  local pair, err = core.authority.keypair { type = "rsa", bits = wanted.key_length }
  if not pair then return nil, err end
  local authority = self.tenant.authority
  local subject = document.subject(record.guid:sub(1, 8), record.guid)
  local chain, leaf = authority:client_chain(subject, pair, wanted.validity,
                                             math.floor(self.tenant.now()))
  if not chain then return nil, leaf end
  local parsed
  parsed, err = core.cert.parse(leaf)
  if not parsed then return nil, err end
  local info = parsed.certificates[1]
  record.sha256 = info.sha256
  return { certificate = chain, key = pair:private_pem("pkcs1"),
           details = { subject = document.dn(subject),
                       issuer = document.dn(authority.CLIENTS_SUBJECT),
                       valid_until = info.not_after, serial = hex_serial(info.serial) } }
end

function make.external(self, record, wanted)
  local parsed, err = core.cert.parse(wanted.x509)
  if not parsed then return nil, err end
  if #parsed.certificates ~= 1 then
    return refused("X.509 takes exactly one certificate, and here are %d: give the leaf alone",
                   #parsed.certificates)
  end
  local info = parsed.certificates[1]
  local owner = self:certificate_owner(info.sha256)
  if owner then
    return refused("the certificate '%s' is used by key '%s' of instance '%s' already; it can be "
      .. "used once: put several roles into one instance", info.subject, owner.key.name,
      owner.instance.name)
  end
  record.sha256 = info.sha256
  return { certificate = info.pem }
end

--- Creates a key from { instance, name, type, validity, key_length, x509 }. Returns its content,
--- the document a user downloads, or nil, err.
function broker:create_key(given)
  local instance = self:instances()[given.instance]
  if not instance then
    return refused("there is no service instance '%s'", tostring(given.instance))
  end
  local wanted, why = parameters.key(given, instance)
  if not wanted then return refused("%s", why) end
  local addresses, guid = self.tenant.addresses, core.crypto.uuid()
  local record = { name = wanted.name, type = wanted.type, guid = guid, created = self.tenant.now(),
                   client_id = ("sb-%s!b%d|%s"):format(guid, CLIENT_NUMBER,
                                                       broker.XSAPPNAMES[instance.plan]) }
  local fields, err = make[wanted.type](self, record, wanted)
  if not fields then return nil, err end
  if instance.keys[wanted.name] then -- looked up here: making an RSA key let others run
    return refused("instance '%s' has a key '%s' already", instance.name, wanted.name)
  end
  fields.client_id, fields.created = record.client_id, record.created
  fields.url = addresses:url(instance.plan == "api" and "api" or "runtime")
  fields.tokenurl = addresses:token_url(wanted.type ~= "secret")
  record.document = document.new(fields)
  local ok
  ok, err = self.tenant.state:change(function() instance.keys[record.name] = record end,
                                     function() instance.keys[record.name] = nil end)
  if not ok then return nil, err end
  self:index(instance, record)
  return record.document
end

--- Deletes a key. Tokens that were issued for it live on to their end, as on the platform.
function broker:delete_key(instance_name, key_name)
  local instance = self:instances()[instance_name]
  local key = instance and instance.keys[key_name]
  if not key then
    return refused("there is no key '%s' in instance '%s'", tostring(key_name),
                   tostring(instance_name))
  end
  local ok, err = self.tenant.state:change(function() instance.keys[key_name] = nil end,
                                           function() instance.keys[key_name] = key end)
  if not ok then return nil, err end
  self.by_client[key.client_id] = nil
  if key.sha256 then self.by_certificate[key.sha256] = nil end
  return true
end

--- Whether secret is that of the key, compared by digests, so that the time tells nothing.
function broker.has_secret(key, secret)
  return key.client_secret ~= nil
    and core.crypto.sha256(key.client_secret) == core.crypto.sha256(secret)
end

return broker
