--- Options of the sandbox's own path (create_instance, create_key and the commands over it) as the
--- parameters SAP's broker takes, so that both ways are one.
local suggest = require "iflow.suggest"

local options = {}

local INSTANCE = { "name", "plan", "roles", "token_validity", "grant_types", "redirect_uris" }
local KEY = { "instance", "name", "type", "validity", "key_length", "x509", "pin" }
local TYPES = { certificate = "certificate", external = "certificate_external" }

--- Raises on an unknown option.
function options.instance(given)
  suggest.check_keys(given, INSTANCE, 3)
  return { roles = given.roles, ["token-validity"] = given.token_validity,
           ["grant-types"] = given.grant_types, ["redirect-uris"] = given.redirect_uris }
end

--- The parameters; or nil and what is wrong. pin_name: a spelling of Pin Certificate.
function options.key(given, pin_name)
  suggest.check_keys(given, KEY, 3)
  local kind = given.type or "secret"
  if kind ~= "secret" and not TYPES[kind] then
    return nil, ("there is no key type '%s'; there are secret, certificate and external"):format(
      tostring(kind))
  end
  local out = { ["key-type"] = TYPES[kind], ["X.509"] = given.x509 }
  if pin_name then out[pin_name] = given.pin end
  if kind ~= "external" then
    out.validity, out["key-length"] = given.validity, given.key_length
  end
  return out
end

return options
