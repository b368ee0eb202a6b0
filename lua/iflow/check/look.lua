--- What the steps of a check share: where the way leads, and what was seen there, each looked at
-- once. Internal, for lua/iflow/check.
--   look.tenant, look.key, look.options, look.auth, look.why (of a tenant that is not open)
--   look.rotation  of a tenant with two credentials; look.tenant is that of the one in use
--   look.url       the base of addresses; look.to: the endpoint's full URL, nil for none
--   look.places    hosts on the way: { name = "token.example:443", role = "token server" |
--                  "runtime", host, port, url, identity = whether our certificate is shown }
--   look:place(role)
--   look:probe(place)     seen, err of core.probe.tls; seen also when it failed
--   look:greeting()       answer | nil, err: the runtime's to a request without credentials
--   look:token()          token | nil, err: a fresh one
--   look:credentials()    those of lua/iflow/credential/entries.lua, with days_left and age_days
--   look:about(more)      what causes.of wants to know of the caller
local clock = require "iflow.clock"
local core = require "iflow.core"
local duration = require "iflow.duration"
local entries = require "iflow.credential.entries"
local odata = require "iflow.odata"

local DAY = 86400

local look = {}
look.__index = look

-- "https://host:1/path" -> "host", 1, "/path"
local function split(url)
  local scheme, authority, path = (url or ""):match "^(https?)://([^/?#]+)([^?#]*)"
  if not scheme then return nil end
  local host, port = authority:match "^%[(.-)%]:?(%d*)$"
  if not host then host, port = authority:match "^([^:]+):?(%d*)$" end
  if not host then return nil end
  return host, math.tointeger(tonumber(port)) or (scheme == "https" and 443 or 80), path,
    scheme == "https"
end

local function add_place(self, role, url, identity)
  local host, port, _, tls = split(url)
  if not host then return end
  local place = { role = role, host = host, port = port, url = url, tls = tls,
    name = ("%s:%d"):format(host:find(":", 1, true) and "[" .. host .. "]" or host, port),
    identity = identity and self.tenant.identity ~= nil }
  self.by_role[role] = place
  if tls then self.places[#self.places + 1] = place end
end

local function full_url(base, to)
  if not to or to:find "^https?://" then return to end
  return base and base:gsub("/$", "") .. "/" .. to:gsub("^/", "")
end

local function find_places(self)
  local key, options = self.key, self.options
  self.url = self.tenant.options.url or key.url
  self.to = full_url(self.url, options.to)
  if self.auth == "token" then
    add_place(self, "token server", key.token_url, key.type ~= "client secret")
  end
  add_place(self, "runtime", self.to or self.url, self.auth == "certificate")
end

-- Of two credentials the one in use: the first use of the next one may be the end of the current,
-- so nobody but a sender begins with it. A certificate that is over has nothing to lose.
local function in_use(rotation)
  local identity = rotation.active.identity
  local is_over = identity and identity:info().not_after <= clock.now()
  return is_over and rotation:look() or rotation.active
end

local function new(tenant, options, why)
  local rotation = tenant and tenant.rotation
  local self = setmetatable({ tenant = rotation and in_use(rotation) or tenant, whole = tenant,
    rotation = rotation, options = options, why = why, places = {}, by_role = {}, seen = {},
    auth = options.auth or "token" }, look)
  if options.key_age then
    self.options = setmetatable({ key_age = duration.seconds(options.key_age) },
      { __index = options })
  end
  if tenant then
    self.key = tenant.service_key
    find_places(self)
  end
  return self
end

function look:place(role) return self.by_role[role] end

-- What a connection needs beside its address.
local function way(self, options)
  local given = self.tenant.options
  options.proxy, options.proxy_userpwd = given.proxy, given.proxy_userpwd
  options.cacert, options.timeout = given.cacert or given.trust, self.options.timeout or 10
  options.connect_timeout = given.connect_timeout
  return options
end

function look:probe(place)
  local known = self.seen[place.name .. place.role]
  if not known then
    local seen, err = core.probe.tls(way(self, { host = place.host, port = place.port,
      beside_system = self.tenant.options.trust and true,
      identity = place.identity and self.tenant.identity or nil }))
    known = { seen = seen or err.seen or {}, err = err }
    self.seen[place.name .. place.role] = known
  end
  return known.seen, known.err
end

--- An address of the runtime that belongs to no flow: it lies below no adapter's prefix.
function look:nowhere()
  self.nobody = self.nobody or "/iflow-check-" .. core.crypto.uuid7()
  return self:place "runtime".url:match "^https?://[^/]+" .. self.nobody
end

function look:greeting()
  if not self.greeted then
    local request = way(self, { url = self:nowhere(), max_body = 65536 })
    local answer, err = core.http.request(request)
    -- With a trust store either may vouch for the host: its roots, or the system's.
    if err and self.tenant.options.trust and err.code:find "^tls%." then
      request.cacert = nil
      answer, err = core.http.request(request)
    end
    self.greeted = { answer, err }
  end
  return self.greeted[1], self.greeted[2]
end

function look:token()
  if not self.fetched then
    local token, err = self.tenant:token { refresh = true }
    self.fetched = { token, err }
  end
  return self.fetched[1], self.fetched[2]
end

--- A call of the tenant, of which every answer is one: { status, headers, body, message_id };
-- nil, err when none came.
function look:call(request)
  request.auth, request.timeout = self.auth, request.timeout or self.options.timeout
  local answer, err = self.tenant:call(request)
  if answer then return answer end
  if err.status then
    return { status = err.status, headers = err.headers, body = err.body,
      message_id = err.message_id, error = err }
  end
  return nil, err
end

function look:credentials()
  if self.known_entries then return self.known_entries end
  local now = clock.now() // 1
  self.known_entries = entries.of_tenant(self.whole, "")
  for _, entry in ipairs(self.known_entries) do
    entry.days_left = entry.not_after and math.floor((entry.not_after - now) / DAY)
    entry.age_days = entry.created and math.floor((now - entry.created) / DAY)
  end
  return self.known_entries
end

function look:roles()
  local token = self.fetched and self.fetched[1]
  return token and token.roles
end

function look:about(more)
  local about = { auth = self.auth, plan = odata.plan(self.key.client_id),
    key_type = self.key.type, role = self.options.role, roles = self:roles(),
    has_identity = self.tenant.identity ~= nil }
  for name, value in pairs(more or {}) do about[name] = value end
  return about
end

function look:__close()
  if self.api then self.api:close() end
end

--- The tenant's API, or nil, err; nil alone when no key for it was given.
function look:open_api()
  local given = self.options.api
  if not given or self.api then return self.api end
  if type(given) == "string" then
    given = way(self, { service_key = given })
    given.timeout, given.token_cache = nil, self.tenant.options.token_cache
    given.cacert, given.trust = self.tenant.options.cacert, self.tenant.options.trust
  end
  local err
  self.api, err = require "iflow.tenant_api" (given)
  return self.api, err
end

return new
