--- GET /.well-known/openid-configuration: where things are, and that certificates have a host of
--- their own (sap-reference 3.9).
local core = require "iflow.core"
local web = require "iflow.sandbox.web"

return function(tenant)
  local plain, certificate = tenant.addresses:url("token"), tenant.addresses:url("token_cert")
  local list = core.json.array
  return web.json(200, {
    issuer = plain .. "/oauth/token",
    token_endpoint = plain .. "/oauth/token",
    jwks_uri = plain .. "/token_keys",
    token_endpoint_auth_methods_supported = list { "client_secret_basic", "client_secret_post",
                                                   "tls_client_auth" },
    token_endpoint_auth_signing_alg_values_supported = list { "RS256" },
    grant_types_supported = list { "client_credentials" },
    id_token_signing_alg_values_supported = list { "RS256" },
    response_types_supported = list { "token" },
    subject_types_supported = list { "public" },
    mtls_endpoint_aliases = { token_endpoint = certificate .. "/oauth/token" },
  })
end
