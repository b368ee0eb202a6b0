--- What a service has read from credential files: the tenants of its senders, the message logs, the
-- certificates and API keys of its relays. Internal; for lua/iflow/service/credentials.lua.
--
-- A source: { owner = "sender" | "relay", name =, what = how texts call it, key = a value of its
-- own, held() -> { key = what is in use, paths =, state = (file_state.lua), entries() -> list,
-- in_use = "current" | "next" where there are two credentials } or nil when it is closed,
-- renew(accept) -> true | nil, err (nothing has changed then), with accept(entries) -> true | nil,
-- err; renewed() or nil }. Its entries are those of lua/iflow/credential/entries.lua.

local access = require "iflow.service.relay.access"
local credential = require "iflow.credential.entries"
local tls = require "iflow.service.relay.tls"

local sources = {}

-- Senders -----------------------------------------------------------------------------------------

-- holder has the tenant, and renew(accept).
local function of_tenant(service, sender, holder, prefix)
  return {
    owner = "sender", name = sender.name, what = ("the sender '%s'"):format(sender.name),
    key = holder,
    held = function()
      local tenant = holder.tenant
      return tenant and { paths = tenant.paths, state = tenant.state, key = tenant,
        in_use = tenant.rotation and tenant.rotation:in_use(),
        entries = function() return credential.of_tenant(tenant, prefix) end }
    end,
    renew = function(accept)
      return holder:renew(function(tenant) return accept(credential.of_tenant(tenant, prefix)) end)
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
  local list = { credential.of_leaf({ kind = "server certificate", path = o.cert,
    files = credential.files(o.cert, o.key, o.pass_file) }, read.identity) }
  if o.client_ca then list[2] = credential.authorities("client authorities", o.client_ca) end
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
