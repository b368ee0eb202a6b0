-- fetch.lua -- the connectivity test of SAP's monitor, done from here: what a server shows in the
-- TLS handshake, and which root to trust. It trusts nothing and sends nothing (src/bind/probe.c).
--
--   fetch { host =, port = 443, and the other options of core.probe.tls; roots = lists of
--           iflow.roots; directory = hashed directory of roots (the system's) }   -- waits
--     -> what probe.tls gives, with
--          chain = { certificate… } as served (cert.read says what one has), served = { PEM… },
--          root = certificate | nil, root_from = "chain" | "system" | "cacert" | nil,
--          root_row = row of the load balancer's list | nil, required = bool: one that every
--          component of the platform trusts, missing = name of the unknown issuer | nil,
--          named = row of that name | nil, which proves nothing
--     | nil, err as probe.tls gives it; also tls.failed when no certificate came
local authorities = require "iflow.cert.authorities"
local core = require "iflow.core"
local errors = require "iflow.error"

local own = { roots = true, directory = true }

local function probe(options)
  local words = {}
  for key, value in pairs(options) do
    if not own[key] then words[key] = value end
  end
  return core.probe.tls(words)
end

local function holds(chain, certificate)
  for _, served in ipairs(chain) do
    if served.sha256 == certificate.sha256 then return true end
  end
  return false
end

local function known_of(options)
  if not options.cacert then return nil end
  return core.file.read(options.cacert, 1024 * 1024)
end

local function origin(seen, options, known)
  if holds(seen.chain, seen.root) then return "chain" end
  local info = known and core.cert.parse(known, { name = options.cacert })
  return info and holds(info.certificates, seen.root) and "cacert" or "system"
end

local function name_root(seen, options)
  local known, err = known_of(options)
  if err then return nil, err end
  local way
  way, err = authorities { chain = seen.served, known = known, roots = options.roots,
                           directory = options.directory }
  if not way then return nil, err end
  seen.root, seen.missing, seen.named = way.root, way.missing, way.named
  seen.root_row = way.load_balancer
  seen.required = way.load_balancer ~= nil and way.load_balancer.required == true
  if seen.root then seen.root_from = origin(seen, options, known) end
  return seen
end

return function(options)
  local seen, err = probe(options)
  if not seen then return nil, err end
  if #seen.chain == 0 then
    return nil, errors { code = "tls.failed", message = ("'%s' showed no certificate"):format(
      options.host) }
  end
  seen.served, seen.chain = seen.chain, {}
  for i, pem in ipairs(seen.served) do
    local info
    info, err = core.cert.parse(pem, { name = "certificate " .. i })
    if not info then return nil, err end
    seen.chain[i] = info.certificates[1]
  end
  return name_root(seen, options)
end
