--- A call as another client would make it: what iflow sends to the token server and to the
-- endpoint, taken apart. Internal; for `iflow curl` and `iflow postman`.
--
--   local plan, err = new_plan(settings, call)
--
--   plan.token   nil when the call needs no token; else { url, way, parameters }
--                way: "basic" or "body" (client secret), "certificate"
--                parameters: the public ones of the form, { { name, value } … }; in_query: they
--                stand in the address
--   plan.call    { method, url, headers = { { name, value } … }, body, way, csrf }
--                body: nil, a text, { file = path } or an iterator of pieces; way: "token",
--                "certificate" or "basic"
--   plan.client_id, plan.secret        the secret is an iflow.secret, nil with a certificate
--   plan.certificate                   { cert = path, key = path }, or what a command prints, or of
--                                      the service key, { cert_pem, key_pem = secrets }, with
--                                      passphrase, pass_file, type ("P12", "DER"); nil
--   plan.cacert, plan.trust, plan.proxy, plan.connect_timeout, plan.timeout   as in iflow.tenant
--
-- What the token request looks like: sap-reference 4.1; src/auth/token_request.c makes ours.

local core = require "iflow.core"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local hardware = require "iflow.hardware"
local source = require "iflow.source"

local FILE_MAX = 1024 * 1024
local FORM_KEPT = "[^%w*%-._]"

local plan = {}

--- A text as a form's value.
function plan.form_encoded(text)
  return (text:gsub(FORM_KEPT, function(c) return ("%%%02X"):format(c:byte()) end))
end

-- The names and values of a form as one text.
function plan.form(parameters)
  local parts = {}
  for i, pair in ipairs(parameters) do
    parts[i] = plan.form_encoded(pair[1]) .. "=" .. plan.form_encoded(pair[2])
  end
  return table.concat(parts, "&")
end

-- Addresses --------------------------------------------------------------------------------------

local function percent_encoded(value)
  return (tostring(value):gsub("[^%w%-%._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function query_text(query)
  if type(query) ~= "table" then return query or "" end
  local names, parts = {}, {}
  for name in pairs(query) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local values = type(query[name]) == "table" and query[name] or { query[name] }
    for _, value in ipairs(values) do
      parts[#parts + 1] = percent_encoded(name) .. "=" .. percent_encoded(value)
    end
  end
  return table.concat(parts, "&")
end

local function joined(url, query)
  if query == "" then return url end
  return url .. (url:find("?", 1, true) and "&" or "?") .. query
end

local function usage(message, hint)
  return nil, errors { code = "usage.invalid", message = message, hint = hint }
end

local function address(settings, key, call)
  local to = call.to
  if not to:find "^[Hh][Tt][Tt][Pp][Ss]?://" then
    local base = settings.url or key.url
    if not base then return usage(("'%s' is a path, but the service key has no url"):format(to)) end
    to = base:gsub("/+$", "") .. (to:sub(1, 1) == "/" and "" or "/") .. to
  end
  to = joined(to, query_text(call.query))
  if to:find "^%a+://[^/?#]*@" then
    return nil, errors { code = "url.invalid", message = "the URL has a user name or password in "
      .. "it", hint = "take it out: credentials come from the service key or an option" }
  elseif not to:find "[%c ]" then
    return to
  end
  return nil, errors { code = "url.invalid", message = "the URL has a blank or control character",
    hint = "percent-encode it, such as %20" }
end

-- Stands in a comment of a script, so nothing but a word may come through (RFC 9110, 5.6.2).
local function check_method(method)
  if method:find "^[%w!#$%%&'*+.^_`|~-]+$" then return method end
  return usage(("'%s' is no method for a request"):format((method:gsub("%c", "?"))))
end

-- Credentials ------------------------------------------------------------------------------------

local TYPES = { PKCS12 = "P12", DER = "DER" }

-- Of one's own files, or of what stands for them (source.lua).
local function own_certificate(settings, made)
  for _, name in ipairs { "cert", "key" } do
    local path, err, secret
    if settings[name] then path, err, secret = source.resolve(settings[name]) end
    if path and not hardware.is_named(path) then -- what is no file is not to stand in a command
      err = select(2, core.file.read(path, FILE_MAX))
    end
    if err then return nil, err end
    made[name], made[name .. "_pem"] = path, secret
  end
  if made.cert and not hardware.is_named(made.cert) then
    local info, err = core.cert.read(made.cert, { passphrase = made.passphrase })
    if not info then return nil, err end
    made.type = TYPES[info.format:gsub("%W", "")]
  end
  return made
end

-- nil, nil when there is none.
local function certificate_of(settings, key)
  local made = { pass_file = settings.pass_file, passphrase = settings.passphrase }
  if settings.pass_file then
    local err
    made.passphrase, err = source.secret(settings.pass_file)
    if not made.passphrase then return nil, err end
  elseif type(made.passphrase) == "string" then
    made.passphrase = core.secret.new(made.passphrase)
  end
  if settings.cert then return own_certificate(settings, made) end
  if key.type ~= "certificate" then return nil end
  made.cert_pem, made.key_pem = core.secret.new(key:certificate_pem()), key:private_key_pem()
  return made
end

local function token_of(settings, key)
  local in_body = settings.client_auth == "body"
  local way = not key:secret() and "certificate" or in_body and "body" or "basic"
  local parameters = { { "grant_type", "client_credentials" } }
  if way ~= "basic" then parameters[2] = { "client_id", key.client_id } end
  if settings.scope then parameters[#parameters + 1] = { "scope", settings.scope } end
  local in_query = settings.grant_type_in == "query"
  local url = in_query and joined(key.token_url, plan.form(parameters)) or key.token_url
  return { url = url, way = way, parameters = parameters, in_query = in_query }
end

-- Only what is used is named; what is missing is told.
local function with_credential(made, settings, key)
  local ways = { [made.call.way] = true }
  if made.token then ways[made.token.way] = true end
  if ways.basic or ways.body then
    made.secret = key:secret()
    if not made.secret then
      return usage(("Basic authentication needs a client secret; the service key is of type %s")
        :format(key.type))
    end
  end
  if ways.certificate then
    local err
    made.certificate, err = certificate_of(settings, key)
    if err then return nil, err end
    if not made.certificate then
      return usage(("the service key, of type %s, comes without a certificate"):format(key.type),
        "name the client certificate with --cert and --key")
    end
  end
  return made
end

-- A call -----------------------------------------------------------------------------------------

-- { name = value | { v1, v2 } } or { { name, value } … } -> the latter, by name. The order of
-- fields with one name stays, since it says something (RFC 9110, 5.3).
local function header_list(headers)
  local list = {}
  for name, value in pairs(headers or {}) do
    if type(name) == "number" then name, value = value[1], value[2] end
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      list[#list + 1] = { name, tostring(one), at = #list }
    end
  end
  table.sort(list, function(a, b)
    local left, right = a[1]:lower(), b[1]:lower()
    if left ~= right then return left < right end
    return a.at < b.at
  end)
  return list
end

local function open_key(value)
  if type(value) == "userdata" then return value end
  if type(value) == "string" or source.is_command(value) then
    local path, err, secret = source.resolve(value)
    if path then return core.service_key.open(path) end
    if not secret then return nil, err end
    return core.service_key.parse(secret:reveal(), "the service key of the command")
  end
  local text, err = core.json.encode(value)
  if not text then return nil, err end
  return core.service_key.parse(text, "the service key table")
end

local function seconds(value) return value and duration.check(value, "timeout", 2) end

--- settings: options as of iflow.tenant; call: options as of tenant:call. nil, err when the service
-- key cannot be read, or does not fit the way in which the call is authenticated.
function plan.new(settings, call)
  local key, err = open_key(settings.service_key)
  if not key then return nil, err end
  local url
  url, err = address(settings, key, call)
  if not url then return nil, err end
  local way = call.auth or "token"
  local made = { client_id = key.client_id, key_type = key.type, cacert = settings.cacert,
    trust = settings.trust, proxy = settings.proxy,
    connect_timeout = seconds(settings.connect_timeout),
    timeout = seconds(call.timeout or settings.timeout) }
  local method
  method, err = check_method(call.method or (call.body ~= nil and "POST" or "GET"))
  if not method then return nil, err end
  made.call = { method = method, url = url,
    headers = header_list(call.headers), body = call.body, way = way, csrf = call.csrf }
  if way == "token" then made.token = token_of(settings, key) end
  return with_credential(made, settings, key)
end

return plan
