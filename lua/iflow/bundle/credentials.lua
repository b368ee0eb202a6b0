--- What a bundle says of credentials and of the way to the tenant: public parts only. Each field is
-- shown because it is named here; of others there is the size. Internal; for lua/iflow/bundle.lua.

local certificates = require "iflow.cli.certificates"
local core = require "iflow.core"
local hardware = require "iflow.hardware"
local source = require "iflow.source"

local json = core.json

local credentials = {}

local FILE_MAX = 1024 * 1024
local SHOWN_MAX = 512 -- bytes of a text

-- Settings --------------------------------------------------------------------------------------

--- A URL without user, password and the values of its query.
local function public_url(url)
  local plain = url:gsub("^(%a[%w+.-]*://)[^/@?#]*@", "%1***@"):gsub("#.*$", "")
  return (plain:gsub("([?&][^=&]*)=[^&]*", "%1=***"))
end

local function place(value)
  if type(value) ~= "string" then return ("(%s)"):format(type(value)) end
  if value:find "^command:" then return "command:(not shown)" end
  if hardware.is_named(value) then return (value:gsub("([?&;]pin%-value=)[^&;]*", "%1***")) end
  return value
end

local SHOW = {}
for name, fields in pairs {
  [place] = "service_key cert key pass_file cacert trust",
  [public_url] = "url proxy to",
  [tostring] = "token_cache scope grant_type_in client_auth connections connect_timeout timeout "
    .. "stall_timeout queue_timeout verbose auth csrf method idempotent concurrency rate max_body "
    .. "in_doubt on_limit trace role send offline key_age warn_days",
} do
  for field in fields:gmatch "%S+" do SHOW[field] = name end
end

-- What is called like a secret is taken for one by the filter.
local NAMES = { key = "private_key_file" }

--- Options as a table of texts: values of those that are no secret, names of all others.
function credentials.options(options)
  local found = json.object {}
  for name, value in pairs(options) do
    local show = SHOW[name]
    local plain = type(value) == "string" or type(value) == "number" or type(value) == "boolean"
    if name == "next" and type(value) == "table" then
      found.next = credentials.options(value)
    elseif show and (plain or show == place) then
      found[NAMES[name] or name] = show(value)
    else
      found[name] = ("(%s, not shown)"):format(type(value))
    end
  end
  return found
end

-- Service key -----------------------------------------------------------------------------------

local FIELDS = {}
for name in ([[clientid tokenurl certurl url createdate validuntil serialnumber validity
  validityType grant-types redirect-uris subject subjectDN issuer issuerDN]]):gmatch "%S+" do
  FIELDS[name:lower()] = true
end

local function shown(name, value)
  if type(value) == "table" then
    local copy = json.is_array(value) and json.array {} or json.object {}
    for key, item in pairs(value) do
      copy[key] = shown(type(key) == "string" and key or name, item)
    end
    return copy
  elseif type(value) ~= "string" then
    return value
  elseif not FIELDS[tostring(name):lower()] or #value > SHOWN_MAX then
    return ("(%d bytes, not shown)"):format(#value)
  end
  return value:find "^https?://" and public_url(value) or value
end

--- The document of a service key with its public fields, or what is wrong with it.
function credentials.service_key(value)
  if type(value) == "table" and not source.is_command(value) then return shown("", value) end
  local path = type(value) == "string" and not value:find "^command:" and source.resolve(value)
  if type(path) ~= "string" then return { note = "it is not read from a file" } end
  local text, err = core.file.read(path, FILE_MAX)
  if not text then return { problem = err.message } end
  local document = json.decode(text)
  if type(document) ~= "table" then
    return { problem = ("no JSON document (%d bytes)"):format(#text) }
  end
  return shown("", document)
end

-- Certificates ----------------------------------------------------------------------------------

local function public(certificate, with_pem)
  return { subject = certificate.subject, issuer = certificate.issuer,
    serial = certificate.serial, not_before = certificate.not_before,
    not_after = certificate.not_after, days_left = certificates.days_left(certificate.not_after),
    algorithm = certificate.key, ca = certificate.ca, self_signed = certificate.self_signed,
    sha256 = certificate.sha256, eku = json.array(certificate.eku),
    sans = json.array(certificate.sans), pem = with_pem and certificate.pem or nil }
end

local function list_of(read, err, with_pem)
  if not read then return { problem = err and err.message or "there is none" } end
  local list = json.array {}
  for i, certificate in ipairs(read.certificates) do list[i] = public(certificate, with_pem) end
  return list
end

--- The certificates that are shown to hosts: of the service key, and one's own.
function credentials.certificates(key, options)
  local found = json.object {}
  local pem = key and key:certificate_pem()
  if pem then found.service_key = list_of(core.cert.parse(pem), nil, true) end
  local path = options.cert
  if type(path) == "string" and not hardware.is_named(path) and not path:find "^command:" then
    local resolved = source.resolve(path)
    if type(resolved) == "string" then
      local read, err = core.cert.read(resolved, { passphrase = options.pass_file
        and source.secret(options.pass_file) or options.passphrase })
      found.cert = list_of(read, err, true)
    end
  end
  return found
end

--- Whom is trusted.
function credentials.trust(options)
  local path = options.cacert or options.trust
  if not path then return { trusted = "the authorities of the system" } end
  local read, err = core.cert.read(path)
  return { trusted = options.cacert and "a file instead of the authorities of the system"
    or "a file beside the authorities of the system", file = path,
    roots = list_of(read, err, false) }
end

return credentials
