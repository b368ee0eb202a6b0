--- RSA keys of a sandbox. Making one takes up to a second of a processor; who starts many
--- sandboxes, as a test suite does, names a directory for keys in IFLOW_SANDBOX_KEYS: those in it
--- are taken, and what is missing is made and kept there. The keys of one sandbox differ from each
--- other, those of two sandboxes then do not.
local core = require "iflow.core"

local keys = {}

-- How many keys a sandbox has taken stands in its directory, since a restart goes on with the next.
-- Nothing here waits: of two that take a key at once each gets a number of its own.
local function next_number(dir)
  local path = dir .. "/keys-taken"
  local file = io.open(path)
  local number = (file and file:read "n" or 0) + 1
  if file then file:close() end
  file = assert(io.open(path, "w"))
  file:write(number)
  file:close()
  return number
end

-- The file appears at once and whole (core.file.write replaces): several processes may share it.
local function kept(path, make)
  if not core.file.stat(path) then
    local key, err = make()
    if not key then return nil, err end
    local ok
    ok, err = core.file.mkdir(path:match "^(.*)/", "0700")
    if ok then ok, err = core.file.write(path, key:private_pem(), "0600") end
    if not ok then return nil, err end
    return key
  end
  local text, err = core.file.read(path)
  if not text then return nil, err end
  return core.authority.keypair_from_pem(text)
end

--- A key pair (core.authority) of so many bits for the sandbox whose DIR/authority that is; or nil,
--- err. Waits where it has to be made.
function keys.rsa(dir, bits)
  local function make() return core.authority.keypair { type = "rsa", bits = bits } end
  local pool = os.getenv "IFLOW_SANDBOX_KEYS"
  if not pool or pool == "" then return make() end
  return kept(("%s/rsa-%d-%d.pem"):format(pool, bits, next_number(dir)), make)
end

return keys
