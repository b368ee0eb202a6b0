--- A directory for what must not stand in a command: client secret, private key, passphrase, and
-- bodies. Its owner alone may look into it (mode 0700, files 0600). Internal; for `iflow curl`.
--
--   local secrets = assert(new_secrets("iflow-curl", force))
--   local path, err = secrets:write("token.conf", text)

local core = require "iflow.core"
local errors = require "iflow.error"

local secrets = {}
secrets.__index = secrets

--- The name of a file in it.
function secrets:path(name) return self.dir .. "/" .. name end

--- Writes a file; its path, or nil, err.
function secrets:write(name, text)
  local path = self:path(name)
  local ok, err = core.file.write(path, text, "0600")
  if not ok then return nil, err end
  return path
end

--- Writes what an iterator gives, piece by piece; its path, or nil, err.
function secrets:write_pieces(name, pieces)
  local path, err = self:write(name, "")
  if not path then return nil, err end
  local file, why = io.open(path, "wb")
  if not file then return nil, errors { code = "file.io", message = why } end
  for piece in pieces do
    local ok
    ok, why = file:write(piece)
    if not ok then break end
    why = nil
  end
  local closed, failure = file:close()
  if closed and not why then return path end
  return nil, errors { code = "file.io", message = ("%s: %s"):format(path, why or failure) }
end

local function open_to_others(stat) return stat.mode:sub(-2) ~= "00" end

--- force: files of an earlier time are replaced. nil, err when the directory cannot be made, is not
-- empty, or is open to others.
return function(dir, force)
  local stat = core.file.stat(dir)
  if stat and stat.kind == "directory" then
    if open_to_others(stat) then
      return nil, errors { code = "usage.invalid",
        message = ("'%s' is open to others, and secrets are to be kept in it"):format(dir),
        hint = ("chmod 700 %s, or name another directory with --secrets"):format(dir) }
    elseif not force and #(core.file.list(dir) or {}) > 0 then
      return nil, errors { code = "file.exists", message = ("'%s' is not empty"):format(dir),
        hint = "name another directory with --secrets, or --force to replace what is in it" }
    end
  end
  local ok, err = core.file.mkdir(dir, "0700")
  if not ok then return nil, err end
  return setmetatable({ dir = dir }, secrets)
end
