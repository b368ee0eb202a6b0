--- POST /oauth/token of the platform's own UAA (sap-reference 2.6): password (or one-time passcode)
--- and refresh_token grants of the client cf, which has an empty secret.
local core = require "iflow.core"
local jwt = require "iflow.sandbox.token.jwt"
local platform = require "iflow.sandbox.cf.platform"
local refusal = require "iflow.sandbox.token.refusal"
local web = require "iflow.sandbox.web"

local uaa = {}

local BODY_MAX = 64 * 1024
local CLIENT = "cf"
local SCOPES = { "cloud_controller.read", "password.write", "cloud_controller.write", "openid",
                 "uaa.user" }
local REFRESH_VALIDITY = 30 * 86400
local GRANTS = {}

-- The client of Basic credentials or of the body; nil and an answer when it is not "cf".
local function check_client(tenant, request, form)
  local scheme, credentials = web.authorization(request.headers.authorization)
  local id, secret = form.client_id, form.client_secret or ""
  if scheme == "basic" then id, secret = web.basic(credentials) end
  if not id then return nil, refusal.no_credentials(tenant) end
  if id ~= CLIENT or secret ~= "" then return nil, refusal.bad_credentials(tenant) end
  return true
end

local function sign(tenant, name, user, over)
  local now = math.floor(tenant.now())
  local issuer = tenant.addresses:uaa_url() .. "/oauth/token"
  local claims = {
    jti = core.crypto.uuid():gsub("%-", ""), sub = user.guid, user_id = user.guid,
    user_name = name, email = name, origin = "uaa", client_id = CLIENT, cid = CLIENT, azp = CLIENT,
    scope = SCOPES, grant_type = "password", iss = issuer, zid = "uaa", iat = now,
    aud = { "cloud_controller", "password", "cf", "uaa", "openid" },
    -- Ends with the password it was got with.
    rev_sig = core.crypto.sha256(user.guid .. user.password):sub(1, 8),
  }
  for field, value in pairs(over(now)) do claims[field] = value end
  return jwt.sign(tenant.platform.signer:current(), tenant.addresses:uaa_url() .. "/token_keys",
                  claims), claims.jti
end

local function issue(tenant, name, user)
  local validity = tenant.settings.cf_token_validity
  local access, jti = sign(tenant, name, user, function(now) return { exp = now + validity } end)
  local refresh = sign(tenant, name, user, function(now)
    return { exp = now + REFRESH_VALIDITY, use = "refresh" }
  end)
  return web.json(200, { access_token = access, token_type = "bearer", refresh_token = refresh,
                         expires_in = math.max(0, validity - 1), scope = table.concat(SCOPES, " "),
                         jti = jti },
                  { ["Cache-Control"] = "no-store", ["Pragma"] = "no-cache" })
end

--- The name and record of the user a token was issued to, while it lives; nil otherwise. use: nil
--- for an access token, or "refresh".
function uaa.user(tenant, token, use)
  local claims = jwt.verify(tenant.platform.signer, token)
  if not claims or claims.use ~= use or tenant.now() >= claims.exp then return nil end
  local user = tenant.platform:user(claims.user_name)
  if not user or user.guid ~= claims.user_id then return nil end
  if claims.rev_sig ~= core.crypto.sha256(user.guid .. user.password):sub(1, 8) then return nil end
  return claims.user_name, user
end

function GRANTS.password(tenant, form)
  if form.passcode then
    local name, owner = tenant.platform:take_passcode(form.passcode)
    if not owner then return refusal.bad_credentials(tenant) end
    return issue(tenant, name, owner)
  end
  local user = tenant.platform:user(form.username)
  if not user or not platform.has_password(user, form.password or "") then
    return refusal.bad_credentials(tenant)
  end
  return issue(tenant, form.username, user)
end

function GRANTS.refresh_token(tenant, form)
  local name, user = uaa.user(tenant, form.refresh_token or "", "refresh")
  if not name then return refusal.bad_request "Invalid refresh token" end
  return issue(tenant, name, user)
end

local function read_form(request)
  local form = web.form(request.query)
  if not form then return nil, refusal.bad_request "Malformed query" end
  if not web.is_form(request.headers) then return form end
  local body, err = request.read_body(BODY_MAX)
  if not body then
    if err.code ~= "limit.exceeded" then return nil, { abort = true } end
    return nil, refusal.bad_request "Request body is too large"
  end
  local fields = web.form(body)
  if not fields then return nil, refusal.bad_request "Malformed form" end
  for name, value in pairs(fields) do form[name] = value end
  return form
end

--- Answers a request for a token.
function uaa.token(tenant, request)
  if request.method ~= "POST" then
    return web.page(405, "Method Not Allowed", { Allow = "POST" })
  end
  local form, refused = read_form(request)
  if not form then return refused end
  local known
  known, refused = check_client(tenant, request, form)
  if not known then return refused end
  if not form.grant_type or form.grant_type == "" then return refusal.missing_grant() end
  local grant = GRANTS[form.grant_type]
  if not grant then return refusal.unsupported_grant() end
  return grant(tenant, form)
end

--- The public half of the key that signs the tokens.
function uaa.keys(tenant)
  local one = tenant.platform.signer:current()
  local numbers = one.key:jwk()
  return web.json(200, { keys = { { kty = "RSA", alg = "RS256", use = "sig", kid = one.kid,
                                    n = numbers.n, e = numbers.e, value = one.public_pem } } })
end

return uaa
