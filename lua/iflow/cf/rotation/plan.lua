--- What a rotation is to do: which key the key file holds, of which type the new one is and how it
--- is called, which files change. Only reads. For lua/iflow/cf/rotate.lua.
local core = require "iflow.core"
local errors = require "iflow.error"
local json = require "iflow.json"
local keys = require "iflow.cf.keys"
local parameters = require "iflow.cf.parameters"

local plan = {}

local MAX = 1024 * 1024
local BASE = 16 -- bytes of the old name in the new one: 32 are allowed, "-20261123T054500" are 16

local function usage(message, hint)
  return nil, errors { code = "usage.invalid", message = message, hint = hint }
end

--- The service key in a file: { key = iflow.service_key, document }; or nil, err.
function plan.read_key(path)
  local text, err = core.file.read(path, MAX)
  if not text then return nil, err end
  local key
  key, err = core.service_key.parse(text, path)
  if not key then return nil, err end
  return { key = key, document = core.json.decode(text) }
end

-- The key of the instance that is in the file, and the names of all; or nil, err.
local function find_old(cf, instance, key_file, client_id)
  local list, err = keys.list(cf, instance, true)
  if not list then return nil, err end
  local names, found = {}, nil
  for _, one in ipairs(list) do
    names[one.name] = true
    if one.client_id == client_id then found = one end
  end
  if found then return found, names end
  return nil, errors { code = "cf.not_found",
    message = ("'%s' holds none of the keys of instance '%s'"):format(key_file, instance),
    hint = "iflow service-key show names its client id, iflow instance key list those of the "
      .. "instance" }
end

-- "orders-20261123T054500": the old name without such an ending, and the time; a later one when
-- that name is taken.
local function new_name(old, names, now)
  local base = old:gsub("%-%d%d%d%d%d%d%d%dT%d%d%d%d%d%d$", "")
  if base:find "[\x80-\xff]" then base = "key" end
  local name
  repeat
    name = base:sub(1, BASE) .. os.date("!-%Y%m%dT%H%M%S", now // 1)
    now = now + 1
  until not names[name]
  return name
end

-- Certificates ----------------------------------------------------------------------------------

-- The new certificate with its chain, and its private key: { text, leaf, key }; or nil, err.
local function read_new(options)
  if not (options.x509 and options.x509_key) then
    return usage("a key of type external needs the new certificate and its private key",
                 "name their files with --x509 and --x509-key")
  end
  local text, err = core.file.read(options.x509, MAX)
  if not text then return nil, err end
  local key
  key, err = core.file.read(options.x509_key, MAX)
  if not key then return nil, err end
  local found
  found, err = core.identity.open { cert_pem = text, key_pem = core.secret.new(key),
                                    passphrase = options.passphrase }
  if not found then return nil, err end
  return { text = text, key = key, leaf = found:info() }
end

local function leaf_of(key, path)
  if path then
    local info, err = core.cert.read(path)
    if not info then return nil, err end
    return info.certificates[info.leaf or 1]
  end
  local pem = key:certificate_pem()
  local info = pem and core.cert.parse(pem)
  return info and info.certificates[info.leaf or 1]
end

-- Without pinning SAP takes a newer certificate of the same names under the key there is. A second
-- key of these names would end both, and not even a probe with a token shows that (sap-reference
-- 2.3). The platform does not tell which it is, so it has to be said. Whether it is such a renewal;
-- or nil, err.
local function is_renewal(options, old, new)
  local before, err = leaf_of(old.key, options.cert)
  if err then return nil, err end
  if not before or before.subject ~= new.subject or before.issuer ~= new.issuer then
    return false
  elseif options.pin == nil then
    return usage("the new certificate has subject and issuer of the one in use: whether that is "
      .. "pinned has to be said", "--pin when Pin Certificate is on for the key in use, which is "
      .. "the default, or --no-pin: a wrong word would end both certificates")
  elseif not options.pin and new.not_before <= before.not_before then
    return usage("the new certificate was not issued later than the one in use, so that SAP "
      .. "refuses it", "renew the certificate, and name the newer one with --x509")
  end
  return not options.pin
end

-- Files -----------------------------------------------------------------------------------------

local function is_external(key) return key.type == "external certificate" end

-- The paths that change, in the order of files.lua; or nil, err.
local function files_of(options, type, old, one_way)
  if type ~= "external" then
    if options.cert or options.key then
      return usage "certificate and key are for keys of type external"
    end
    return { options.key_file }
  elseif not options.cert ~= not options.key then
    return usage "--cert and --key belong together"
  elseif not options.cert and is_external(old.key) then
    return usage("where the senders have certificate and private key is missing",
                 "name the two files with --cert and --key")
  end
  if not options.cert then return { options.key_file } end
  if one_way then return { options.cert, options.key } end
  return { options.cert, options.key_file, options.key }
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local out = {}
  for name, item in pairs(value) do out[name] = copy(item) end
  return out
end

-- A document that holds certificate and private key itself.
local function with_identity(document, new)
  local out = copy(document)
  local fields = type(out.oauth) == "table" and out.oauth or out
  fields.certificate, fields.key = new.text, new.key
  return out
end

--- What is made ready of the document of the new key (for a renewal: of the key there is):
--- { { path, text } … }. given: of plan.given.
function plan.contents(options, given, document)
  local new, list = given.new, {}
  if new and not options.cert then document = with_identity(document, new) end
  local texts = { [options.key_file] = assert(json.encode(document, { pretty = true,
    sort = true })) .. "\n" }
  if new and options.cert then texts[options.cert], texts[options.key] = new.text, new.key end
  for i, path in ipairs(given.files) do list[i] = { path = path, text = texts[path] } end
  return list
end

-- The plan --------------------------------------------------------------------------------------

local TYPES = { ["client secret"] = "secret", certificate = "certificate",
                ["external certificate"] = "external" }

--- What the options say of the new key, and of it what must be read again after a crash: { type,
--- old (as read_key), new (certificate), files, one_way, key (options of cf:create_key) }; or nil,
--- err.
function plan.given(options)
  if options.auth == "certificate" and not options.to then
    return usage("what senders call without a token is missing, so that nothing can be proved",
                 "name the endpoint with --to")
  end
  local old, err = plan.read_key(options.key_file)
  if not old then return nil, err end
  local type = options.type or (options.x509 and "external") or TYPES[old.key.type]
  local new, one_way = nil, false
  if type == "external" then
    new, err = read_new(options)
    if not new then return nil, err end
    one_way, err = is_renewal(options, old, new.leaf)
    if one_way == nil then return nil, err end
  end
  local files
  files, err = files_of(options, type, old, one_way)
  if not files then return nil, err end
  local key = { instance = options.instance, type = type, validity = options.validity,
    key_length = options.key_length, x509 = new and new.leaf.pem,
    pin_name = options.pin_name, parameters = options.parameters }
  if options.pin == false then key.pin = false end -- on is the default, and its name not documented
  local ok, warnings = parameters.key(key)
  if ok == false then return nil, warnings end
  return { type = type, old = old, new = new, files = files, one_way = one_way, key = key,
           warnings = one_way and {} or warnings }
end

--- The journal with which a rotation begins; or nil, err. given: of plan.given.
function plan.begin(cf, options, given, now)
  local client_id = given.old.key.client_id
  local old, names = find_old(cf, options.instance, options.key_file, client_id)
  if not old then return nil, names end
  local name = options.name or new_name(old.name, names, now)
  local ok, err = parameters.key_name(name)
  if not ok then return nil, err end
  if names[name] then -- a key that this rotation did not make must not be taken for its own
    return usage(("instance '%s' has a key '%s' already"):format(options.instance, name),
                 "give the new key another name (--key-name)")
  end
  return { instance = options.instance, type = given.type, files = given.files,
    cert = options.cert, key = options.key, one_way = given.one_way,
    step = given.one_way and "stage" or "create",
    old = { name = old.name, client_id = client_id },
    new = given.one_way and { name = old.name, client_id = client_id } or { name = name } }
end

return plan
