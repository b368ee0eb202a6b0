--- The two lists of authorities that decide what SAP accepts of a client certificate.
--
--   local roots = require "iflow.roots"
--   local lists, err = roots.load { load_balancer = FILE, token_server = FILE }
--   local row = lists.load_balancer:find(certificate)      -- by fingerprint, never by name
--
-- lists.load_balancer   the roots that SAP approves: who logs on to the runtime with a certificate
-- lists.token_server    the authorities of certificates that are given to SAP from outside
--
-- Without a file the list is the built-in one (lua/iflow/roots/*.lua). A file is JSON: a list
-- { name, source, version, date, roots = { row… } }, or both, as `iflow cert roots --json` writes
-- them. A row: { subject, serial, key, not_after = "2038-01-15", sha256, sha1, required, removed,
-- issuer_sha256 }: sha256 and sha1 are fingerprints of the whole certificate. Of one without sha256
-- it is not published; then sha1 counts, or its issuer, which stands in the list.
local core = require "iflow.core"
local errors = require "iflow.error"

local FILE_MAX = 1024 * 1024 -- bytes
local ROWS_MAX = 4096

local roots = {}
local names = { "load_balancer", "token_server" }
local list = {}
list.__index = list

-- Lists ------------------------------------------------------------------------------------------

local function fingerprint(text) return (text:gsub("[:%s]", ""):upper()) end

--- The row of a certificate (a table with sha256, and sha1 if it is known; or sha256 in hex, colons
-- or not), also a removed one; nil when the list has none.
function list:find(certificate)
  if type(certificate) == "string" then certificate = { sha256 = certificate } end
  local row = self.by_sha256[fingerprint(certificate.sha256)]
  if row or not certificate.sha1 then return row end
  row = self.by_sha1[fingerprint(certificate.sha1)]
  return row and not row.sha256 and row or nil
end

local function common_name(subject) return (subject:match "CN=([^,]+)") end

--- The rows with this common name in a subject: whom to compare fingerprints with. A name proves
-- nothing.
function list:named(subject)
  local found, name = {}, common_name(subject)
  for _, row in ipairs(self.roots) do
    if name and common_name(row.subject) == name then found[#found + 1] = row end
  end
  return found
end

local function index(document)
  local self = setmetatable({ name = document.name, source = document.source,
    version = document.version, date = document.date, roots = document.roots, by_sha256 = {},
    by_sha1 = {} }, list)
  for _, row in ipairs(document.roots) do
    if row.sha256 then self.by_sha256[fingerprint(row.sha256)] = row end
    if row.sha1 then self.by_sha1[fingerprint(row.sha1)] = row end
  end
  return self
end

-- Files ------------------------------------------------------------------------------------------

local function fail(path, message)
  return nil, errors { code = "cert.invalid", message = ("'%s': %s"):format(path, message),
    hint = "a list of roots has the form that iflow cert roots --json writes" }
end

local function is_hex(text, digits)
  return type(text) == "string" and fingerprint(text):find("^%x+$") ~= nil
    and #fingerprint(text) == digits
end

local texts = { "subject", "serial", "key", "not_after" }

-- What is wrong with a row of a file, or nil.
local function fault(row)
  if type(row) ~= "table" or type(row.subject) ~= "string" then return "it has no subject" end
  for _, field in ipairs(texts) do
    if row[field] ~= nil and type(row[field]) ~= "string" then return field .. " is no text" end
  end
  if row.sha256 ~= nil and not is_hex(row.sha256, 64) then return "sha256 is not 64 hex digits" end
  if row.sha1 ~= nil and not is_hex(row.sha1, 40) then return "sha1 is not 40 hex digits" end
  if row.issuer_sha256 ~= nil and not is_hex(row.issuer_sha256, 64) then
    return "issuer_sha256 is not 64 hex digits"
  end
  if not (row.sha256 or row.sha1 or row.issuer_sha256) then return "it has no fingerprint" end
end

local function check(path, document)
  if type(document) ~= "table" or type(document.roots) ~= "table" then
    return fail(path, "there is no list 'roots' in it")
  elseif #document.roots == 0 or #document.roots > ROWS_MAX then
    return fail(path, ("%d roots in it, 1 to %d are possible"):format(#document.roots, ROWS_MAX))
  end
  for i, row in ipairs(document.roots) do
    local what = fault(row)
    if what then return fail(path, ("root %d: %s"):format(i, what)) end
  end
  return document
end

local function read(path, name)
  local text, err = core.file.read(path, FILE_MAX)
  if not text then return nil, err end
  local document
  document, err = core.json.decode(text)
  if not document then return fail(path, err.message) end
  local part = type(document) == "table" and document[name]
  return check(path, part or document)
end

--- The two lists as { load_balancer =, token_server = }, each with find, named, roots (the rows in
-- order), name, source, version and date; or nil, err (file.*, cert.invalid).
function roots.load(files)
  local lists = {}
  for _, name in ipairs(names) do
    local path = (files or {})[name]
    if path then
      local document, err = read(path, name)
      if not document then return nil, err end
      lists[name] = index(document)
    else
      lists[name] = index(require("iflow.roots." .. name))
    end
  end
  return lists
end

return roots
