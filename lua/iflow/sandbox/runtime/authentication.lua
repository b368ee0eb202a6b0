--- Step 1: who calls. A token, Basic with client id and secret, or a certificate that the balancer
--- passed on and that is in a key. Sets request.caller = { client_id, roles (a set), by }.
local broker = require "iflow.sandbox.broker"
local certificates = require "iflow.sandbox.certificates"
local claims = require "iflow.sandbox.token.claims"
local core = require "iflow.core"
local jwt = require "iflow.sandbox.token.jwt"
local web = require "iflow.sandbox.web"

local PLAN = "integration-flow" -- the other plan's credentials open the API host, not this one
local VERIFIED_MAX = 256        -- tokens remembered as verified, so that RSA runs once for each

local NOT_CONFIGURED = "Either the client certificate is not configured exactly once in a service "
  .. "key of a Process Integration Runtime service instance or client-certificate authentication "
  .. "was not enabled for your tenant."

local function set(list)
  local out = {}
  for _, name in ipairs(list) do out[name] = true end
  return out
end

local function of_key(tenant, owner, by)
  return { client_id = owner.key.client_id, roles = set(tenant.role_cache:of(owner.instance)),
           by = by }
end

local function xml(exception, code, description)
  return ("<%s><error>%s</error><error_description>%s</error_description></%s>"):format(
    exception, code, description, exception)
end

-- Both forms of an error: XML, or JSON for those who ask for it.
local function unauthorized(request, exception, code, description)
  if web.wants_json(request.headers) then
    return web.json(401, { error = code, error_description = description })
  end
  return web.text(401, xml(exception, code, description), { ["Content-Type"] = "application/xml" })
end

local function invalid_token()
  local text = "The token is expired, was not issued for this runtime, or its key is gone"
  return web.json(401, { error = "invalid_token", error_description = text },
                  { ["WWW-Authenticate"] = 'Bearer error="invalid_token"' })
end

-- Claims of a token with a good signature. The last ones are remembered, for as long as their key
-- is good.
local function verified(tenant, token)
  local memory = tenant.verified
  if not memory or memory.count >= VERIFIED_MAX then
    memory = { count = 0, tokens = {} }
    tenant.verified = memory
  end
  local known = memory.tokens[token]
  if not known then
    local content, kid = jwt.verify(tenant.signers, token)
    if not content then return nil end
    known = { claims = content, kid = kid }
    memory.tokens[token], memory.count = known, memory.count + 1
  end
  return tenant.signers:find(known.kid) and known.claims
end

-- Whether a token that names a certificate came with it, if the runtime cares.
local function binding_fits(tenant, request, token_claims)
  local wanted = (token_claims.cnf or {})["x5t#S256"]
  if not wanted or tenant.settings.token_binding ~= "enforced" then return true end
  local leaf = request.certificate
  local digest = leaf and leaf.sha256:gsub("%x%x", function(hex)
    return string.char(tonumber(hex, 16))
  end)
  return leaf ~= nil and core.crypto.base64url(digest) == wanted
end

local function audience_fits(token_claims)
  for _, audience in ipairs(token_claims.aud or {}) do
    if audience == broker.XSAPPNAMES[PLAN] then return true end
  end
  return false
end

local function by_token(tenant, request, token)
  local c = verified(tenant, token)
  if not c or c.zid ~= tenant.state.data.subaccount_id or not audience_fits(c)
    or tenant.now() > c.exp + tenant.settings.clock_leeway
    or not binding_fits(tenant, request, c) then
    return invalid_token()
  end
  request.caller = { client_id = c.client_id, by = "token",
                     roles = claims.roles(broker.XSAPPNAMES[PLAN], c.scope) }
end

local function by_basic(tenant, request, credentials)
  local id, secret = web.basic(credentials)
  local owner = id and (tenant.broker:client(id)
    or tenant.broker:client(web.unescape(id, true) or ""))
  if owner and owner.instance.plan == PLAN and broker.has_secret(owner.key, secret) then
    request.caller = of_key(tenant, owner, "basic")
    return
  end
  return unauthorized(request, "UnauthorizedUserException", "unauthorized_user", "Bad credentials")
end

local function by_certificate(tenant, request)
  local owner, reason
  if not tenant.settings.trial then
    owner, reason = certificates.owner(tenant, PLAN, request.certificate)
  end
  if owner then
    request.caller = of_key(tenant, owner, "certificate")
    return
  end
  core.log.write("debug", "sandbox", "a certificate is refused: " .. (reason or "a trial tenant"))
  return unauthorized(request, "InvalidClientException", "invalid_client", NOT_CONFIGURED)
end

return function(tenant, request)
  local scheme, credentials = web.authorization(request.headers.authorization)
  if scheme == "bearer" then return by_token(tenant, request, credentials) end
  if scheme == "basic" then return by_basic(tenant, request, credentials) end
  if request.certificate then return by_certificate(tenant, request) end
  return web.json(401, { error = "unauthorized", error_description =
    "An Authentication object was not found in the SecurityContext" })
end
