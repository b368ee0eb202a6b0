--- Who calls, the same at runtime and API: a token, Basic with client id and secret, or a
--- certificate that the balancer passed on and that is in a key, each of the host's plan.
---   authentication(tenant, request, plan) -> an answer, or nothing
--- and then it sets request.caller = { client_id, roles (a set), by, instance }.
local broker = require "iflow.sandbox.broker"
local certificates = require "iflow.sandbox.certificates"
local claims = require "iflow.sandbox.token.claims"
local core = require "iflow.core"
local jwt = require "iflow.sandbox.token.jwt"
local web = require "iflow.sandbox.web"

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
           by = by, instance = owner.instance }
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

local function invalid_token(why)
  local text = "The token is expired, was not issued for this runtime, or its key is gone"
  return web.because(web.json(401, { error = "invalid_token", error_description = text },
                              { ["WWW-Authenticate"] = 'Bearer error="invalid_token"' }),
                     "authentication: %s", why)
end

-- A token with a good signature: { token, claims, kid, roles }; nil for another. The last ones are
-- remembered, for as long as their key is good.
local function verified(tenant, token)
  local memory = tenant.verified
  if not memory or memory.count >= VERIFIED_MAX then
    memory = { count = 0, tokens = {} }
    tenant.verified = memory
  end
  local known = memory.latest -- mostly the same one again: no hash of a kilobyte
  if not known or known.token ~= token then known = memory.tokens[token] end
  if not known then
    local content, kid = jwt.verify(tenant.signers, token)
    if not content then return nil end
    known = { token = token, claims = content, kid = kid, roles = {} }
    memory.tokens[token], memory.count = known, memory.count + 1
  end
  memory.latest = known
  return tenant.signers:find(known.kid) and known
end

-- The roles that a verified token gives at hosts of a plan.
local function roles_of(known, plan)
  local roles = known.roles[plan]
  if not roles then
    roles = claims.roles(broker.XSAPPNAMES[plan], known.claims.scope)
    known.roles[plan] = roles
  end
  return roles
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

local function audience_fits(token_claims, plan)
  for _, audience in ipairs(token_claims.aud or {}) do
    if audience == broker.XSAPPNAMES[plan] then return true end
  end
  return false
end

-- What is wrong with the claims of a token that was signed here; nil when nothing is.
local function fault_of(tenant, request, c, plan)
  local ended = tenant.now() + (request.clock_skew or 0) - c.exp
  local leeway = tenant.settings.clock_leeway
  if c.exp - c.iat < leeway then leeway = 0 end -- only the fault expires makes such tokens
  if c.zid ~= tenant.state.data.subaccount_id then return "the token is of another subaccount" end
  if not audience_fits(c, plan) then
    return ("the token is of another plan, '%s' is needed"):format(plan)
  elseif ended > leeway then
    return ("the token ended %d s ago"):format(math.floor(ended))
  elseif not binding_fits(tenant, request, c) then
    return "the token is bound to a certificate that did not come with it"
  end
end

local function by_token(tenant, request, token, plan)
  local known = verified(tenant, token)
  if not known then return invalid_token "no signing key of this tenant has signed the token" end
  local c = known.claims
  local fault = fault_of(tenant, request, c, plan)
  if fault then return invalid_token(fault) end
  local owner = tenant.broker:client(c.client_id)
  request.caller = { client_id = c.client_id, by = "token", instance = owner and owner.instance,
                     roles = roles_of(known, plan) }
end

local function bad_basic(request, why)
  local answer = unauthorized(request, "UnauthorizedUserException", "unauthorized_user",
                              "Bad credentials")
  return web.because(answer, "authentication: Basic, %s", why)
end

local function by_basic(tenant, request, credentials, plan)
  local id, secret = web.basic(credentials)
  local owner = id and (tenant.broker:client(id)
    or tenant.broker:client(web.unescape(id, true) or ""))
  if request.key_deleted then owner = nil end -- a fault
  if not owner then return bad_basic(request, "no key has that client id") end
  if owner.instance.plan ~= plan then
    return bad_basic(request, ("the key is of another plan, '%s' is needed"):format(plan))
  elseif not broker.has_secret(owner.key, secret) then
    return bad_basic(request, ("the secret is not that of key '%s'"):format(owner.key.name))
  elseif not broker.grants(owner.instance, "client_credentials") then -- sap-reference 1.2
    return bad_basic(request, ("instance '%s' lacks the grant type client_credentials"):format(
      owner.instance.name))
  end
  request.caller = of_key(tenant, owner, "basic")
end

local function by_certificate(tenant, request, plan)
  local owner, reason
  if request.key_deleted then -- a fault
    reason = "it is in no key any more"
  elseif not tenant.settings.trial then
    owner, reason = certificates.owner(tenant, plan, request.certificate)
  end
  if owner then
    request.caller = of_key(tenant, owner, "certificate")
    return
  end
  local answer = unauthorized(request, "InvalidClientException", "invalid_client", NOT_CONFIGURED)
  return web.because(answer, "authentication: certificate '%s': %s", request.certificate.subject,
                     reason or "a trial tenant takes none")
end

local function nobody(request)
  local answer = web.json(401, { error = "unauthorized", error_description =
    "An Authentication object was not found in the SecurityContext" })
  if request.chain and not request.certificate then
    return web.because(answer, "authentication: no Authorization field, and the balancer dropped "
      .. "the certificate: %s", request.dropped or "it reaches no listed root")
  end
  return web.because(answer, "authentication: neither an Authorization field nor a certificate")
end

return function(tenant, request, plan)
  local scheme, credentials = web.authorization(request.headers.authorization)
  if scheme == "bearer" then return by_token(tenant, request, credentials, plan) end
  if scheme == "basic" then return by_basic(tenant, request, credentials, plan) end
  if request.certificate then return by_certificate(tenant, request, plan) end
  return nobody(request)
end
