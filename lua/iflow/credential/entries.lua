--- What the credential of a tenant consists of, file by file, and for how long it is good; of two
-- credentials (lua/iflow/rotation.lua) both. Nothing is asked over the network. Internal; for the
-- service's credentials and for iflow check.
--
--   entries.of_tenant(tenant, prefix) -> list
--
-- An entry: { kind = such as "service key", path = nil when no file was named, files = those that
-- belong together, credential = "current" | "next" where there are two; and where they are known
-- subject = of the certificate, or client id of the service key, not_before =, not_after =,
-- created = in seconds since 1970, failure = why it cannot be read, awaited = true: its file is not
-- there yet }

local core = require "iflow.core"
local hardware = require "iflow.hardware"
local moments = require "iflow.cli.moment"
local tls = require "iflow.service.relay.tls"

local entries = {}

--- Those of the names that are files.
function entries.files(...)
  local list = {}
  for _, path in pairs { ... } do
    if type(path) == "string" and not hardware.is_named(path) then list[#list + 1] = path end
  end
  return list
end

--- The entry with what the leaf of an identity says; one that a script gave may be closed by now.
function entries.of_leaf(entry, identity)
  local ok, leaf = pcall(identity.info, identity)
  if not ok then return entry end
  entry.subject, entry.not_before, entry.not_after = leaf.subject, leaf.not_before, leaf.not_after
  return entry
end

--- The first of the authorities of a file that runs out; those that have do not count while others
-- are good.
function entries.authorities(kind, path)
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

local function path_of(value) return type(value) == "string" and value or nil end

local function key_entry(tenant, prefix)
  local o, key = tenant.options, tenant.service_key
  return { kind = prefix .. "service key", path = path_of(o.service_key),
    files = entries.files(o.service_key), subject = key.client_id, created = instant(key.created) }
end

-- Service key and certificate of one credential.
local function of_credential(tenant, prefix)
  local o, list = tenant.options, { key_entry(tenant, prefix) }
  local own = o.cert or o.cert_pem or o.identity
  if own then
    list[2] = entries.of_leaf({ kind = prefix .. "client certificate", path = o.cert,
      files = entries.files(o.cert, o.key, o.pass_file) }, tenant.identity)
  elseif tenant.identity then
    entries.of_leaf(list[1], tenant.identity)
  end
  return list
end

-- The next credential, whose files may not be there yet.
local function of_next(rotation, prefix)
  local tenant, err = rotation:look()
  if tenant then return of_credential(tenant, prefix .. "next ") end
  local named = rotation.named
  local kind = named.service_key and "next service key" or "next client certificate"
  local path = path_of(named.service_key) or path_of(named.cert)
  local entry = { kind = prefix .. kind, path = path, files = entries.files(named.service_key,
    named.cert, named.key, named.pass_file) }
  if err.code == "file.not_found" then entry.awaited = true else entry.failure = err end
  return { entry }
end

local function add(list, more, credential)
  for _, entry in ipairs(more) do
    entry.credential = credential
    list[#list + 1] = entry
  end
end

-- Both; a service key that they share is one of the current one.
local function of_both(rotation, prefix)
  local list = {}
  add(list, of_credential(rotation.current, prefix), "current")
  local following = of_next(rotation, prefix)
  if #following > 1 and following[1].path == list[1].path then table.remove(following, 1) end
  add(list, following, "next")
  return list
end

--- prefix: stands before each kind, such as "api ".
function entries.of_tenant(tenant, prefix)
  local list = tenant.rotation and of_both(tenant.rotation, prefix)
    or of_credential(tenant, prefix)
  local trusted = tenant.options.cacert or tenant.options.trust
  if not trusted then return list end
  list[#list + 1] = entries.authorities(prefix .. "trusted authorities", trusted)
  return list
end

return entries
