-- key_checks.lua -- what can be said about a service key without a network:
--   checks(key, chain, own) -> list of { check =, result = "ok"|"warning"|"failed"|"skipped",
--                                        message =, code = "cert.expired" when it failed }
-- key: an iflow.service_key; chain: its certificates as cert.read gives them; own: { cert =, key =,
-- passphrase = }, the user's files for an external certificate. The rules are those of SAP for
-- client certificates.
local certificates = require "iflow.cli.certificates"
local core = require "iflow.core"

local warn_days = 30

local function contains(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

local list = {}
list.__index = list

function list:add(check, result, message, code)
  self[#self + 1] = { check = check, result = result, message = message, code = code }
end

local function check_dates(found, leaf)
  local days = certificates.days_left(leaf.not_after)
  local validity = certificates.validity(leaf)
  if os.time() > leaf.not_after then
    found:add("dates", "failed", validity .. "; create a new key", "cert.expired")
  elseif os.time() < leaf.not_before then
    found:add("dates", "failed", validity .. "; is this machine's clock right?", "cert.expired")
  elseif days < warn_days then
    found:add("dates", "warning", validity .. "; create a new key before it ends")
  else
    found:add("dates", "ok", validity)
  end
end

-- The load balancer rejects the TLS handshake of a certificate without clientAuth.
local function check_usage(found, leaf)
  if contains(leaf.eku, "clientAuth") then
    found:add("usage", "ok", "clientAuth")
  else
    found:add("usage", "failed", "the extended key usage clientAuth is missing, SAP's load "
      .. "balancer rejects such a certificate", "cert.invalid")
  end
end

-- Roots alone are known to SAP: what lies between them and the leaf must be sent.
local function check_chain(found, info)
  local leaf = info.certificates[info.leaf or 1]
  local last = info.certificates[#info.certificates]
  if leaf.self_signed then
    found:add("chain", "failed", "the certificate is self-signed, SAP accepts none of these",
      "cert.chain")
  elseif #info.certificates == 1 then
    found:add("chain", "warning", "the certificate stands alone; unless its issuer is a root, "
      .. "add the intermediate certificates")
  elseif info.order == "unrelated" then
    found:add("chain", "warning", "not all certificates belong to the leaf's chain")
  else
    found:add("chain", "ok", ("%d certificates, up to %s"):format(#info.certificates,
      info.order == "leaf first" and last.subject or "the root"))
  end
end

local function check_pair(found, options)
  local id, err = core.identity.open(options)
  if not id then
    found:add("private key", "failed", err.message, err.code)
    return nil
  end
  found:add("private key", "ok", ("belongs to %s (%s)"):format(id:info().subject, id:info().key))
  return id:info()
end

-- With pinning, which is the default, the token server accepts this very certificate only.
local function check_pinned(found, key_leaf, leaf)
  if key_leaf.sha256 == leaf.sha256 then
    found:add("pinning", "ok", "the key was made for this certificate")
  elseif key_leaf.subject == leaf.subject and key_leaf.issuer == leaf.issuer then
    found:add("pinning", "warning", "the key was made for another certificate of the same names; "
      .. "it works only if the key was created without pinning")
  else
    found:add("pinning", "failed", ("the key was made for %s, not for %s"):format(
      key_leaf.subject, leaf.subject), "cert.key_mismatch")
  end
end

local function check_external(found, key, chain, own)
  if not (own.cert or own.key) then
    if chain[1].self_signed then check_chain(found, { certificates = chain }) end
    found:add("private key", "skipped", "it is not in this key: give --cert and --key")
    return
  end
  local leaf = check_pair(found, { service_key = key, cert = own.cert, key = own.key,
    passphrase = own.passphrase })
  if not leaf then return end
  check_pinned(found, chain[1], leaf)
  if not own.cert then return end
  local info, err = core.cert.read(own.cert, { passphrase = own.passphrase })
  if not info then
    found:add("chain", "failed", err.message, err.code)
  elseif #info.certificates > 0 then
    check_chain(found, info)
  end
end

local function check_generated(found, key)
  local info = assert(core.cert.parse(key:certificate_pem(), { name = key.name }))
  check_chain(found, info)
  check_pair(found, { service_key = key })
end

return function(key, chain, own)
  local found = setmetatable({}, list)
  found:add("document", "ok", ("a service key of type %s"):format(key.type))
  for _, text in ipairs(key.warnings) do found:add("fields", "warning", text) end
  local leaf = chain[1]
  if leaf then
    check_dates(found, leaf)
    check_usage(found, leaf)
    if key.type == "certificate" then
      check_generated(found, key)
    else
      check_external(found, key, chain, own)
    end
  end
  return setmetatable(found, nil)
end
