-- token.lua -- iflow token: gets an access token and prints it, and nothing else, on standard
-- output, for curl and the like: curl -H "Authorization: Bearer $(iflow token)" …
local tenants = require "iflow.cli.tenant"
local with_doctor = require "iflow.cli.doctor_hint"

local function run(args, out)
  local tenant, err = tenants.open(args, out)
  if not tenant then return nil, err end
  local token
  token, err = tenant:token { refresh = args.refresh }
  tenant:close()
  if not token then return nil, with_doctor(err) end
  out:result(function() out:print(token.access:reveal()) end, {
    access_token = out.json_mode and token.access:reveal() or nil, token_type = "Bearer",
    expires_at = token.expires_at, client_id = token.client_id,
    roles = require "iflow.core".json.array(token.roles or {}),
  })
  return 0
end

return {
  name = "token",
  summary = "print an access token",
  description = "Gets an access token with the service key (client secret, certificate or external "
    .. "certificate) and prints it alone on standard output. With --json: access_token, "
    .. "expires_at (seconds since 1970), roles and client_id.",
  options = tenants.with {
    { "--refresh", flag = true, help = "fetch a new one even if a cached one is still good" },
  },
  run = run,
}
