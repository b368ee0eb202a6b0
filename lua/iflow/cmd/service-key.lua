-- service-key.lua -- iflow service-key show|check|pem FILE: looks into a service key without
-- showing its secrets, checks what can be checked without a network, and splits it into PEM files.
local certificates = require "iflow.cli.certificates"
local checks = require "iflow.cli.key_checks"
local core = require "iflow.core"
local errors = require "iflow.error"
local source = require "iflow.source"
local tenants = require "iflow.cli.tenant"

local array = core.json.array
local file_argument = { { "file", help = "service key as downloaded from the BTP cockpit" } }

-- show -------------------------------------------------------------------------------------------

-- The certificates of a key, leaf first; none for a client secret.
local function chain_of(key)
  local pem = key:certificate_pem()
  if not pem then return {} end
  local info, err = core.cert.parse(pem, { name = key.name })
  return info and info.certificates, err
end

local function print_key(out, key, chain)
  local rows = { { "type", key.type }, { "client id", key.client_id } }
  local function add(title, value)
    if value then rows[#rows + 1] = { title, tostring(value) } end
  end
  add("client secret", key:secret())
  add("private key", key:private_key_pem())
  add("token url", key.token_url)
  add("url", key.url)
  add("created", key.created)
  add("valid until", key.valid_until)
  out:print(key.name)
  certificates.print(out, rows, "  ")
  for i, certificate in ipairs(chain) do
    out:print(("  certificate %d"):format(i))
    certificates.print(out, certificates.rows(certificate), "    ")
  end
  for _, text in ipairs(key.warnings) do out:warn(text) end
end

local function fingerprint(value) return value and tostring(value) end

local function as_json(key, chain)
  local value = { name = key.name, type = key.type, client_id = key.client_id,
    token_url = key.token_url, url = key.url, created = key.created,
    valid_until = key.valid_until, warnings = array(key.warnings), certificates = array {},
    secret_fingerprint = fingerprint(key:secret()),
    private_key_fingerprint = fingerprint(key:private_key_pem()) }
  for i, certificate in ipairs(chain) do
    certificate.sans, certificate.eku = array(certificate.sans), array(certificate.eku)
    value.certificates[i] = certificate
  end
  return value
end

local function show(args, out)
  local key, err = core.service_key.open(args.file)
  if not key then return nil, err end
  local chain
  chain, err = chain_of(key)
  if not chain then return nil, err end
  out:result(function() print_key(out, key, chain) end, out.json_mode and as_json(key, chain))
  return 0
end

-- check ------------------------------------------------------------------------------------------

local function passphrase_of(args)
  if not args.pass_file then return nil end
  return source.secret(args.pass_file)
end

local function check(args, out)
  local key, err = core.service_key.open(args.file)
  if not key then return nil, err end
  local pass
  pass, err = passphrase_of(args)
  if err then return nil, err end
  local chain
  chain, err = chain_of(key)
  if not chain then return nil, err end
  local list = checks(key, chain, { cert = args.cert, key = args.key, passphrase = pass })
  local code = 0
  for _, item in ipairs(list) do
    if item.code then code = math.max(code, errors.exit_code(item.code)) end
  end
  out:result(function()
    local rows = {}
    for i, item in ipairs(list) do rows[i] = { item.result, item.check, item.message } end
    out:table({ "result", "check", "" }, rows)
  end, { name = key.name, type = key.type, ok = code == 0, checks = array(list) })
  return code
end

-- pem --------------------------------------------------------------------------------------------

local function usage(message, hint)
  return nil, errors { code = "usage.invalid", message = message, hint = hint }
end

-- orders-key.json gives orders-key.cert.pem and orders-key.key.pem.
local function outputs(key, args)
  local base = args.file:match "([^/]*)$":gsub("%.json$", "")
  local path = ("%s/%s"):format(args.output_dir, base)
  local list = { { kind = "certificate", path = path .. ".cert.pem",
    text = key:certificate_pem() } }
  local private = key:private_key_pem()
  if private then
    list[2] = { kind = "private key", path = path .. ".key.pem", text = private:reveal() }
  end
  return list
end

local function write_all(list, force)
  for _, item in ipairs(list) do
    if not force and core.file.stat(item.path) then
      return nil, errors { code = "file.exists",
        message = ("'%s' exists already"):format(item.path),
        hint = "give another --output-dir, or --force to replace it" }
    end
  end
  for _, item in ipairs(list) do
    local ok, err = core.file.write(item.path, item.text, "0600")
    if not ok then return nil, err end
  end
  return true
end

local function pem(args, out)
  local key, err = core.service_key.open(args.file)
  if not key then return nil, err end
  if not key:certificate_pem() then
    return usage(("'%s' has a client secret; there is nothing to split"):format(args.file),
      "create a key of type certificate, or use the secret as it is")
  end
  local list = outputs(key, args)
  local _, failure = write_all(list, args.force)
  if failure then return nil, failure end
  local files = array {}
  for i, item in ipairs(list) do files[i] = { kind = item.kind, path = item.path } end
  out:result(function()
    for _, item in ipairs(files) do out:print(("%s: %s"):format(item.kind, item.path)) end
  end, { files = files })
  return 0
end

-- Commands ---------------------------------------------------------------------------------------

return {
  name = "service-key",
  summary = "look into a service key",
  description = "Looks into a service key as downloaded from the BTP cockpit.",
  commands = {
    {
      name = "show",
      summary = "show what a service key says, without its secrets",
      description = "Shows type, client id, addresses, dates and certificates. Secret and private "
        .. "key are shown as fingerprints only.",
      arguments = file_argument,
      run = show,
    },
    {
      name = "check",
      summary = "check a service key without a network",
      description = "Checks dates, the token server's host, extended key usage, the chain, and "
        .. "that the private key belongs to the certificate. For a key with an external "
        .. "certificate give your own --cert and --key.",
      arguments = file_argument,
      options = {
        tenants.certificate_option "your certificate with its chain, PEM or PKCS#12",
        { "--key", value = "FILE", help = "its private key, when it is not in the same file" },
        { "--pass-file", value = "FILE", help = "file whose first line is the passphrase" },
      },
      run = check,
    },
    {
      name = "pem",
      summary = "split a service key into PEM files",
      description = "Writes certificate chain (leaf first) and private key into files that only "
        .. "you can read: NAME.cert.pem and NAME.key.pem for NAME.json.",
      arguments = file_argument,
      options = {
        { "--output-dir", value = "DIR", default = ".", help = "where the files go" },
        { "--force", flag = true, help = "replace files that exist" },
      },
      run = pem,
    },
  },
}
