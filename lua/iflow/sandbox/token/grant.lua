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

-- The order of the UAA: scope, then grant type.
local function check_request(tenant, client, parameters, owned)
  local scopes, foreign = claims.narrow(owned, parameters.scope or "")
  if not scopes then return nil, refusal.invalid_scope(foreign) end
  local grant = parameters.grant_type
  if not grant or grant == "" then return nil, refusal.missing_grant() end
  if not GRANT_TYPES[grant] then return nil, refusal.unsupported_grant() end
  if grant ~= "client_credentials" or not broker.grants(client.instance, grant) then
    return nil, refusal.unauthorized_grant(tenant)
  end
  return scopes
end

-- authorities = {"az_attr":{"name":"value"}} asks for attributes in the token. nil when it is none.
local function attributes(parameters)
  if not parameters.authorities then return {} end
  local given = core.json.decode(parameters.authorities)
  local wanted = type(given) == "table" and given.az_attr
  return type(wanted) == "table" and wanted or nil
end

local function binding(tenant, leaf)
  if not leaf or tenant.settings.token_binding == "none" then return nil end
  local digest = leaf.sha256:gsub("%x%x", function(hex) return string.char(tonumber(hex, 16)) end)
  return core.crypto.base64url(digest)
end

-- A fault may make it short.
local function validity_of(request, instance)
  return request.token_validity or instance.token_validity
end

local function claims_for(tenant, request, client, scopes, jti)
  local key, instance = client.key, client.instance
  return claims.new {
    client_id = key.client_id, xsappname = broker.XSAPPNAMES[instance.plan], scopes = scopes,
    validity = validity_of(request, instance), jti = jti,
    now = tenant.now() + (request.clock_skew or 0),
    rev_sig = core.crypto.sha256(key.client_id .. (key.client_secret or key.sha256)):sub(1, 8),
    issuer = tenant.addresses:url("token") .. "/oauth/token", subdomain = addresses.SUBDOMAIN,
    subaccount_id = tenant.state.data.subaccount_id, instance_guid = instance.guid,
  }
end

-- An opaque token is a word that only the token server understands; the runtime, which validates
-- offline, does not.
local function issue(tenant, request, client, scopes, parameters, leaf)
  local jti = core.crypto.uuid():gsub("%-", "")
  local access = jti
  if parameters.token_format ~= "opaque" then
    local content = claims_for(tenant, request, client, scopes, jti)
    local wanted = attributes(parameters)
    if not wanted then return nil, refusal.bad_request("authorities is no JSON with az_attr") end
    if next(wanted) then content.az_attr = wanted end
    local x5t = binding(tenant, leaf)
    if x5t then content.cnf = { ["x5t#S256"] = x5t } end
    access = jwt.sign(assert(tenant.signers:current()),
                      tenant.addresses:url("token") .. "/token_keys", content)
  end
  return { access_token = access, token_type = "bearer",
           expires_in = math.max(1, validity_of(request, client.instance) - 1),
           scope = table.concat(scopes, " "), jti = jti }
end

-- The rule of an answer: the refusal's own words, for who asked.
local function refuse(answer, client)
  if answer.abort or answer.rule then return answer end
  local text = (core.json.decode(answer.body) or {}).error_description or "refused"
  if not client then return web.because(answer, "request: %s", text) end
  return web.because(answer, "request: %s (key '%s' of instance '%s')", text, client.key.name,
                     client.instance.name)
end

return function(tenant, request)
  tenant.counters.token_requests = tenant.counters.token_requests + 1
  local parameters, refused = read_parameters(request)
  if not parameters then return refuse(refused) end
  local client, leaf = client_auth(tenant, request, parameters)
  if not client then return leaf end -- the refusal
  request.caller = { client_id = client.key.client_id }
  local owned = claims.scopes(broker.XSAPPNAMES[client.instance.plan],
                              tenant.role_cache:of(client.instance))
  local scopes, token
  scopes, refused = check_request(tenant, client, parameters, owned)
  if not scopes then return refuse(refused, client) end
  token, refused = issue(tenant, request, client, scopes, parameters, leaf)
  if not token then return refuse(refused, client) end
  tenant.counters.tokens_issued = tenant.counters.tokens_issued + 1
  return web.because(
    web.json(200, token, { ["Cache-Control"] = "no-store", ["Pragma"] = "no-cache" }),
    "token: issued to key '%s' of instance '%s' with %s for %d s", client.key.name,
    client.instance.name, web.names(scopes), token.expires_in)
end
