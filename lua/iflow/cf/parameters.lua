--- The parameters of service instances and keys as SAP's broker takes them (sap-reference 2.2,
--- 2.3), checked before they are sent. What SAP does not document goes through with a warning, and
--- what a file of parameters says goes through in any case. Pure.
local errors = require "iflow.error"
local json = require "iflow.core".json

local parameters = {}

local NAME_MAX = 32
local VALIDITY_MIN, VALIDITY_MAX = 3600, 86400 -- seconds of a token
local DAYS_MAX = 365
local KEY_LENGTH = 2048
--- The name of Pin Certificate is not documented; this is what XSUAA itself calls it.
parameters.PIN = "certificate-pinning"

--- Grant types whose names are known.
parameters.GRANTS = {
  client_credentials = true, authorization_code = true, refresh_token = true, password = true,
  ["urn:ietf:params:oauth:grant-type:saml2-bearer"] = true,
  ["urn:ietf:params:oauth:grant-type:jwt-bearer"] = true,
}
local ENDED = "client_x509"
local OF_INSTANCE = { roles = true, ["grant-types"] = true, ["redirect-uris"] = true,
                      ["token-validity"] = true }
local OF_KEY = { ["key-type"] = true, validity = true, ["key-length"] = true, ["X.509"] = true }
local KEY_TYPES = { certificate = "certificate", external = "certificate_external" }

local function bad(text, ...)
  return nil, errors { code = "usage.invalid", message = text:format(...) }
end

local function contains(list, wanted)
  for _, value in ipairs(type(list) == "table" and list or {}) do
    if value == wanted then return true end
  end
  return false
end

local function integer(value, low, high)
  return math.type(value) == "integer" and value >= low and value <= (high or math.maxinteger)
end

-- Checks: name of SAP's -> function(value, all) -> what is wrong | nil, or a warning as the second.

local checks = {}

checks["token-validity"] = function(value)
  if integer(value, VALIDITY_MIN, VALIDITY_MAX) then return nil end
  return ("the token validity must be %d to %d seconds"):format(VALIDITY_MIN, VALIDITY_MAX)
end

local function is_texts(value)
  if type(value) ~= "table" then return false end
  for key, text in pairs(value) do
    if math.type(key) ~= "integer" or type(text) ~= "string" or text == "" then return false end
  end
  return true
end

function checks.roles(value)
  if not is_texts(value) then return "roles must be a list of names" end
end

checks["grant-types"] = function(value, all)
  if not is_texts(value) then return "grant types must be a list of names" end
  for _, grant in ipairs(value) do
    if grant == ENDED then
      return "the grant type client_x509 ended in January 2026; use client_credentials"
    elseif not parameters.GRANTS[grant] then
      return nil, ("SAP documents no grant type '%s'; it is sent as it is"):format(grant)
    end
  end
  local uris = all["redirect-uris"]
  if contains(value, "authorization_code") and not (type(uris) == "table" and uris[1]) then
    return nil, "the grant type authorization_code needs redirect URIs"
  end
end

checks["redirect-uris"] = function(value, all)
  if not is_texts(value) then return "redirect URIs must be a list" end
  for _, uri in ipairs(value) do
    if not uri:find "^%a[%w+.-]*://%S+$" then return ("'%s' is no redirect URI"):format(uri) end
  end
  if value[1] and not contains(all["grant-types"], "authorization_code") then
    return nil, "redirect URIs are for the grant type authorization_code, which is not given"
  end
end

function checks.validity(value)
  if integer(value, 1, DAYS_MAX) then return nil end
  return ("the validity must be 1 to %d days"):format(DAYS_MAX)
end

checks["key-length"] = function(value)
  if not integer(value, 1) then return "the key length must be a number of bits" end
  if value == KEY_LENGTH then return nil end
  return nil, ("SAP documents a key length of %d only; %d is sent as it is"):format(KEY_LENGTH,
                                                                                   value)
end

-- Checks every value of `all`. What is wrong with one that an option gave is an error, with one of
-- the file a warning. known: names; given: those of options.
local function check(all, known, given, warnings)
  local names = {}
  for name in pairs(all) do names[#names + 1] = tostring(name) end
  table.sort(names)
  for _, name in ipairs(names) do
    local wrong, doubtful
    if checks[name] and known[name] then wrong, doubtful = checks[name](all[name], all) end
    if wrong and given[name] then return bad("%s", wrong) end
    warnings[#warnings + 1] = wrong or doubtful
    if not known[name] then
      warnings[#warnings + 1] = ("SAP documents no parameter '%s'; it is sent as it is"):format(
        name)
    end
  end
  return true
end

-- raw, and over it what the options say; both at once is a mistake.
local function merge(raw, given)
  if raw ~= nil and (type(raw) ~= "table" or json.is_array(raw)) then
    return bad "the parameters must be a JSON object"
  end
  local all = json.object {}
  for name, value in pairs(raw or {}) do all[name] = value end
  for name, value in pairs(given) do
    if all[name] ~= nil then
      return bad("'%s' is given twice, as an option and in the file", name)
    end
    all[name] = value
  end
  return all
end

local function list(values) return values and json.array(table.move(values, 1, #values, 1, {})) end

--- The parameters of an instance: a JSON object, or nil when there is nothing to say, and warnings;
--- or false, err. options: roles, grant_types, redirect_uris (lists), token_validity (seconds),
--- parameters (a table that goes through). current: those it has, for an update that keeps them.
function parameters.instance(options, current)
  local given = { roles = list(options.roles), ["grant-types"] = list(options.grant_types),
                  ["redirect-uris"] = list(options.redirect_uris),
                  ["token-validity"] = options.token_validity }
  local all, err = merge(options.parameters, given)
  if not all then return false, err end
  if not next(all) then return nil, {} end
  for name, value in pairs(current or {}) do
    if all[name] == nil then all[name] = value end
  end
  if current and contains(current["grant-types"], ENDED) and not given["grant-types"] then
    return false, errors { code = "cf.refused",
      message = "the instance has the grant type client_x509, and cannot be updated with it",
      hint = "replace it in the same step: --grant-type client_credentials" }
  end
  local warnings, ok = {}
  ok, err = check(all, OF_INSTANCE, given, warnings)
  if not ok then return false, err end
  return all, warnings
end

local function check_fit(options)
  local kind = options.type or "secret"
  if kind ~= "secret" and not KEY_TYPES[kind] then
    return bad("there is no key type '%s'; there are secret, certificate and external",
               tostring(kind))
  elseif (kind == "external") ~= (options.x509 ~= nil) then
    return bad(kind == "external" and "a key of type external needs its certificate"
      or "a certificate is for keys of type external")
  elseif kind ~= "certificate" and (options.validity or options.key_length) then
    return bad "validity and key length are for keys of type certificate"
  elseif kind ~= "external" and options.pin ~= nil then
    return bad "pinning is for keys of type external"
  end
  return kind
end

--- The parameters of a key, as parameters.instance. options: type ("secret", "certificate" or
--- "external"), validity (days), key_length (bits), x509 (one certificate in PEM), pin (false: take
--- later certificates with the same names, too), pin_name (what the broker calls that), parameters.
function parameters.key(options)
  local kind, err = check_fit(options)
  if not kind then return false, err end
  local pin = options.pin_name or parameters.PIN
  local all
  local given = { ["key-type"] = KEY_TYPES[kind], ["X.509"] = options.x509, [pin] = options.pin,
                  validity = options.validity, ["key-length"] = options.key_length }
  all, err = merge(options.parameters, given)
  if not all then return false, err end
  if not next(all) then return nil, {} end
  local warnings, known, ok = {}, { [pin] = true }
  for name in pairs(OF_KEY) do known[name] = true end
  ok, err = check(all, known, given, warnings)
  if not ok then return false, err end
  if options.pin ~= nil then
    warnings[#warnings + 1] = ("SAP does not document the name of Pin Certificate; it is sent as "
      .. "'%s'"):format(pin)
  end
  return all, warnings
end

--- A warning about the name of an instance, or nil: SAP recommends one that tools can take.
function parameters.instance_name(name)
  if #name <= NAME_MAX and name:find "^[%w._-]+$" then return nil end
  return ("SAP recommends names of at most %d letters, digits, '.', '_' and '-'; '%s' may be "
    .. "unhandy for other tools"):format(NAME_MAX, name)
end

--- True; or nil, err for a name that no instance can have.
function parameters.is_instance_name(name)
  if name:find "%S" then return true end
  return bad "the name of the instance is empty"
end

--- True; or nil, err for a name that no key can have.
function parameters.key_name(name)
  if name ~= "" and (utf8.len(name) or #name) <= NAME_MAX then return true end
  return bad("the name of a key has 1 to %d characters", NAME_MAX)
end

return parameters
