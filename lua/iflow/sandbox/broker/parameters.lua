--- What the service broker accepts as parameters of instances and keys, under SAP's names
--- (sap-reference 2.2, 2.3). Pure: returns what they say, and a list of warnings; or nil and what
--- is wrong with them.
local json = require "iflow.core".json
local plans = require "iflow.sandbox.broker.plans"

local parameters = {}

parameters.GRANT_TYPES = {
  client_credentials = true, authorization_code = true, refresh_token = true, password = true,
  ["urn:ietf:params:oauth:grant-type:saml2-bearer"] = true,
  ["urn:ietf:params:oauth:grant-type:jwt-bearer"] = true,
}
local DEAD_GRANT = "client_x509"
local INSTANCE = { roles = true, ["grant-types"] = true, ["redirect-uris"] = true,
                   ["token-validity"] = true }
local KEY = { ["key-type"] = true, validity = true, ["key-length"] = true, ["X.509"] = true }
local KEY_TYPES = { certificate = "certificate", certificate_external = "external" }

local function bad(text, ...) return nil, text:format(...) end

local function integer(value, low, high)
  return math.type(value) == "integer" and value >= low and value <= high
end

local function contains(list, wanted)
  for _, value in ipairs(list) do
    if value == wanted then return true end
  end
  return false
end

local function words(text)
  local list = {}
  for word in text:gmatch "%S+" do list[#list + 1] = word end
  return list
end

-- A copy without what is null in JSON.
local function present(given)
  local out = {}
  for name, value in pairs(given or {}) do
    if value ~= json.null then out[name] = value end
  end
  return out
end

--- Whether a value of JSON is a list of texts.
local function is_list(value)
  if type(value) ~= "table" then return false end
  local count = 0
  for _, text in pairs(value) do
    count = count + 1
    if type(text) ~= "string" then return false end
  end
  return count == #value
end

-- Warnings about names that mean nothing, or what is wrong with one.
local function check_names(given, known, settings, warnings)
  local unknown = {}
  for name in pairs(given) do
    if not known[name] then unknown[#unknown + 1] = tostring(name) end
  end
  table.sort(unknown)
  if unknown[1] and settings.unknown_parameters == "refused" then
    return bad("there is no parameter '%s'", unknown[1])
  end
  for _, name in ipairs(unknown) do
    warnings[#warnings + 1] = ("the parameter '%s' is unknown and was ignored"):format(name)
  end
  return true
end

--- The name of an instance or a key; nil and what is wrong with it.
function parameters.name(value, what, max)
  if type(value) ~= "string" or value == "" then return bad("the %s needs a name", what) end
  if (utf8.len(value) or #value) > max then
    return bad("the name '%s' of the %s is longer than %d characters", value, what, max)
  end
  if value:find "[%c/]" then return bad("the name of the %s has a character it must not", what) end
  return value
end

local function check_roles(roles, plan, context)
  if not is_list(roles) then return bad "roles must be a list of role names" end
  if #roles > context.settings.instance_roles_max then
    return bad("an instance takes at most %d roles", context.settings.instance_roles_max)
  end
  for _, role in ipairs(roles) do
    if not plans.has_role(plan, role, context.roles) then
      return bad(plan.templates and "plan %s has no role '%s'"
        or "for plan %s there is no user role '%s'; create it under Monitor > Manage Security > "
        .. "User Roles (iflow sandbox role add)", plan.name, role)
    end
  end
  return true
end

local function check_grants(grants, context)
  if not is_list(grants) then return bad "grant-types must be a list of grant types" end
  for _, grant in ipairs(grants) do
    if grant == DEAD_GRANT then
      if context.updating or context.settings.client_x509 == "refused" then
        return bad "the grant type client_x509 ended in January 2026; use client_credentials"
      end
    elseif not parameters.GRANT_TYPES[grant]
      and context.settings.foreign_grant_types == "refused" then
      return bad("there is no grant type '%s'", grant)
    end
  end
  return true
end

local function check_redirects(uris)
  if not is_list(uris) then return bad "redirect-uris must be a list of URIs" end
  for _, uri in ipairs(uris) do
    if not uri:match "^%a[%w+.-]*://%S+$" then return bad("'%s' is no redirect URI", uri) end
  end
  return true
end

--- The parameters of an instance of the plan (broker/plans.lua). given: the JSON object, or nil.
--- context: settings, roles (of the tenant), updating.
function parameters.instance(given, plan, context)
  local settings, warnings = context.settings, {}
  given = present(given)
  local ok, why = check_names(given, INSTANCE, settings, warnings)
  if not ok then return nil, why end
  local out = { roles = given.roles or plan.roles,
                grant_types = given["grant-types"] or words(settings.default_grant_types),
                redirect_uris = given["redirect-uris"] or {},
                token_validity = given["token-validity"] or plan.validity }
  local low, high = settings.token_validity_min, settings.token_validity_max
  if not integer(out.token_validity, low, high) then
    return bad("token-validity must be a whole number of seconds from %d to %d", low, high)
  end
  ok, why = check_roles(out.roles, plan, context)
  if ok then ok, why = check_grants(out.grant_types, context) end
  if ok then ok, why = check_redirects(out.redirect_uris) end
  if not ok then return nil, why end
  for name, value in pairs(out) do
    if type(value) == "table" then out[name] = table.move(value, 1, #value, 1, {}) end
  end
  return out, warnings
end

--- What an instance has, under SAP's names.
function parameters.of_instance(instance)
  return { roles = json.array { table.unpack(instance.roles) },
           ["grant-types"] = json.array { table.unpack(instance.grant_types) },
           ["redirect-uris"] = json.array { table.unpack(instance.redirect_uris or {}) },
           ["token-validity"] = instance.token_validity }
end

--- The parameters of an instance after an update.
function parameters.update(given, instance, context)
  local all = context.settings.update_parameters == "merged"
    and parameters.of_instance(instance) or {}
  for name, value in pairs(present(given)) do all[name] = value end
  return parameters.instance(all, plans.named(instance.plan), {
    settings = context.settings, roles = context.roles, updating = true })
end

local function key_type(value, settings)
  if value == nil or (value ~= "" and value == settings.secret_key_type) then return "secret" end
  local kind = KEY_TYPES[value]
  if kind then return kind end
  return bad("there is no key-type '%s'; there are certificate and certificate_external, and none "
    .. "for a secret", tostring(value))
end

local function check_certificate(given, settings)
  local out = { validity = given.validity or 365, key_length = given["key-length"] or 2048 }
  if not integer(out.validity, 1, 365) then
    return bad "validity must be a whole number of days from 1 to 365"
  end
  local lengths = words(settings.key_lengths)
  if not integer(out.key_length, 1024, 16384)
    or not contains(lengths, tostring(out.key_length)) then
    return bad("key-length must be one of %s", table.concat(lengths, ", "))
  end
  return out
end

local TRUTH = { [true] = true, ["true"] = true, [false] = false, ["false"] = false }

-- The value of Pin Certificate under any of its spellings, and the one that was used; nil when none
-- was; or false and what is wrong.
local function pinning(given, settings)
  local spelling
  for _, name in ipairs(words(settings.pin_parameters)) do
    if given[name] ~= nil then
      if spelling then return false, ("'%s' and '%s' mean the same"):format(spelling, name) end
      spelling = name
    end
  end
  if not spelling then return nil end
  if TRUTH[given[spelling]] == nil then
    return false, ("'%s' must be true or false"):format(spelling)
  end
  return { on = TRUTH[given[spelling]], spelling = spelling }
end

local function check_pin(given, kind, plan, context, warnings)
  local pin, why = pinning(given, context.settings)
  if pin == false then return nil, why end
  if not pin then return true end
  if kind ~= "external" or not plan.pinning then
    return bad("'%s' is for external certificates of plan integration-flow", pin.spelling)
  end
  warnings[#warnings + 1] = ("SAP does not document the name of Pin Certificate; '%s' is taken for "
    .. "it here"):format(pin.spelling)
  return true, pin.on
end

-- Without its key-type a certificate would be forgotten without a word.
local function warn_of_secret(given, warnings)
  for _, name in ipairs { "X.509", "validity", "key-length" } do
    if given[name] ~= nil then
      warnings[#warnings + 1] = ("the parameter '%s' was ignored: without key-type the key has a "
        .. "secret"):format(name)
    end
  end
end

local function known_names(settings)
  local known = {}
  for name in pairs(KEY) do known[name] = true end
  for _, name in ipairs(words(settings.pin_parameters)) do known[name] = true end
  return known
end

--- The parameters of a key of the instance: { type, validity, key_length, x509, pin }. X.509 stays
--- text here. An external key may carry validity and key-length, which mean nothing there.
function parameters.key(given, instance, context)
  local settings, warnings = context.settings, {}
  given = present(given)
  local ok, why = check_names(given, known_names(settings), settings, warnings)
  if not ok then return nil, why end
  if contains(instance.grant_types, DEAD_GRANT) then
    return bad("instance '%s' contains the grant type client_x509, which ended in January 2026, "
      .. "and gets no new keys: update it to client_credentials", instance.name)
  end
  local out = {}
  out.type, why = key_type(given["key-type"], settings)
  if not out.type then return nil, why end
  ok, out.pin = check_pin(given, out.type, plans.named(instance.plan), context, warnings)
  if not ok then return nil, out.pin end
  if out.type == "secret" then
    warn_of_secret(given, warnings)
    return out, warnings
  end
  if not contains(instance.grant_types, "client_credentials") then
    return bad("a key with a certificate needs the grant type client_credentials in instance '%s'",
               instance.name)
  end
  if out.type == "external" then
    out.x509 = given["X.509"]
    if type(out.x509) == "string" and out.x509 ~= "" then return out, warnings end
    return bad "a key of type certificate_external needs the certificate in X.509"
  end
  local sizes
  sizes, why = check_certificate(given, settings)
  if not sizes then return nil, why end
  out.validity, out.key_length = sizes.validity, sizes.key_length
  return out, warnings
end

return parameters
