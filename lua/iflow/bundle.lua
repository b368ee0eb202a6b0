--- What somebody who is to help needs to know, as one zip archive, and no secret of it: the bundle
-- of iflow check. Internal; for lua/iflow/cli/bundle.lua.
--
--   local files = bundle.files { report = …, options = …, … }   -- { { name, about, data } … }
--   local bytes, err = bundle.pack(files)
--
-- Known of the run, all but the report optional:
--   report    of tenant:check, as JSON shows it
--   options   of the tenant, as of iflow.tenant; sender: further ones of a sender of a script
--   key       the iflow.service_key; token: a secret; api: service key of plan api, or options
--   variables { IFLOW_NAME = true }: those whose values may be shown
--   outbox    an open one; or outbox_error, why there is none
--   log       path of a log file; script: path of a script
--
-- Each part is chosen field by field so that it has no secret; then every text goes through a
-- filter that knows the secrets of the run (bundle/scrub.lua), for those that somebody wrote where
-- they do not belong.

local core = require "iflow.core"
local credentials = require "iflow.bundle.credentials"
local machine = require "iflow.bundle.machine"
local new_scrub = require "iflow.bundle.scrub"
local outbox = require "iflow.bundle.outbox"
local source = require "iflow.source"

local json = core.json

local bundle = {}

local PART_MAX = 240 * 1024 -- bytes; src/codec/zip.h has a limit, too
local FILE_MAX = 1024 * 1024

-- Secrets of the run ----------------------------------------------------------------------------

local function add_file(scrub, path)
  if type(path) ~= "string" or path:find "^command:" then return end
  local resolved = source.resolve(path)
  if type(resolved) == "string" then scrub:add((core.file.read(resolved, FILE_MAX))) end
end

local function add_pass_file(scrub, path)
  if type(path) == "string" and not path:find "^command:" then
    scrub:add((source.secret(path)))
  end
end

-- Id and secret as a header and a form have them need no more: the secret is found inside.
local function add_key(scrub, key)
  if not key then return end
  scrub:add((key:secret()))
  scrub:add((key:private_key_pem()))
end

-- Of a service key that is damaged what looks like its secret.
local function add_key_file(scrub, path)
  if type(path) ~= "string" or path:find "^command:" then return end
  local resolved = source.resolve(path)
  local text = type(resolved) == "string" and core.file.read(resolved, FILE_MAX)
  if not text then return end
  local key = core.service_key.parse(text)
  if key then return add_key(scrub, key) end
  for name, value in text:gmatch '"([%a_]+)"%s*:%s*"([^"]+)' do
    if name == "clientsecret" or name == "key" then scrub:add((value:gsub("\\n", "\n"))) end
  end
end

local function add_options(scrub, options)
  add_pass_file(scrub, options.pass_file)
  add_file(scrub, options.key)
  add_file(scrub, options.cert)
  scrub:add(options.passphrase)
  scrub:add(options.proxy_userpwd)
  local user, password = tostring(options.proxy or ""):match "^%a[%w+.-]*://([^:/@]*):?([^/@]*)@"
  if user then scrub:add(password ~= "" and password or user) end
  add_key_file(scrub, options.service_key)
end

-- { name = value | { v1, v2 } }; a function's values are made for each message.
local function add_headers(scrub, headers)
  for _, value in pairs(type(headers) == "table" and headers or {}) do
    for _, one in pairs(type(value) == "table" and value or { value }) do
      if type(one) == "string" then scrub:add(one) end
    end
  end
end

local function secrets_of(known)
  local scrub, options = new_scrub(), known.options or {}
  add_key(scrub, known.key)
  scrub:add(known.token)
  add_options(scrub, options)
  if type(options.next) == "table" then add_options(scrub, options.next) end
  for _, value in pairs { options.api, known.api } do
    add_options(scrub, type(value) == "table" and value or { service_key = value })
  end
  add_headers(scrub, known.sender and known.sender.headers)
  return scrub
end

-- Parts -----------------------------------------------------------------------------------------

-- The end of a text file, from the start of a line on.
local function tail_of(path, size)
  local file <close>, why = io.open(path, "rb")
  if not file then return nil, why end
  local length = file:seek "end" or 0
  file:seek("set", math.max(0, length - size))
  local text = file:read "a" or ""
  return length > size and text:gsub("^[^\n]*\n", "", 1) or text
end

local function encoded(value)
  return assert(json.encode(value, { pretty = true, sort = true })) .. "\n"
end

-- What each file says: a text, or a table that is written as JSON.
local parts = {
  { name = "report.json", about = "what iflow check found, step by step",
    data = function(known) return known.report end },
  { name = "platform.json", about = "versions of iflow, of its libraries and of the system",
    data = function() return machine.platform() end },
  { name = "environment.txt", about = "variables that iflow and its libraries look at; values of "
    .. "those that name files, addresses and the like",
    data = function(known) return machine.environment(known.variables or {}) end },
  { name = "configuration.json", about = "options of the command, or of the sender of the script; "
    .. "of headers the names", data = function(known)
      return { tenant = credentials.options(known.options or {}),
        sender = known.sender and credentials.options(known.sender) }
    end },
  { name = "service-key.json", about = "the service key: ids, addresses and dates; of the secret, "
    .. "the private key and everything else only the size",
    data = function(known)
      local value = known.options and known.options.service_key
      return value and credentials.service_key(value)
    end },
  { name = "certificates.json", about = "the client certificates: their public part",
    data = function(known)
      return credentials.certificates(known.key, known.options or {})
    end },
  { name = "trust.json", about = "the roots that are trusted",
    data = function(known) return credentials.trust(known.options or {}) end },
  { name = "outbox.json", about = "messages by sender and state, and the last failures: ids, codes "
    .. "and errors, without bodies, headers and keys",
    data = function(known)
      if known.outbox_error then return { problem = known.outbox_error.message } end
      if not known.outbox then return nil end
      local ok, value = pcall(outbox.state, known.outbox)
      return ok and value or { problem = tostring(value) }
    end },
  { name = "log.txt", about = "the end of the log file",
    data = function(known)
      if not known.log then return nil end
      local text, why = tail_of(known.log, PART_MAX - 4096)
      return text or "it cannot be read: " .. why
    end },
  { name = "script.lua", about = "the script, since --with-script asked for it",
    data = function(known)
      if not known.script then return nil end
      local text, err = core.file.read(known.script, FILE_MAX)
      return text or "-- it cannot be read: " .. err.message
    end },
}

-- JSON that is cut is none.
local function limited(part, text)
  if #text <= PART_MAX then return text end
  if part.name:find "%.json$" then
    return encoded { problem = ("it has %d bytes, which is too much"):format(#text) }
  end
  return text:sub(1, PART_MAX)
end

local function readme(files)
  local lines = { "Support bundle of iflow " .. core.version, "",
    ("Made on %s by: iflow check --bundle"):format(os.date "!%Y-%m-%d %H:%M:%S UTC"), "" }
  for _, file in ipairs(files) do
    lines[#lines + 1] = ("%-20s %s"):format(file.name, file.about)
  end
  table.move({ "",
    "No client secret, private key, passphrase, token or password is in it, and no body of a",
    "message. Where one of those stood in a text there is ***. It does have names: of hosts,",
    "files, senders, clients, and ids of messages. Look through it before you pass it on.", "" },
    1, 5, #lines + 1, lines)
  return table.concat(lines, "\n")
end

--- The files of the bundle: { { name =, about =, data = } … }, README.txt first.
function bundle.files(known)
  local scrub, files = secrets_of(known), {}
  for _, part in ipairs(parts) do
    local value = scrub(part.data(known))
    if value then
      local text = type(value) == "table" and encoded(value) or value
      files[#files + 1] = { name = part.name, about = part.about, data = limited(part, text) }
    end
  end
  table.insert(files, 1, { name = "README.txt", about = "what is in here", data = readme(files) })
  return files
end

--- The bytes of the archive, or nil, err (limit.exceeded).
function bundle.pack(files)
  local entries = {}
  for i, file in ipairs(files) do entries[i] = { name = file.name, data = file.data } end
  return core.cert.zip(entries)
end

return bundle
