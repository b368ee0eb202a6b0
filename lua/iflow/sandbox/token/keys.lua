--- GET /token_keys: the public keys that prove tokens, where the jku of a token points to.
local core = require "iflow.core"
local web = require "iflow.sandbox.web"

return function(tenant)
  local keys = core.json.array {}
  for i, signer in ipairs(tenant.signers:list()) do
    keys[i] = { kty = "RSA", use = "sig", alg = "RS256", kid = signer.kid,
                value = signer.public_pem, n = signer.n, e = signer.e }
  end
  return web.json(200, { keys = keys })
end
