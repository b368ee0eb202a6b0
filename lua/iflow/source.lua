--- Where a credential comes from. The options that name a file with a credential (service_key,
-- cert, key, pass_file) take these as well:
--
--   "credential:NAME"                  what systemd hands to the service: the unit says
--                                      LoadCredential=NAME:PATH
--   "env:NAME"                         the file that the variable names, never the value itself
--   "command:vault read -field=key x"  what the command prints, run by /bin/sh
--   { command = { "vault", "read" } }  the same without a shell
--
-- A command ends within 30 s with exit code 0. Its text is PEM for cert and key, the JSON of the
-- service key, or a line with the passphrase. It is asked again whenever the tenant is opened.
-- Internal; lua/iflow/tenant.lua opens with it.

local core = require "iflow.core"
local errors = require "iflow.error"

local source = {}

local function usage(message, hint)
  return nil, errors { code = "usage.invalid", message = message, hint = hint }
end

local kinds = {}

-- systemd's exec(5): the directory is only there when the unit loads a credential.
function kinds.credential(name)
  local directory = os.getenv "CREDENTIALS_DIRECTORY"
  if name == "" or name:find("/", 1, true) then
    return usage(("'credential:%s' names no credential"):format(name))
  elseif not directory or directory == "" then
    return usage(("'credential:%s': there is no CREDENTIALS_DIRECTORY"):format(name),
      ("add LoadCredential=%s:PATH to the systemd unit"):format(name))
  end
  return directory .. "/" .. name
end

-- A value that names no file is not shown: somebody may have put the secret itself there.
function kinds.env(name)
  local path = os.getenv(name)
  if not path or path == "" then
    return usage(("'env:%s': the variable is not set"):format(name),
      "set it to the path of the file")
  elseif core.file.stat(path) then
    return path
  end
  return nil, errors { code = "file.not_found",
    message = ("'env:%s': what the variable says is not the path of a file"):format(name),
    hint = "write the secret into a file, and set the variable to its path" }
end

local function run(words)
  local secret, err = core.process.output(words)
  if secret then return nil, nil, secret end
  return nil, err
end

function kinds.command(line) return run { "/bin/sh", "-c", line } end

local function split(value)
  local kind, rest = value:match "^(%a+):(.*)$"
  return kind and kinds[kind], rest
end

--- Whether a word names one of these sources instead of a file.
function source.is_named(word) return split(word) ~= nil end

--- Whether it is a command whose words stand in a table.
function source.is_command(value)
  return type(value) == "table" and getmetatable(value) == nil and value.command ~= nil
end

--- Where it leads: a path; or nil, nil and the secret that a command printed; or nil, err. A value
-- that is none of the above is its own path. Waits when it is a command.
function source.resolve(value)
  if source.is_command(value) then
    if type(value.command) ~= "table" or type(value.command[1]) ~= "string" then
      return usage("command is a list of words: { command = { \"program\", \"argument\" } }")
    end
    return run(value.command)
  end
  local kind, rest = split(value)
  if kind then return kind(rest) end
  return value
end

--- The first line of what it leads to, as a secret, or nil, err.
function source.secret(value)
  local path, err, secret = source.resolve(value)
  if path then return core.secret.file(path) end
  if not secret then return nil, err end
  local line = secret:reveal():match "^[^\r\n]+"
  if line then return core.secret.new(line) end
  return usage "the first line that the command prints is empty, a secret was expected there"
end

return source
