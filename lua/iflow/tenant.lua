--- A tenant seen through one credential: tokens and calls. The face of src/bind/tenant.c and
-- call.c: it knows files, defaults and the friendlier forms of options; how calls are made,
-- repaired and judged is in C.
--
--   local tenant, err = iflow.tenant { service_key = "orders-key.json" }
--   local token, err  = tenant:token()   -- { access, expires_at, fetched_at, roles, client_id }
--   local answer, err = tenant:call { to = "/http/orders", body = "…" }
--   local report      = tenant:check { to = "/http/orders" }   -- lua/iflow/check.lua
--   tenant:close()                       -- optional; a <close> variable does it too
--
-- Options of iflow.tenant:
--   service_key      path of the file from the BTP cockpit, its content as a table, or an
--                    iflow.service_key. It, cert, key and pass_file may also be named as systemd
--                    credentials, by variables or commands: lua/iflow/source.lua
--   identity         iflow.identity; or cert, key (paths, or PKCS#11 URIs of what is in hardware),
--                    passphrase (secret, string, or a function that returns one of them when it
--                    is needed) or pass_file, which is the PIN of hardware, too. A key of type
--                    "certificate" brings its own.
--   next             the credential that follows: { service_key =, cert =, … }; used once it has
--                    proved itself, and when this one is refused: lua/iflow/rotation.lua
--   url              base of paths, instead of the service key's url
--   cacert           PEM file to trust instead of the system's directory
--   trust            PEM file to trust beside the system's directory: lua/iflow/trust.lua
--   proxy            URL, "" for none; without it the environment decides. proxy_userpwd: secret
--   token_cache      true (default): shared with other runs through an encrypted file below
--                    $XDG_CACHE_HOME or ~/.cache; a directory; false: memory only
--   scope            ask for these scopes only
--   grant_type_in    "body" (default) or "query"
--   client_auth      "basic" (default) or "body": how the client secret goes to the token server
--   connections      calls at once, 64 by default, 256 at most
--   connect_timeout, timeout, stall_timeout, queue_timeout   seconds or "5m"; defaults for calls
--   verbose          log heads of requests and answers at level debug
--
-- Options of tenant:call:
--   to               path under the url, or a full URL
--   method           "POST" with a body or without
--   headers          { name = value | { v1, v2 } }
--   query            text that is encoded already, or { name = value | { v1, v2 } }
--   body             string; { file = path }; an iterator of pieces (sent chunked); a function that
--                    returns a fresh iterator at each call, so that the body can be repeated
--   save             path: a 2xx answer's body goes to this file
--   max_body         ceiling of an answer in memory, 16 MiB by default
--   expect           { 404, 409 }: further statuses that are answers, not errors
--   auth             "token" (default), "certificate", "basic"
--   csrf             nil: when the endpoint asks for it; true: before the call; false: never
--   idempotent       the flow recognises repeats, so sending again is safe
--   connect_timeout, timeout, stall_timeout, queue_timeout
--
-- answer: status, headers, body, message_id, outcome = "delivered", saved, repairs.
-- err:    outcome "rejected", "retryable" or "in_doubt", and of the answer what came of it.

local caller = require "iflow.caller"
local core = require "iflow.core"
local errors = require "iflow.error"
local file_state = require "iflow.file_state"
local hardware = require "iflow.hardware"
local lazy = require "iflow.lazy"
local source = require "iflow.source"
local suggest = require "iflow.suggest"

local new_rotation = lazy "iflow.rotation"

local module = {
  --- What iflow.tenant takes for options that it is not given: `iflow run` puts its own here.
  defaults = {},
  --- What counts instead of any option that says where to and as whom, or nil: `iflow test` leads
  -- all senders of a script to its sandbox.
  override = nil,
  -- The same for the tenant's OData API, which needs a key of another plan (for_api).
  api_override = nil,
}

local tenant = { __name = "iflow.tenant" }
tenant.__index = tenant

-- Checking -------------------------------------------------------------------------------------

local tenant_options = {
  "service_key", "identity", "cert", "key", "passphrase", "pass_file", "url", "cacert", "proxy",
  "proxy_userpwd", "token_cache", "scope", "grant_type_in", "client_auth", "connections",
  "connect_timeout", "timeout", "stall_timeout", "queue_timeout", "verbose", "next", "trust",
}

-- Of these a credential consists.
local credential_options = { "service_key", "identity", "cert", "key", "passphrase", "pass_file" }

local call_options = {
  "to", "method", "headers", "query", "body", "save", "max_body", "expect", "auth", "csrf",
  "idempotent", "connect_timeout", "timeout", "stall_timeout", "queue_timeout",
}

-- What both hand on to C as it is.
local function copy(options, names)
  local out = {}
  for _, name in ipairs(names) do out[name] = options[name] end
  return out
end

-- The results of a pcall; what the core raises about options is the fault of the line that is
-- `level` above the caller.
local function at_level(level, ok, ...)
  if ok then return ... end
  local text = ...
  if type(text) == "string" then
    text = text:gsub("^bad argument #%d+ to '[^']*' %((.*)%)$", "%1")
  end
  error(text, level + 1)
end

local function check_table(options, known, level)
  if type(options) ~= "table" then
    error("a table of options is expected, got " .. type(options), level + 1)
  end
  suggest.check_keys(options, known, level + 1)
end

local function check_word(options, name, words, level)
  local value = options[name]
  if value == nil or words[value] ~= nil then return end
  local list, quoted = {}, {}
  for word in pairs(words) do list[#list + 1] = word end
  table.sort(list)
  for i, word in ipairs(list) do quoted[i] = ("'%s'"):format(word) end
  error(suggest.message(("option '%s' must be %s"):format(name, table.concat(quoted, " or ")),
    value, list), level + 1)
end

-- Credentials ----------------------------------------------------------------------------------

local function open_service_key(value, level)
  if type(value) == "string" then return core.service_key.open(value) end
  if type(value) == "table" then
    local text, err = core.json.encode(value)
    if not text then return nil, err end
    return core.service_key.parse(text, "the service key table")
  end
  if type(value) == "userdata" then return value end
  error("option 'service_key' must be a path, a table or an iflow.service_key, got "
    .. type(value), level + 1)
end

-- What commands print takes the place of the files.
local printed = {
  service_key = function(options, secret)
    local key, err = core.service_key.parse(secret:reveal(), "the service key of the command")
    options.service_key = key
    return key, err
  end,
  cert = function(options, secret)
    options.cert, options.cert_pem = nil, secret:reveal()
    return true
  end,
  key = function(options, secret)
    options.key, options.key_pem = nil, secret
    return true
  end,
}

-- A copy in which credentials that are named otherwise (source.lua) are paths or contents.
local function with_sources(options)
  local out = copy(options, tenant_options)
  for name, take in pairs(printed) do
    local value = options[name]
    if type(value) == "string" or source.is_command(value) then
      local path, err, secret = source.resolve(value)
      local ok = path
      out[name] = path
      if secret then ok, err = take(out, secret) end
      if not ok then return nil, err end
    end
  end
  local pass_file = options.pass_file
  if source.is_command(pass_file) or type(pass_file) == "string" and source.is_named(pass_file) then
    local secret, err = source.secret(pass_file)
    if not secret then return nil, err end
    out.pass_file, out.passphrase = nil, secret
  end
  return out
end

local function is_encrypted(key)
  local pem = key:private_key_pem()
  return pem ~= nil and pem:reveal():find("ENCRYPTED", 1, true) ~= nil
end

-- A file that would be ignored is a mistake: whoever names it believes that it counts.
local function check_used(options, key)
  if options.cert or options.cert_pem then return true end
  local unused
  if key.type == "client secret" then
    unused = options.key and "the private key (--key)" or options.pass_file
      and "the passphrase (--pass-file)"
  elseif key.type == "certificate" and not options.key and not is_encrypted(key) then
    unused = options.pass_file and "the passphrase (--pass-file)"
  end
  if not unused then return true end
  return nil, errors { code = "usage.invalid",
    message = ("%s has no use: the certificate is missing, and nothing in the service key, of "
      .. "type %s, needs it"):format(unused, key.type),
    hint = "name the client certificate, too (--cert), or leave it out" }
end

local function open_identity(options, key)
  if options.identity then return options.identity end
  local used, why = check_used(options, key)
  if not used then return nil, why end
  if not options.cert and not options.cert_pem and key.type == "client secret" then return nil end
  local passphrase = options.passphrase
  if options.pass_file then
    local secret, err = core.secret.file(options.pass_file)
    if not secret then return nil, err end
    passphrase = secret
  end
  return core.identity.open { service_key = key, cert = options.cert, key = options.key,
    cert_pem = options.cert_pem, key_pem = options.key_pem, passphrase = passphrase }
end

-- Where tokens are kept: nil for nowhere.
local function cache_dir(value, level)
  if value == false then return nil end
  if type(value) == "string" and value ~= "" then return value end
  if value ~= nil and value ~= true then
    error("option 'token_cache' must be true, false or a directory", level + 1)
  end
  local base = os.getenv "XDG_CACHE_HOME"
  if base and base:sub(1, 1) == "/" then return base .. "/iflow/tokens" end
  local home = os.getenv "HOME"
  return home and home ~= "" and home .. "/.cache/iflow/tokens" or nil
end

-- A tenant -------------------------------------------------------------------------------------

-- Where to and as whom.
local overridden = { "service_key", "identity", "cert", "key", "passphrase", "pass_file", "url",
  "cacert", "trust", "proxy", "proxy_userpwd", "token_cache" }

local function with_defaults(options, override, defaults)
  local out = copy(options, tenant_options)
  if override then
    for _, name in ipairs(overridden) do out[name] = override[name] end
    out.next = nil
    return out
  end
  local instead = { cacert = out.trust, trust = out.cacert } -- one excludes the other
  for name, value in pairs(defaults) do
    if out[name] == nil and instead[name] == nil then out[name] = value end
  end
  return out
end

-- The files that it is made of. What is read later (lua/iflow/service/credentials.lua) tells by
-- their state whether they were exchanged.
local function files_of(options)
  local paths = {}
  for _, name in ipairs { "service_key", "cert", "key", "pass_file", "cacert", "trust" } do
    local path = options[name]
    if type(path) == "string" and not hardware.is_named(path) then paths[#paths + 1] = path end
  end
  return paths
end

-- Options are complete; what is wrong with them is raised `level` above the caller.
local function open(given, level)
  local options, failure = with_sources(given)
  if not options then return nil, failure end
  local paths = files_of(options)
  local state = file_state(paths)
  check_word(options, "grant_type_in", { body = true, query = true }, level + 1)
  check_word(options, "client_auth", { basic = true, body = true }, level + 1)
  if options.cacert and options.trust then
    error("options 'cacert' and 'trust' exclude each other: instead of the system's authorities, "
      .. "or beside them", level + 1)
  end
  local key, err = open_service_key(options.service_key, level + 1)
  if not key then return nil, err end
  local identity
  identity, err = open_identity(options, key)
  if err then return nil, err end
  local settings = copy(options, { "url", "cacert", "proxy", "proxy_userpwd", "scope",
    "connections", "connect_timeout", "timeout", "stall_timeout", "queue_timeout", "verbose" })
  settings.service_key, settings.identity = key, identity
  if options.trust then settings.cacert, settings.beside_system = options.trust, true end
  settings.cache_dir = cache_dir(options.token_cache, level + 1)
  settings.grant_in_query = options.grant_type_in == "query"
  settings.secret_in_body = options.client_auth == "body"
  local handle
  handle, err = at_level(level + 1, pcall(core.tenant.new, settings))
  if not handle then return nil, err end
  return setmetatable({ handle = handle, service_key = key, identity = identity, options = options,
    paths = paths, state = state }, tenant)
end

-- Two credentials ------------------------------------------------------------------------------

-- What is wrong with them would be raised by whichever call tries the next one.
local function check_parts(following, level)
  local key, probe = following.service_key, following.probe
  local kind = type(key)
  if key ~= nil and kind ~= "string" and kind ~= "table" and kind ~= "userdata" then
    error("option 'service_key' of 'next' must be a path, a table or an iflow.service_key, got "
      .. kind, level + 1)
  elseif not probe then
    return
  end
  suggest.check_keys(probe, call_options, level + 1)
  if type(probe.to) ~= "string" then
    error("option 'probe' of 'next' needs 'to', a path or a URL, got " .. type(probe.to), level + 1)
  end
end

local function check_next(following, level)
  if following == nil then return end
  if type(following) ~= "table" then
    error("option 'next' must be a table of credentials, such as { service_key = \"new.json\" }, "
      .. "got " .. type(following), level + 1)
  end
  local known = table.move(credential_options, 1, #credential_options, 4,
    { "probe", "from", "one_way" })
  suggest.check_keys(following, known, level + 1)
  for name, kind in pairs { probe = "table", from = "number", one_way = "boolean" } do
    if following[name] ~= nil and type(following[name]) ~= kind then
      error(("option '%s' of 'next' must be a %s, got %s"):format(name, kind,
        type(following[name])), level + 1)
    end
  end
  check_parts(following, level + 1)
end

-- The options of a tenant with the next credential instead of its own.
local function options_of_next(options)
  local out, following = copy(options, tenant_options), options.next
  for _, name in ipairs(credential_options) do out[name] = following[name] end
  out.service_key = out.service_key or options.service_key -- the same key, another certificate
  out.next = nil
  return out
end

-- A tenant with both; with the next one alone, when the current one cannot be opened any more.
local function open_both(options, level)
  local following = options_of_next(options)
  local paths, more = files_of(options), files_of(following)
  table.move(more, 1, #more, #paths + 1, paths)
  local state = file_state(paths)
  local current, err = open(options, level + 1)
  if not current then
    local made = open(following, level + 1)
    if not made then return nil, err end
    made.paths, made.state = paths, state
    return made
  end
  local both = { rotation = new_rotation(current, function() return open(following, 2) end,
    options.next), paths = paths, state = state }
  for _, name in ipairs { "handle", "service_key", "identity", "options" } do
    both[name] = current[name]
  end
  return setmetatable(both, tenant)
end

local function new(_, options)
  check_table(options, tenant_options, 2)
  check_next(options.next, 2)
  options = with_defaults(options, module.override, module.defaults)
  if options.service_key == nil then
    error("option 'service_key' is missing (with iflow run: --service-key or IFLOW_SERVICE_KEY)", 2)
  end
  local made, err = (options.next and open_both or open)(options, 2)
  return made, err
end

-- Of what the command line says, only this holds for the API, too: the credential is another one.
local of_the_way = { "cacert", "trust", "proxy", "proxy_userpwd", "token_cache", "connect_timeout",
  "stall_timeout", "verbose" }

--- The names of the options that iflow.tenant takes. Internal.
module.option_names = tenant_options

--- A tenant for its OData API. Internal; lua/iflow/message_log.lua uses it. Raises `level` above
-- the caller.
function module.for_api(options, level)
  check_table(options, tenant_options, level + 1)
  if options.service_key == nil then
    error("option 'service_key' is missing: a service key of plan api", level + 1)
  end
  options = with_defaults(options, module.api_override, copy(module.defaults, of_the_way))
  local made, err = open(options, level + 1)
  return made, err
end

local function check_open(self, level)
  if getmetatable(self) ~= tenant then
    error("a tenant is expected: use tenant:name()", level + 1)
  end
  if not self.handle then error("the tenant is closed", level + 1) end
  return self.handle
end

--- An access token; waits. { refresh = true } drops the cached one first. access is a secret.
function tenant:token(options)
  local handle = check_open(self, 2)
  caller.check_waits("token", 2)
  if options ~= nil then
    check_table(options, { "refresh" }, 2)
    if type(options.refresh or false) ~= "boolean" then
      error("option 'refresh' must be true or false", 2)
    end
  end
  if self.rotation then return self.rotation:token(options) end
  return handle:token(options)
end

--- Closes it; calls in flight go on. May be repeated.
function tenant:close()
  local handle = self.handle
  self.handle = nil
  if handle and self.rotation then return self.rotation:close() end
  if handle then handle:close() end
end
tenant.__close = tenant.close

--- Counters: token_requests.
function tenant:stats()
  return check_open(self, 2):stats()
end

-- A call ---------------------------------------------------------------------------------------

local function percent_encode(text)
  return (text:gsub("[^%w%-%._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function query_value(name, value, level)
  local kind = type(value)
  if kind == "string" then return percent_encode(value) end
  if kind == "number" or kind == "boolean" then return percent_encode(tostring(value)) end
  error(("query parameter '%s' must be a string, a number, a boolean or a list of them, got %s")
    :format(name, kind), level + 1)
end

-- { b = 1, a = { "x", "y" } } -> "a=x&a=y&b=1"
local function encode_query(query, level)
  local names, parts = {}, {}
  for name in pairs(query) do
    if type(name) ~= "string" then error("query parameters have names", level + 1) end
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local values = query[name]
    if type(values) ~= "table" then values = { values } end
    for _, value in ipairs(values) do
      parts[#parts + 1] = percent_encode(name) .. "=" .. query_value(name, value, level + 1)
    end
  end
  return table.concat(parts, "&")
end

local function set_query(out, level)
  local query = out.query
  if type(query) == "table" then
    out.query = encode_query(query, level + 1)
  elseif query ~= nil and type(query) ~= "string" then
    error("option 'query' must be a string or a table, got " .. type(query), level + 1)
  end
end

local function set_body(out, level)
  local body = out.body
  if type(body) == "table" and getmetatable(body) == nil then
    if type(body.file) ~= "string" then
      error("a body is a string, a function or { file = path }; encode a table first, for example "
        .. "with iflow.json.encode", level + 1)
    end
    suggest.check_keys(body, { "file" }, level + 1)
    out.body, out.body_file = nil, body.file
  end
end

--- Makes a call; waits. Returns answer | nil, err.
function tenant:call(options)
  local handle = check_open(self, 2)
  caller.check_waits("call", 2)
  check_table(options, call_options, 2)
  local out = copy(options, call_options)
  set_query(out, 2)
  set_body(out, 2)
  if self.rotation then return self.rotation:call(out) end
  local call, err = at_level(2, pcall(handle.prepare, handle, out))
  if not call then return nil, err end
  return call:perform()
end

--- A call of a sender: the options' names are right, the table is handed over. Internal.
function tenant:send(out)
  local handle = check_open(self, 2)
  if out.query ~= nil then set_query(out, 2) end
  if type(out.body) ~= "string" then set_body(out, 2) end
  if self.rotation then return self.rotation:call(out) end
  local call, err = at_level(2, pcall(handle.prepare, handle, out))
  if not call then return nil, err end
  return call:perform()
end

-- Looks at what calls have in common. Errors are those of a call.
local function new_plan(handle, common)
  local out = {}
  for name, value in next, common do out[name] = value end
  out.id_name, out.common = nil, nil
  set_query(out, 4)
  local call, err = at_level(4, pcall(handle.prepare, handle, out))
  if not call then return nil, err end
  return call:plan(common.id_name)
end

--- A call of a sender that has much in common with others (lua/iflow/sender/request.lua): what that
-- is, is looked at once. brief: the answer has neither headers nor body. Not with a rotation.
-- Internal.
function tenant:send_common(common, msg, brief)
  local handle = check_open(self, 2)
  if self.common ~= common then
    local plan, err = new_plan(handle, common)
    if not plan then return nil, err end
    self.common, self.plan = common, plan
  end
  return self.plan:send(msg.body, msg.id, msg.content_type, brief)
end

--- A call with options that tenant:call has looked at. Internal; for lua/iflow/rotation.lua.
function tenant:perform(out)
  local handle = check_open(self, 2)
  local call, err = at_level(2, pcall(handle.prepare, handle, out))
  if not call then return nil, err end
  return call:perform()
end

--- Goes the way of a call step by step, from the service key to the role, and says for each step
-- what it found and what to do; waits. Options and report: lua/iflow/check.lua.
function tenant:check(options)
  check_open(self, 2)
  return require "iflow.check".run(self, options, nil, nil, 2)
end

--- For print and error texts: no secret is in here.
function tenant:__tostring()
  local state = self.handle and "open" or "closed"
  return ("iflow.tenant: %s (%s)"):format(self.service_key.client_id, state)
end

return setmetatable(module, { __call = new })
