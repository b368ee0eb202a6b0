--- Who may use a relay: Host and Origin, API keys, client certificates. Internal.

local answers = require "iflow.service.relay.answers"
local core = require "iflow.core"
local errors = require "iflow.error"
local file_state = require "iflow.file_state"
local host_name = require("iflow.service.relay.request").host_name
local read_roots = require("iflow.service.relay.tls").read_roots

local access = {}
access.__index = access

local KEY_MIN = 16             -- bytes; a shorter key can be guessed
local REMEMBER, REMEMBER_MAX = 60, 256 -- seconds, chains: how long a verified one is believed
local PREFLIGHT_AGE = "600"

local function wrong(message, hint)
  return nil, errors { code = "usage.invalid", message = message, hint = hint }
end

-- Opening -------------------------------------------------------------------------------------

local function read_key(path)
  local stat, err = core.file.stat(path)
  if not stat then
    return nil, err or errors { code = "file.not_found",
      message = ("the API key file '%s' does not exist"):format(path) }
  end
  if tonumber(stat.mode, 8) & 63 ~= 0 then -- group and others
    return wrong(("the API key file '%s' has mode %s: others may read it"):format(path, stat.mode),
      "chmod 600 " .. path)
  end
  local key
  key, err = core.secret.file(path)
  if not key then return nil, err end
  if #key < KEY_MIN then
    return wrong(("the API key in '%s' has only %d bytes"):format(path, #key),
      "make one of at least 16 bytes, for example: openssl rand -hex 32")
  end
  return key
end

--- The keys of the files that the options name, with paths and state (of before they were read);
-- or nil, err.
function access.read_keys(o)
  local paths = o.api_key_file or {}
  local keys = { paths = paths, state = file_state(paths) }
  for i, path in ipairs(paths) do
    local key, err = read_key(path)
    if not key then return nil, err end
    keys[i] = key
  end
  return keys
end

local function set_of(list)
  local set = {}
  for _, item in ipairs(list or {}) do set[item] = true end
  return set
end

local function hosts_of(o)
  local set = { localhost = true, [o.address.host:lower()] = true }
  for _, name in ipairs(o.hosts) do set[host_name(name)] = true end
  return set
end

--- Reads what the checked options of a relay name: access | nil, err.
function access.open(o)
  local self = setmetatable({ options = o, hosts = hosts_of(o), origins = set_of(o.origins),
    verdicts = {}, verdict_count = 0 }, access)
  local err
  self.keys, err = access.read_keys(o)
  if not self.keys then return nil, err end
  if not o.client_ca then return self end
  self.subjects = o.subjects and set_of(o.subjects)
  self.roots, err = read_roots(o.client_ca)
  if not self.roots then return nil, err end
  return self
end

--- Other authorities of clients, PEM texts: what was said of certificates is forgotten.
function access:set_roots(roots) self.roots, self.verdicts, self.verdict_count = roots, {}, 0 end

-- Host and Origin -----------------------------------------------------------------------------

-- A page of another site whose name was made to lead here would send that name. One without a Host
-- field comes from no browser; a number is no name that could be made to lead anywhere.
local function host_fits(self, host)
  if not host then return true end
  local name = host_name(host)
  if self.hosts[name] then return true end
  return self.options.address.any and (name:find "^[%d.]+$" or name:find ":") ~= nil
end

local function cors(origin, request)
  local headers = { ["Access-Control-Allow-Origin"] = origin, Vary = "Origin" }
  if request.method ~= "OPTIONS" then
    headers["Access-Control-Expose-Headers"] = "*"
    return headers
  end
  headers["Access-Control-Allow-Methods"] = "POST"
  headers["Access-Control-Allow-Headers"] = request.headers["access-control-request-headers"]
  headers["Access-Control-Max-Age"] = PREFLIGHT_AGE
  if request.headers["access-control-request-private-network"] then
    headers["Access-Control-Allow-Private-Network"] = "true"
  end
  return headers
end

-- Credentials ---------------------------------------------------------------------------------

local function shown_key(headers)
  if headers["x-api-key"] then return headers["x-api-key"] end
  local scheme, key = (headers.authorization or ""):match "^(%S+) +(%S+)$"
  return scheme and scheme:lower() == "bearer" and key or nil
end

-- Equality of secrets takes the same time wherever they differ, and every key is compared.
local function key_fits(self, headers)
  local shown = shown_key(headers)
  if not shown or shown == "" then return false end
  local secret, fits = core.secret.new(shown), false
  for _, key in ipairs(self.keys) do fits = key == secret or fits end
  return fits
end

local function examine(self, chain)
  local good, reason = core.cert.verify(chain, self.roots, { purpose = "client" })
  if not good then return { reason = tostring(reason) } end
  local parsed, err = core.cert.parse(chain[1])
  if not parsed then return { reason = err.message } end
  local subject = parsed.certificates[1].subject
  if self.subjects and not self.subjects[subject] then
    return { reason = ("the subject %s is none of those that are let in"):format(subject) }
  end
  return { subject = subject }
end

-- The verdict on a chain of PEM texts, remembered for a minute.
local function verdict_on(self, chain)
  local name, now = table.concat(chain), core.task.monotonic()
  local verdict = self.verdicts[name]
  if verdict and now - verdict.at <= REMEMBER then return verdict end
  if not verdict then self.verdict_count = self.verdict_count + 1 end
  if self.verdict_count > REMEMBER_MAX then self.verdicts, self.verdict_count = {}, 1 end
  verdict = examine(self, chain)
  verdict.at = now
  self.verdicts[name] = verdict
  return verdict
end

local function check_certificate(self, request)
  local chain = request.req:client_chain()
  if not chain then
    return answers.refuse(403, "certificate_missing", "a client certificate is needed here")
  end
  local verdict = verdict_on(self, chain)
  request.subject = verdict.subject
  if verdict.subject then return nil end
  return answers.refuse(403, "certificate_refused", "the client certificate is refused: "
    .. verdict.reason)
end

local function check_key(self, request)
  if #self.keys == 0 or key_fits(self, request.headers) then return nil end
  return answers.refuse(401, "api_key_refused",
    "the API key is missing or wrong: send it as X-API-Key or Authorization: Bearer",
    { ["WWW-Authenticate"] = "Bearer" })
end

-- The whole ------------------------------------------------------------------------------------

local function check_method(self, request)
  if request.method == "POST" then return nil end
  return answers.refuse(405, "method_not_allowed", "messages are posted here",
    { Allow = next(self.origins) and "POST, OPTIONS" or "POST" })
end

--- The answer that refuses a request (or that a preflight gets), nil when it may go on; then the
-- headers that its answer carries for a web page. Sets request.subject.
function access:check(request)
  if not host_fits(self, request.host) then
    return answers.refuse(421, "wrong_host", "the Host field names another host than this relay")
  end
  local origin = request.headers.origin
  if origin and not self.origins[origin] then
    return answers.refuse(403, "origin_refused", "web pages of this origin may not post here")
  end
  local more = origin and cors(origin, request)
  if origin and request.method == "OPTIONS"
    and request.headers["access-control-request-method"] then
    return { status = 204, headers = more, body = "" }
  end
  local refusal = check_method(self, request) or self.roots and check_certificate(self, request)
    or check_key(self, request)
  return refusal, more
end

return access
