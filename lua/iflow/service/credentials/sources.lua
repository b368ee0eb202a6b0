--- What a service has read from credential files: the tenants of its senders, the message logs, the
-- certificates and API keys of its relays. Internal; for lua/iflow/service/credentials.lua.
--
-- A source: { owner = "sender" | "relay", name =, what = how texts call it, key = a value of its
-- own, held() -> { key = what is in use, paths =, state = (file_state.lua), entries() -> list } or
-- nil when it is closed, renew(accept) -> true | nil, err (nothing has changed then), with
-- accept(entries) -> true | nil, err; renewed() or nil }.
-- An entry: { kind =, path =, files = those that belong together, subject =, not_before =,
-- not_after =, created =, failure = why it cannot be read }, the last five where they are known.

local access = require "iflow.service.relay.access"
local core = require "iflow.core"
local hardware = require "iflow.hardware"
local moments = require "iflow.cli.moment"
local tls = require "iflow.service.relay.tls"

local sources = {}

-- Entries -----------------------------------------------------------------------------------------

local function files(...)
  local list = {}
  for _, path in pairs { ... } do
    if type(path) == "string" and not hardware.is_named(path) then list[#list + 1] = path end
  end
  return list
end

-- An identity that a script gave may be closed by now.
local function of_leaf(entry, identity)
  local ok, leaf = pcall(identity.info, identity)
  if not ok then return entry end
  entry.subject, entry.not_before, entry.not_after = leaf.subject, leaf.not_before, leaf.not_after
  return entry
end

-- The first of the authorities that runs out; those that have do not count while others are good.
local function authorities(kind, path)
  local entry = { kind = kind, path = path, files = { path } }
  local roots, err = tls.read_roots(path)
  local read = roots and core.cert.read(path)
  local now = core.task.now()
  entry.failure = err
  for _, certificate in ipairs(read and read.certificates or {}) do
    local ends, known = certificate.not_after, entry.not_after
    if not known or known <= now and ends > known or ends > now and ends < known then
      entry.not_after, entry.subject = ends, certificate.subject
    end
  end
  return entry
end

-- Seconds since 1970 of a service key's createdate, "2026-05-04T08:15:30.123Z"; nil for others.
local function instant(text)
  local date = type(text) == "string" and text:gsub("%.%d+", "")
  return date and date:find "Z$" and moments.parse(date) or nil
end

local function entries_of_tenant(tenant, prefix)
  local o, list = tenant.options, {}
  local key = { kind = prefix .. "service key", files = files(o.service_key),
    path = type(o.service_key) == "string" and o.service_key or nil }
  key.subject, key.created = tenant.service_key.client_id, instant(tenant.service_key.created)
  local own = o.cert or o.cert_pem or o.identity
  if tenant.identity and not own then of_leaf(key, tenant.identity) end
  list[1] = key
  if own then
    list[2] = of_leaf({ kind = prefix .. "client certificate", path = o.cert,
      files = files(o.cert, o.key, o.pass_file) }, tenant.identity)
  end
  local trusted = o.cacert or o.trust
  if trusted then list[#list + 1] = authorities(prefix .. "trusted authorities", trusted) end
  return list
end

-- Senders -----------------------------------------------------------------------------------------

-- holder has the tenant, and renew(accept).
local function of_tenant(service, sender, holder, prefix)
  return {
    owner = "sender", name = sender.name, what = ("the sender '%s'"):format(sender.name),
    key = holder,
    held = function()
      local tenant = holder.tenant
      return tenant and { paths = tenant.paths, state = tenant.state, key = tenant,
        entries = function() return entries_of_tenant(tenant, prefix) end }
    end,
    renew = function(accept)
      return holder:renew(function(tenant) return accept(entries_of_tenant(tenant, prefix)) end)
    end,
    renewed = function()
      local pump = service.pumps[sender.name]
      if pump then pump:renewed() end
    end,
  }
end

local function add_senders(list, service)
  for _, name in ipairs(service.registry.names) do
    local sender = service.registry.senders[name]
    if sender.options then
      list[#list + 1] = of_tenant(service, sender, sender, "")
      if sender.message_log then
        list[#list + 1] = of_tenant(service, sender, sender.message_log, "api ")
      end
    end
  end
end

-- Relays ------------------------------------------------------------------------------------------

local function entries_of_tls(read)
  local o = read.options
  local list = { of_leaf({ kind = "server certificate", path = o.cert,
    files = files(o.cert, o.key, o.pass_file) }, read.identity) }
  if o.client_ca then list[2] = authorities("client authorities", o.client_ca) end
  return list
end

local function of_address(name, listener)
  return {
    owner = "relay", name = name, what = ("the relay '%s'"):format(name), key = listener,
    held = function()
      local read = listener.tls
      return { paths = read.paths, state = read.state, key = read,
        entries = function() return entries_of_tls(read) end }
    end,
    renew = function(accept)
      local read, err = tls.read(listener.tls.options)
      if not read then return nil, err end
      local ok
      ok, err = accept(entries_of_tls(read))
      if not ok then return nil, err end
      return listener:set_tls(read)
    end,
  }
end

local function entries_of_keys(keys)
  local list = {}
  for i, path in ipairs(keys.paths) do
    list[i] = { kind = "API key", path = path, files = { path } }
  end
  return list
end

local function of_door(name, route)
  local door = route.access
  return {
    owner = "relay", name = name, what = ("the relay '%s'"):format(name), key = door,
    held = function()
      local keys = door.keys
      return { paths = keys.paths, state = keys.state, key = keys,
        entries = function() return entries_of_keys(keys) end }
    end,
    renew = function(accept)
      local keys, err = access.read_keys(route.options)
      if not keys then return nil, err end
      door.keys = keys
      return accept(entries_of_keys(keys))
    end,
  }
end

local function add_relays(list, service)
  local seen = {}
  for _, entry in ipairs(service.triggers) do
    local running = entry.running
    if entry.trigger.kind == "relay" and running.route then
      local listener, name = running.listener, entry.trigger.name
      if listener.tls.identity and not seen[listener] then
        seen[listener] = true
        list[#list + 1] = of_address(name, listener)
      end
      if running.route.options.api_key_file then list[#list + 1] = of_door(name, running.route) end
    end
  end
end

--- All sources of a service, now.
function sources.of(service)
  local list = {}
  add_senders(list, service)
  add_relays(list, service)
  return list
end

return sources
