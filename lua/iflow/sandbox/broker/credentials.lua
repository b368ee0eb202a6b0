--- Makes what a key holds, by its type: completes the key's record, and returns the fields of its
--- document (broker/document.lua); or nil, err.
local core = require "iflow.core"
local document = require "iflow.sandbox.broker.document"
local errors = require "iflow.error"
local keys = require "iflow.sandbox.keys"
local x509 = require "iflow.sandbox.broker.x509"

local credentials = {}

local function refused(text, ...)
  return nil, errors { code = "sandbox.refused", message = text:format(...) }
end

local function details_of(info, subject, issuer)
  local serial = info.serial:gsub("^0[xX]", ""):gsub(":", "")
  return { subject = subject, issuer = issuer, valid_until = info.not_after,
           serial = "0x" .. serial }
end

function credentials.secret(_, record)
  record.client_secret = ("%s$%s"):format(core.crypto.uuid(),
    core.crypto.base64(core.crypto.random(32)):gsub("%+", "-"):gsub("/", "_"))
  return { client_secret = record.client_secret }
end

function credentials.certificate(tenant, record, wanted)
  local pair, err = keys.rsa(tenant.dir .. "/authority", wanted.key_length)
  if not pair then return nil, err end
  local subject = document.subject(record.guid:sub(1, 8), record.guid)
  local chain, leaf = tenant.authority:client_chain(subject, pair, wanted.validity,
                                                    math.floor(tenant.now()))
  if not chain then return nil, leaf end
  local parsed
  parsed, err = core.cert.parse(leaf)
  if not parsed then return nil, err end
  local info = parsed.certificates[1]
  record.sha256 = info.sha256
  return { certificate = chain, key = pair:private_pem("pkcs1"),
           details = details_of(info, document.dn(subject),
                                document.dn(tenant.authority.CLIENTS_SUBJECT)) }
end

function credentials.external(tenant, record, wanted)
  local info, why = x509.read(wanted.x509)
  if not info then return refused("%s", why) end
  local owner = tenant.broker:certificate_owner(info.sha256)
  if owner then
    return refused("the certificate '%s' is used by key '%s' of instance '%s' already; it can be "
      .. "used once: put several roles into one instance", info.subject, owner.key.name,
      owner.instance.name)
  end
  record.sha256, record.pin = info.sha256, wanted.pin
  return { certificate = info.pem, details = tenant.settings.external_certificatedetails
    and details_of(info, info.subject, info.issuer) or nil }
end

return credentials
