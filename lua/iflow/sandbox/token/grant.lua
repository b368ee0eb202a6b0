--- POST /oauth/token: who asks, for what, and the token (sap-reference 4.1, 4.2).
local core = require "iflow.core"
local addresses = require "iflow.sandbox.addresses"
local broker = require "iflow.sandbox.broker"
local claims = require "iflow.sandbox.token.claims"
local client_auth = require "iflow.sandbox.token.client_auth"
local jwt = require "iflow.sandbox.token.jwt"
local refusal = require "iflow.sandbox.token.refusal"
local web = require "iflow.sandbox.web"

-- Those the UAA knows; the sandbox issues tokens for client credentials alone.
local GRANT_TYPES = require "iflow.sandbox.broker.parameters".GRANT_TYPES
local BODY_MAX = 1024 * 1024

-- The fields of the body over those of the query; nil and an answer when they cannot be read.
local function read_parameters(request)
  local parameters = web.form(request.query)
  if not parameters then return nil, refusal.bad_request("Malformed query") end
  if request.method ~= "POST" or not web.is_form(request.headers) then return parameters end
  local body, err = request.read_body(BODY_MAX)
  if not body then
    if err.code ~= "limit.exceeded" then return nil, { abort = true } end
    return nil, refusal.bad_request("Request body is too large")
  end
  local fields = web.form(body)
  if not fields then return nil, refusal.bad_request("Malformed form") end
  for name, value in pairs(fields) do parameters[name] = value end
  return parameters
end

local function allowed(instance, grant)
  for _, name in ipairs(instance.grant_types) do
    if name == grant then return true end
  end
  return false
end

-- The order of the UAA: scope, then grant type.
local function check_request(client, parameters, owned)
  local scopes, foreign = claims.narrow(owned, parameters.scope or "")
  if not scopes then return nil, refusal.invalid_scope(foreign) end
  local grant = parameters.grant_type
  if not grant or grant == "" then return nil, refusal.missing_grant() end
  if not GRANT_TYPES[grant] then return nil, refusal.unsupported_grant() end
  if grant ~= "client_credentials" or not allowed(client.instance, grant) then
    return nil, refusal.unauthorized_grant()
  end
  return scopes
end

local function issue(tenant, client, scopes)
  local key, instance = client.key, client.instance
  local base = tenant.addresses:url("token")
  local jti = core.crypto.uuid():gsub("%-", "")
  local access = jwt.sign(assert(tenant.authority:signer()), base .. "/token_keys", claims.new {
    client_id = key.client_id, xsappname = broker.XSAPPNAMES[instance.plan], scopes = scopes,
    validity = instance.token_validity, now = tenant.now(), jti = jti,
    rev_sig = core.crypto.sha256(key.client_id .. (key.client_secret or key.sha256)):sub(1, 8),
    issuer = base .. "/oauth/token", subdomain = addresses.SUBDOMAIN,
    subaccount_id = tenant.state.data.subaccount_id, instance_guid = instance.guid,
  })
  return { access_token = access, token_type = "bearer", expires_in = instance.token_validity - 1,
           scope = table.concat(scopes, " "), jti = jti }
end

return function(tenant, request)
  tenant.counters.token_requests = tenant.counters.token_requests + 1
  local parameters, refused = read_parameters(request)
  if not parameters then return refused end
  local client
  client, refused = client_auth(tenant, request, parameters)
  if not client then return refused end
  local owned = claims.scopes(broker.XSAPPNAMES[client.instance.plan], client.instance.roles)
  local scopes
  scopes, refused = check_request(client, parameters, owned)
  if not scopes then return refused end
  tenant.counters.tokens_issued = tenant.counters.tokens_issued + 1
  return web.json(200, issue(tenant, client, scopes),
                  { ["Cache-Control"] = "no-store", ["Pragma"] = "no-cache" })
end
