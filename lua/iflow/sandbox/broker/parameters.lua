--- What the service broker accepts for instances and keys (sap-reference 2.2, 2.3). Pure: returns
--- the completed parameters, or nil and what is wrong with them.
local suggest = require "iflow.suggest"

local parameters = {}

local NAME_MAX = 32
local PLANS = { ["integration-flow"] = { roles = { "ESBMessaging.send" }, validity = 3600 },
                api = { roles = {}, validity = 43200 } }
parameters.GRANT_TYPES = {
  client_credentials = true, authorization_code = true, refresh_token = true, password = true,
  ["urn:ietf:params:oauth:grant-type:saml2-bearer"] = true,
  ["urn:ietf:params:oauth:grant-type:jwt-bearer"] = true,
}
local KEY_TYPES = { secret = true, certificate = true, external = true }
local KEY_LENGTHS = { [2048] = true, [3072] = true, [4096] = true }
local INSTANCE_OPTIONS = { "name", "plan", "roles", "token_validity", "grant_types" }
local KEY_OPTIONS = { "instance", "name", "type", "validity", "key_length", "x509" }

local function bad(text, ...) return nil, text:format(...) end

local function integer(value, low, high)
  return math.type(value) == "integer" and value >= low and value <= high
end

local function name_of(value, what)
  if type(value) ~= "string" or value == "" then return bad("the %s needs a name", what) end
  if #value > NAME_MAX then
    return bad("the name '%s' of the %s is longer than %d characters", value, what, NAME_MAX)
  end
  if value:find("[%c/]") then return bad("the name of the %s has a character it must not", what) end
  return value
end

local function check_roles(roles)
  if type(roles) ~= "table" then return bad("roles must be a list of role names") end
  for _, role in ipairs(roles) do
    if type(role) ~= "string" or not role:match("^[%w_.]+$") then
      return bad("'%s' is no role name: letters, digits, '_' and '.' make one", tostring(role))
    end
  end
  return true
end

local function check_grants(grants)
  if type(grants) ~= "table" then return bad("grant-types must be a list") end
  for _, grant in ipairs(grants) do
    if grant == "client_x509" then
      return bad("the grant type client_x509 ended in January 2026; use client_credentials")
    end
    if not parameters.GRANT_TYPES[grant] then
      return bad("there is no grant type '%s'", tostring(grant))
    end
  end
  return true
end

--- settings: token_validity_min, token_validity_max, default_grant_types.
function parameters.instance(given, settings)
  suggest.check_keys(given, INSTANCE_OPTIONS)
  local name, why = name_of(given.name, "service instance")
  if not name then return nil, why end
  local plan = PLANS[given.plan or "integration-flow"]
  if not plan then
    return bad("there is no plan '%s'; there are integration-flow and api", tostring(given.plan))
  end
  local out = { name = name, plan = given.plan or "integration-flow",
                roles = given.roles or plan.roles,
                token_validity = given.token_validity or plan.validity,
                grant_types = given.grant_types or { settings.default_grant_types } }
  local low, high = settings.token_validity_min, settings.token_validity_max
  if not integer(out.token_validity, low, high) then
    return bad("token-validity must be a whole number of seconds from %d to %d", low, high)
  end
  local ok
  ok, why = check_roles(out.roles)
  if ok then ok, why = check_grants(out.grant_types) end
  if not ok then return nil, why end
  return out
end

local function allows_client_credentials(instance)
  for _, grant in ipairs(instance.grant_types) do
    if grant == "client_credentials" then return true end
  end
  return false
end

local function check_certificate_key(given)
  local out = { validity = given.validity or 365, key_length = given.key_length or 2048 }
  if not integer(out.validity, 1, 365) then
    return bad("validity must be a whole number of days from 1 to 365")
  end
  if not KEY_LENGTHS[out.key_length] then return bad("key-length must be 2048, 3072 or 4096") end
  return out
end

--- The key's parameters, checked against its instance. X.509 stays text here.
function parameters.key(given, instance)
  suggest.check_keys(given, KEY_OPTIONS)
  local name, why = name_of(given.name, "service key")
  if not name then return nil, why end
  local kind = given.type or "secret"
  if not KEY_TYPES[kind] then
    return bad("there is no key type '%s'; there are secret, certificate and external",
               tostring(kind))
  end
  if kind == "secret" then return { name = name, type = kind } end
  if not allows_client_credentials(instance) then
    return bad("a key with a certificate needs the grant type client_credentials in instance '%s'",
               instance.name)
  end
  local out = { name = name, type = kind }
  if kind == "certificate" then
    local sizes
    sizes, why = check_certificate_key(given)
    if not sizes then return nil, why end
    out.validity, out.key_length = sizes.validity, sizes.key_length
    return out
  end
  if type(given.x509) ~= "string" or given.x509 == "" then
    return bad("an external key needs the certificate, as X.509 or --x509 FILE")
  end
  out.x509 = given.x509
  return out
end

return parameters
