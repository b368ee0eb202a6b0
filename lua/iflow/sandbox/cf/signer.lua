--- The key that signs the tokens of the platform's users. It is not the one of the tenant's token
--- server: a token of the one is nothing to the other. Made when the first user logs on.
local core = require "iflow.core"
local keys = require "iflow.sandbox.keys"
local semaphore = require "iflow.semaphore"

local signer = {}
signer.__index = signer

--- dir: where the key is kept.
function signer.new(dir)
  return setmetatable({ path = dir .. "/cf-signing.key", turn = semaphore(1) }, signer)
end

local function make(path)
  local key, err = keys.rsa(path:match "^(.*)/", 2048)
  if not key then return nil, err end
  local ok
  ok, err = core.file.write(path, key:private_pem(), "0600")
  if not ok then return nil, err end
  return key
end

local function read(path)
  if not core.file.stat(path) then return make(path) end
  local text, err = core.file.read(path)
  if not text then return nil, err end
  return core.authority.keypair_from_pem(text)
end

--- { key, kid, public_pem }. Waits the first time. Raises when it cannot be had.
function signer:current()
  local _ <close> = assert(self.turn:acquire())
  if not self.one then
    local key = assert(read(self.path))
    local public_pem = key:public_pem()
    self.one = { key = key, public_pem = public_pem,
                 kid = "sandbox-uaa-" .. core.crypto.sha256(public_pem):sub(1, 10) }
  end
  return self.one
end

--- As signers:find in token/jwt.lua.
function signer:find(kid)
  local one = self:current()
  return one.kid == kid and one or nil
end

return signer
