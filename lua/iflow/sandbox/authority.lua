--- The sandbox's certificate authority in three levels, as SAP's: a root, an intermediate for
--- client certificates, the leaves. Root and intermediate stay in DIR/authority; the server's own
--- certificate is made at every start. The root above it can be exchanged for another one, as SAP
--- does it with the load balancer's (sap-reference 3.7): announced first, served later.
local core = require "iflow.core"

local authority = {}
authority.__index = authority

local DAY = 86400
local HOUR = 3600
local ROOT_SUBJECT = { { "C", "DE" }, { "L", "Walldorf" }, { "O", "SAP SE" },
                       { "CN", "SAP Cloud Root CA (iflow sandbox)" } }
local NEW_ROOT_SUBJECT = "SAP Cloud Root CA (iflow sandbox, renewed %s)"
authority.CLIENTS_SUBJECT = { { "C", "DE" }, { "L", "localhost" }, { "O", "SAP SE" },
                              { "OU", "SAP BTP Clients" },
                              { "CN", "SAP PKI Certificate Service Client CA" } }
local SERVERS_SUBJECT = { { "C", "DE" }, { "O", "iflow sandbox" },
                          { "CN", "iflow sandbox server CA" } }

-- A certificate and its key in two files, made by make() when they are missing.
local function stored(dir, name, make)
  local pem_path, key_path = ("%s/%s.pem"):format(dir, name), ("%s/%s.key"):format(dir, name)
  if core.file.stat(key_path) and core.file.stat(pem_path) then
    local pem, err = core.file.read(pem_path)
    if not pem then return nil, err end
    local text
    text, err = core.file.read(key_path)
    if not text then return nil, err end
    local key
    key, err = core.authority.keypair_from_pem(text)
    if not key then return nil, err end
    return { pem = pem, key = key }
  end
  local made, err = make()
  if not made then return nil, err end
  local ok
  ok, err = core.file.write(key_path, made.key:private_pem(), "0600")
  if ok then ok, err = core.file.write(pem_path, made.pem, "0644") end
  if not ok then return nil, err end
  return made
end

local function make_ca(subject, years, now, issuer)
  return function()
    local key, err = core.authority.keypair { type = "ec" }
    if not key then return nil, err end
    local pem
    pem, err = core.authority.issue {
      subject = subject, key = key, ca = true,
      issuer = issuer and issuer.pem, issuer_key = issuer and issuer.key,
      not_before = now - HOUR, not_after = now + years * 365 * DAY,
    }
    if not pem then return nil, err end
    return { pem = pem, key = key }
  end
end

-- Root and key in one file, so that one renaming exchanges both; nil when there is no such file.
local function read_root(path)
  if not core.file.stat(path) then return nil end
  local text, err = core.file.read(path)
  if not text then return nil, err end
  local key
  key, err = core.authority.keypair_from_pem(text)
  if not key then return nil, err end
  return { pem = text:match "%-%-%-%-%-BEGIN CERTIFICATE.*END CERTIFICATE%-%-%-%-%-\n", key = key }
end

-- What the server's certificate hangs from; and what it will hang from, if that was announced.
local function open_server_roots(self)
  local err
  self.server_root, err = read_root(self.dir .. "/server-root.pem")
  if err then return nil, err end
  self.server_root = self.server_root or self.root
  self.next_root, err = read_root(self.dir .. "/next-root.pem")
  if err then return nil, err end
  return self
end

local function new_root_subject(now)
  return { ROOT_SUBJECT[1], ROOT_SUBJECT[2], ROOT_SUBJECT[3],
           { "CN", NEW_ROOT_SUBJECT:format(os.date("!%Y-%m-%d %H:%M:%S", now)) } }
end

--- Opens DIR/authority, which it fills at the first start. now: seconds.
function authority.open(dir, now)
  local self = setmetatable({ dir = dir }, authority)
  local ok, err = core.file.mkdir(dir, "0700")
  if not ok then return nil, err end
  self.root, err = stored(dir, "root", make_ca(ROOT_SUBJECT, 20, now))
  if not self.root then return nil, err end
  self.clients, err = stored(dir, "clients", make_ca(authority.CLIENTS_SUBJECT, 10, now, self.root))
  if not self.clients then return nil, err end
  return open_server_roots(self)
end

--- The root that server certificates will have after the exchange; made when there is none yet.
function authority:announce_root(now)
  if self.next_root then return self.next_root end
  local made, err = make_ca(new_root_subject(now), 20, now)()
  if not made then return nil, err end
  local ok
  ok, err = core.file.write(self.dir .. "/next-root.pem", made.pem .. made.key:private_pem(),
                            "0600")
  if not ok then return nil, err end
  self.next_root = made
  return made
end

--- The announced root becomes the one of server certificates.
function authority:exchange_root()
  local ok, err = core.file.rename(self.dir .. "/next-root.pem", self.dir .. "/server-root.pem")
  if not ok then return nil, err end
  self.server_root, self.next_root = self.next_root, nil
  return true
end

--- A client certificate for days, by the intermediate: the chain leaf, intermediate, root as text,
--- and the leaf alone. The root comes last, as in SAP's keys.
function authority:client_chain(subject, key, days, now)
  local leaf, err = core.authority.issue {
    subject = subject, key = key, client_auth = true,
    issuer = self.clients.pem, issuer_key = self.clients.key,
    not_before = now - HOUR, not_after = now + days * DAY,
  }
  if not leaf then return nil, err end
  return leaf .. self.clients.pem .. self.root.pem, leaf
end

--- The identity the listeners show: leaf and intermediate, never the root. dates: { not_before,
--- not_after } of the leaf, instead of those that make it good today.
function authority:server_identity(sans, now, dates)
  local ca, err = make_ca(SERVERS_SUBJECT, 5, now, self.server_root)()
  if not ca then return nil, err end
  local key
  key, err = core.authority.keypair { type = "ec" }
  if not key then return nil, err end
  local leaf
  leaf, err = core.authority.issue {
    subject = { { "O", "iflow sandbox" }, { "CN", "localhost" } }, sans = sans, key = key,
    issuer = ca.pem, issuer_key = ca.key, server_auth = true,
    not_before = dates and dates.not_before or now - HOUR,
    not_after = dates and dates.not_after or now + 397 * DAY,
  }
  if not leaf then return nil, err end
  return core.identity.open { cert_pem = leaf .. ca.pem, key_pem = key:private_pem() }
end

return authority
