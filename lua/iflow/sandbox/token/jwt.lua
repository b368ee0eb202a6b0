--- JSON Web Tokens as the token server makes them: RS256, signed by the key named in kid.
local core = require "iflow.core"

local jwt = {}

local TOKEN_MAX = 64 * 1024

local function part(value) return core.crypto.base64url(assert(core.json.encode(value))) end

--- signer: { key, kid }; jku: where its public key is published.
function jwt.sign(signer, jku, claims)
  local head = part { alg = "RS256", typ = "JWT", kid = signer.kid, jku = jku }
  local signed = head .. "." .. part(claims)
  return signed .. "." .. core.authority.sign(signer.key, signed)
end

local function read(text)
  local bytes = core.crypto.unbase64(text)
  local value = bytes and core.json.decode(bytes)
  return type(value) == "table" and value or nil
end

--- The claims of a token that one of the signers signed, and its key id; nil when none did, or the
--- text is no token.
function jwt.verify(signers, text)
  if #text > TOKEN_MAX then return nil end
  local signed, signature = text:match("^([%w_-]+%.[%w_-]+)%.([%w_-]+)$")
  if not signed then return nil end
  local head = read(signed:match("^[^.]+"))
  local signer = head and head.alg == "RS256" and signers:find(head.kid)
  if not signer then return nil end
  if not core.authority.verify(signer.key or signer.public_pem, signed, signature) then
    return nil
  end
  return read(signed:match("[^.]+$")), signer.kid
end

return jwt
