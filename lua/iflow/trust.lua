--- A trust store of one's own: a PEM file with roots, for the option `trust` of senders and of
-- tenants. Roots only, since servers change their certificates and intermediates without a word:
-- SAP asks to trust the root of its load balancer, and to have the next one beside it before it is
-- exchanged (sap-reference 3.6, 3.7).
--
--   local trust = require "iflow.trust"
--   local result, err = trust.add("trust.pem", { "root.cer", "chain.zip" })
--     result: { added =, known = lists of certificates, left_out = { { certificate, reason } … } }
--   local list, err = trust.list "trust.pem"             certificates as of iflow.cert.read
--   local removed, err = trust.remove("trust.pem", "CB3CCB…")  -- by SHA-256, or the start of it
--
-- Of a file with several certificates, such as the archive of SAP's connectivity test, the roots
-- are taken; a file without any is refused with the reason. The store is replaced atomically, mode
-- 0644: nothing in it is secret. Errors: file.*, cert.*, usage.invalid,
-- limit.exceeded (more than 32 roots).

local core = require "iflow.core"
local errors = require "iflow.error"

local trust = {}

local FILE_MAX = 1024 * 1024
local ROOTS_MAX = 32 -- what is read of a file of certificates: IFL_CERTS_MAX in src/auth

local function usage(message, hint)
  return nil, errors { code = "usage.invalid", message = message, hint = hint }
end

local function common_name(subject) return subject:match "CN=([^,]+)" or subject end

-- Why a certificate is not to be trusted, nil when it is a root that holds; and what to do.
local function objection(certificate)
  if not certificate.self_signed then
    local whose = certificate.ca and "an intermediate, which changes without a word"
      or "the certificate of a server, which changes with each renewal"
    return whose, ("add the root above it; its issuer is %s"):format(certificate.issuer)
  elseif not certificate.ca then
    return "a certificate that is its own issuer, but no authority",
      "ask the server's operator for the root that issues its certificates"
  elseif certificate.not_after < core.task.now() then
    return "expired", "ask for the root that has followed it"
  end
end

-- The store ---------------------------------------------------------------------------------------

-- What a store cannot be is left alone: it is written anew, and then whatever is no certificate is
-- gone, such as the private key of a sender's own PEM file, or all of a service key.
local function check_is_store(path)
  local text, err = core.file.read(path, FILE_MAX)
  if not text then return nil, err end
  local is_pem = ("\n" .. text):find("\n-----BEGIN ", 1, true) and not text:find "[\0-\8\14-\31]"
  if text == "" or is_pem and not text:find("PRIVATE KEY-----", 1, true) then return true end
  return usage(("'%s' is no trust store: it %s"):format(path, is_pem and "holds a private key"
    or "is no PEM file"), "name a file of its own with --trust")
end

local function read(path)
  if not core.file.stat(path) then return {} end
  local ok, why = check_is_store(path)
  if not ok then return nil, why end
  local info, err = core.cert.read(path)
  if info then return info.certificates end
  if err.code == "cert.invalid" and core.file.stat(path).size == 0 then return {} end
  return nil, err
end

-- Comments, so that people can read the file.
local function block(certificate)
  return ("# %s\n# SHA-256 %s, ends %s\n%s"):format(certificate.subject, certificate.sha256,
    os.date("!%Y-%m-%d", certificate.not_after), certificate.pem:gsub("\n*$", "\n"))
end

local function write(path, certificates)
  local parts = { "# Roots to trust; changed with: iflow trust add|remove\n" }
  for _, certificate in ipairs(certificates) do parts[#parts + 1] = block(certificate) end
  -- A link to the store stays one: senders may know the store by its own name.
  return core.file.write(core.file.absolute(path) or path, table.concat(parts, "\n"), "0644")
end

local function position(certificates, sha256)
  for i, certificate in ipairs(certificates) do
    if certificate.sha256 == sha256 then return i end
  end
end

-- Commands ----------------------------------------------------------------------------------------

-- Takes the roots of one file into the store; nil, err when it has none.
local function take(store, result, path)
  local info, err = core.cert.read(path)
  if not info then return nil, err end
  local roots, first_reason, first_hint = 0, nil, nil
  for _, certificate in ipairs(info.certificates) do
    local reason, hint = objection(certificate)
    if reason then
      first_reason, first_hint = first_reason or reason, first_hint or hint
      result.left_out[#result.left_out + 1] = { certificate = certificate, reason = reason }
    else
      roots = roots + 1
      local into = position(store, certificate.sha256) and result.known or result.added
      into[#into + 1] = certificate
      if into == result.added then store[#store + 1] = certificate end
    end
  end
  if roots > 0 then return true end
  return usage(("'%s' has no root to trust: %s is %s"):format(path,
    common_name(info.certificates[1] and info.certificates[1].subject or "it"),
    first_reason or "empty"), first_hint)
end

--- Adds the roots of these files to the store, which is made when it is not there: the result, or
-- nil, err, and then nothing has changed.
function trust.add(path, files)
  local store, err = read(path)
  if not store then return nil, err end
  local result = { added = {}, known = {}, left_out = {} }
  for _, file in ipairs(files) do
    local ok
    ok, err = take(store, result, file)
    if not ok then return nil, err end
  end
  if #result.added == 0 then return result end
  if #store > ROOTS_MAX then
    return nil, errors { code = "limit.exceeded",
      message = ("'%s' would hold %d roots; %d are the most"):format(path, #store, ROOTS_MAX),
      hint = "remove those that are needed no more: iflow trust remove" }
  end
  local ok
  ok, err = write(path, store)
  if not ok then return nil, err end
  return result
end

--- What the store holds; nil, err when there is none.
function trust.list(path)
  if not core.file.stat(path) then
    return nil, errors { code = "file.not_found", message = ("no trust store '%s'"):format(path),
      hint = "make it with: iflow trust add ROOT.cer --trust " .. path }
  end
  return read(path)
end

--- Removes the root whose SHA-256 begins with these hex digits, eight at least: the certificate, or
-- nil, err. The last one stays: a store that trusts nobody is a mistake.
function trust.remove(path, sha256)
  local wanted = sha256:gsub("[:%s]", ""):upper()
  if #wanted < 8 or wanted:find "%X" then
    return usage(("'%s' is no SHA-256, nor the first eight digits of one"):format(sha256),
      "see: iflow trust list --trust " .. path)
  end
  local store, err = trust.list(path)
  if not store then return nil, err end
  local found
  for i, certificate in ipairs(store) do
    if certificate.sha256:sub(1, #wanted) == wanted then
      if found then return usage(("several roots begin with %s"):format(wanted)) end
      found = i
    end
  end
  if not found then
    return usage(("'%s' has no root %s"):format(path, wanted),
      "see: iflow trust list --trust " .. path)
  elseif #store == 1 then
    return usage("it is the last root of the store, which would trust nobody then",
      "add the one that follows it first, or delete the file " .. path)
  end
  local removed = table.remove(store, found)
  local ok
  ok, err = write(path, store)
  if not ok then return nil, err end
  return removed
end

return trust
