--- The credential is refused: by the token servers as a wrong secret, behind them as a token that
--- nobody issued.
local failure = require "iflow.sandbox.cf.failure"
local refusal = require "iflow.sandbox.token.refusal"
local web = require "iflow.sandbox.web"

return {
  help = "the credential is refused: Bad credentials, or invalid_token",
  serve = function(_, tenant, request)
    if request.kind == "token" or request.kind == "token_cert" then
      return refusal.bad_credentials(tenant)
    end
    if request.kind == "cf" then return failure.answer "InvalidAuthToken" end
    return web.json(401, { error = "invalid_token", error_description = "The token is refused" },
                    { ["WWW-Authenticate"] = 'Bearer error="invalid_token"' })
  end,
}
