--- GET /token_keys: the public keys that prove tokens, where the jku of a token points to.
local core = require "iflow.core"
local web = require "iflow.sandbox.web"

return function(tenant)
  local signer = assert(tenant.authority:signer())
  local numbers = signer.key:jwk()
  return web.json(200, { keys = core.json.array {
    { kty = "RSA", use = "sig", alg = "RS256", kid = signer.kid, value = signer.public_pem,
      n = numbers.n, e = numbers.e },
  } })
end
