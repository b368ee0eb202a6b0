--- Service instances and service keys through the Cloud Foundry API v3, the way that SAP documents
--- (sap-reference 2). What `iflow instance` runs, for scripts:
---
---   iflow.run(function()
---     local cf = assert(iflow.cf { api = "https://api.cf.eu10.hana.ondemand.com",
---                                  user = "anna@example.com", pass_file = "password",
---                                  org = "acme", space = "dev" })
---     assert(cf:create_instance { name = "orders", roles = { "Orders.send" } })
---     local key = assert(cf:create_key { instance = "orders", name = "k1", type = "certificate" })
---   end)
---
--- Options of iflow.cf:
---   api              address of the API, "https://api.cf.…" (cockpit > subaccount > Overview)
---   user, pass_file  a user and the file whose first line is the password (or password: secret);
---                    a second factor follows it behind a ":"
---                    (it and passcode_file: also credential:NAME, env:NAME or command:…, see
---                    lua/iflow/source.lua)
---   passcode_file    instead: file with the one-time passcode of single sign-on (or passcode:
---                    secret)
---   origin           the identity provider of the user, when it is not the default one
---   token            instead: an access token (secret)
---   cli_config       instead: path of the cf CLI's config.json; it is also what counts when none
---                    of these is given ($CF_HOME/.cf or ~/.cf): its target, token and space
---   org, space       names; without them every space that the user sees
---   space_guid       of the space, when it is known
---   service          name of the offering, "it-rt"
---   cacert, proxy, proxy_userpwd, timeout (seconds for one request), verbose: as of iflow.tenant
---
--- Methods wait, and return nil, err: cf.login, cf.forbidden, cf.not_found (with the names near
--- it), cf.ambiguous, cf.refused (with the platform's reason), cf.busy, cf.rate_limited,
--- cf.unavailable, cf.unfinished (nobody knows how it ended), usage.invalid for parameters out of
--- SAP's ranges, net.* and tls.*. Those that begin a job take wait (seconds or "10m", the default)
--- and progress({ what, elapsed, state }).
local caller = require "iflow.caller"
local core = require "iflow.core"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local instances = require "iflow.cf.instances"
local keys = require "iflow.cf.keys"
local new_connection = require("iflow.cf.connection").new
local places = require "iflow.cf.places"
local source = require "iflow.source"
local suggest = require "iflow.suggest"

local OFFERING = "it-rt"

local option_names = {
  "api", "user", "password", "pass_file", "passcode", "passcode_file", "origin", "token",
  "cli_config", "org", "space", "space_guid", "service", "cacert", "proxy", "proxy_userpwd",
  "timeout", "verbose",
}

local cf = { __name = "iflow.cf" }
cf.__index = cf

-- Opening ----------------------------------------------------------------------------------------

local function usage(text, hint)
  return nil, errors { code = "usage.invalid", message = text, hint = hint }
end

-- "api.cf.example.com" -> "https://api.cf.example.com"; or nil, err. A bare word is no address.
local function address(text)
  local url = text
  if not text:find "^%a[%w+.-]*://" and text:find "[.:]" then url = "https://" .. text end
  if url:find "^https://[^/?#@%s]+/?$" then return (url:gsub("/$", "")) end
  return nil, errors { code = "url.invalid",
    message = ("'%s' is no address of a Cloud Foundry API"):format(text),
    hint = "it stands in the BTP cockpit > subaccount > Overview > API Endpoint: https://api.cf.…" }
end

local function secret_of(options, name, file)
  local value = options[name]
  if value == nil and options[file] then return source.secret(options[file]) end
  return type(value) == "string" and core.secret.new(value) or value
end

-- The credential among the options: { user, password, passcode, access }; nil when there is none.
-- Or nil, err.
local function given_credential(options)
  local out, err = { user = options.user, origin = options.origin }
  out.password, err = secret_of(options, "password", "pass_file")
  if err then return nil, err end
  out.passcode, err = secret_of(options, "passcode", "passcode_file")
  if err then return nil, err end
  out.access = secret_of(options, "token")
  if out.password and not out.user then return usage("the user of the password is missing") end
  if out.user and not out.password and not out.passcode then
    return usage(("the password of user '%s' is missing"):format(out.user),
                 "name its file with --pass-file, or log on with cf login")
  end
  if out.password or out.passcode or out.access then return out end
end

-- What the cf CLI knows, for options that bring no credential.
local function from_cli(options, api)
  local cli_config = require "iflow.cf.cli_config"
  local known, err = cli_config.read(options.cli_config or cli_config.path(os.getenv))
  if not known then return nil, err end
  local target
  target, err = address(known.api)
  if not target then return nil, err end
  if api and api ~= target then
    return usage(("nobody is logged on at '%s': the cf CLI is at '%s'"):format(api, target),
                 "name --user and --pass-file, or go there with cf login -a")
  elseif not known.access and not known.refresh then
    return nil, errors { code = "cf.login", message = "the cf CLI is logged off",
                         hint = "log on with cf login" }
  end
  known.api = target
  return known
end

-- Which spaces: what the options name, else what the cf CLI is at.
local function place_of(options, known)
  if options.org or options.space or options.space_guid then
    return { org = options.org, space = options.space, space_guid = options.space_guid }
  end
  return { org = known.org, space = known.space, space_guid = known.space_guid }
end

local function open(options)
  local api, known, err = options.api
  if api then
    api, err = address(api)
    if not api then return nil, err end
  end
  known, err = given_credential(options)
  if err then return nil, err end
  if not known then
    known, err = from_cli(options, api)
    if not known then return nil, err end
  elseif not api then
    return usage("the address of the Cloud Foundry API is missing", "name it with --api")
  end
  known.api = api or known.api
  for _, name in ipairs { "cacert", "proxy", "proxy_userpwd", "timeout", "verbose" } do
    known[name] = options[name]
  end
  local connection = new_connection(known)
  return setmetatable({ connection = connection, service = options.service or OFFERING,
                        places = places.new(connection, place_of(options, known)) }, cf)
end

-- Checking ---------------------------------------------------------------------------------------

local function check(options, known, needed, level)
  if type(options) ~= "table" then
    error("a table of options is expected, got " .. type(options), level + 1)
  end
  suggest.check_keys(options, known, level + 1)
  for _, name in ipairs(needed) do
    if type(options[name]) ~= "string" then
      error(("option '%s' is missing"):format(name), level + 1)
    end
  end
end

local function check_name(name, what, level)
  if type(name) ~= "string" then
    error(("the name of the %s is expected, got %s"):format(what, type(name)), level + 1)
  end
end

-- The options of a job, of what the caller gave.
local function job_options(options, level)
  options = options or {}
  local seconds, wrong = core.task.seconds(options.wait or "10m")
  if not seconds then error(("option 'wait' %s"):format(wrong), level + 1) end
  return { timeout = seconds, progress = options.progress }
end

local JOB = { "wait", "progress" }
local INSTANCE = { "name", "roles", "grant_types", "redirect_uris", "token_validity", "parameters",
                   "wait", "progress" }
local CREATE = table.move(INSTANCE, 1, #INSTANCE, 2, { "plan" })
local UPDATE = table.move(INSTANCE, 1, #INSTANCE, 2, { "new_name" })
local KEY = { "instance", "name", "type", "validity", "key_length", "x509", "pin", "pin_name",
              "parameters", "wait", "progress" }
local ROTATE = { "instance", "key_file", "type", "name", "validity", "key_length", "pin",
                 "pin_name", "parameters", "x509", "x509_key", "passphrase", "cert", "key", "to",
                 "auth", "grace", "wait_grace", "continue", "undo", "dry_run", "on_step", "wait",
                 "progress" }

-- Methods ----------------------------------------------------------------------------------------

--- The service instances of the plans: a list of { name, guid, plan, space, organization,
--- created_at, updated_at, last_operation = { type, state, description, updated_at } }; with
--- { keys = true } also keys, a list as of keys() without details.
function cf:instances(options)
  caller.check_waits("instances", 2)
  if options then check(options, { "keys" }, {}, 2) end
  local list, err = instances.list(self)
  if not (list and options and options.keys) then return list, err end
  local ok
  ok, err = keys.add_to(self, list)
  if not ok then return nil, err end
  return list
end

--- One instance by its name, as in instances(), with parameters (a table under SAP's names, nil
--- when the platform does not tell them).
function cf:instance(name)
  caller.check_waits("instance", 2)
  check_name(name, "instance", 2)
  return instances.show(self, name)
end

--- Creates an instance. options: name; plan ("integration-flow", the default, or "api"); roles,
--- grant_types, redirect_uris (lists), token_validity (seconds, 3600 to 86400): left out, the
--- broker's defaults count; parameters: a table that goes through as it is; wait, progress. Returns
--- the instance and a list of warnings.
function cf:create_instance(options)
  caller.check_waits("create_instance", 2)
  check(options, CREATE, { "name" }, 2)
  return instances.create(self, options, job_options(options, 2))
end

--- Changes an instance: new_name, and the parameters of create_instance. Those that are not given
--- are kept where the platform tells them. Returns the instance and a list of warnings.
function cf:update_instance(options)
  caller.check_waits("update_instance", 2)
  check(options, UPDATE, { "name" }, 2)
  return instances.update(self, options, job_options(options, 2))
end

--- Deletes an instance with its keys. options: wait, progress. true, or nil, err.
function cf:delete_instance(name, options)
  caller.check_waits("delete_instance", 2)
  check_name(name, "instance", 2)
  if options then check(options, JOB, {}, 2) end
  return instances.delete(self, name, job_options(options, 2))
end

--- The keys of an instance: a list of { name, guid, created_at, last_operation }; with
--- { details = true } also type, client_id, valid_until (text of the key), where the user may see
--- them.
function cf:keys(instance, options)
  caller.check_waits("keys", 2)
  check_name(instance, "instance", 2)
  if options then check(options, { "details" }, {}, 2) end
  return keys.list(self, instance, options and options.details)
end

--- Creates a key. options: instance, name (at most 32 characters); type "secret" (the default),
--- "certificate" with validity (days, 1 to 365) and key_length (bits), or "external" with x509 (one
--- certificate in PEM) and pin (false: later certificates of the same names, too); pin_name: what
--- the broker calls that; parameters: a table that goes through; wait, progress. Returns the
--- document, a table as the cockpit's download, and a list of warnings.
function cf:create_key(options)
  caller.check_waits("create_key", 2)
  check(options, KEY, { "instance", "name" }, 2)
  return keys.create(self, options, job_options(options, 2))
end

--- The document of a key that exists.
function cf:key(instance, name)
  caller.check_waits("key", 2)
  check_name(instance, "instance", 2)
  check_name(name, "key", 2)
  return keys.document(self, instance, name)
end

--- Deletes a key. Its tokens live on until they expire. options: wait, progress. true, or nil, err.
function cf:delete_key(instance, name, options)
  caller.check_waits("delete_key", 2)
  check_name(instance, "instance", 2)
  check_name(name, "key", 2)
  if options then check(options, JOB, {}, 2) end
  return keys.delete(self, instance, name, job_options(options, 2))
end

--- Rotates the key that a file holds: makes a new one, proves it, puts it into the file in one go,
--- and deletes the old one after a time of grace. Each step is written to KEY_FILE.rotation before
--- and after, so that the same call goes on after a crash. options:
---   instance, key_file   the instance, and the file that the senders use
---   type, validity, key_length, pin_name, parameters   as of create_key; without a type that
---                        of the key there is
---   name                 of the new key; else made of the old one's and the time
---   pin                  whether the external key in use is pinned: to be said where the new
---                        certificate has the same names
---   x509, x509_key       files of the new certificate with its chain and of its private key, for
---                        type "external"; passphrase of it (secret)
---   cert, key            the files in which the senders have them; else both go into key_file
---   to, auth             an endpoint to which the way is looked at before the switch, as
---                        tenant:check does without sending anything
---   grace                "1d": until the old key is deleted; wait_grace: true waits for that
---   continue             true: only goes on with a rotation that is under way, begins none
---   undo                 true: puts the old key back and deletes the new one
---   dry_run              true: changes nothing
---   on_step              told of { step, state = "begins" | "done" | "waiting" | "planned", text }
---   wait, progress       as of create_key
--- Returns { state = "done" | "waiting" | "undone" | "planned" | "none", instance, key_file, type,
--- old and new = { name, client_id }, delete_at (text), one_way, warnings }. With pin = false and a
--- certificate of the same names it is renewed under the key there is, which the probe makes final.
--- nil, err also: usage.invalid (no way back), file.locked (another process is at it), file.*,
--- token.* and call.* of a probe that failed, after which the old key stays.
function cf:rotate_key(options)
  caller.check_waits("rotate_key", 2)
  check(options, ROTATE, { "instance", "key_file" }, 2)
  if options.grace then duration.check(options.grace, "grace", 2) end
  return require "iflow.cf.rotate" (self, options, job_options(options, 2))
end

--- For print: no secret is in here.
function cf:__tostring() return "iflow.cf: " .. self.connection.api end

--- Opens one; nothing is sent yet. nil, err when a file or the cf CLI's log-on cannot be used.
return function(options)
  check(options, option_names, {}, 2)
  return open(options)
end
