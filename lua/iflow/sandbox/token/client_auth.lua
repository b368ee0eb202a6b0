--- Who asks for a token: a client with its secret (Basic or body), or with its certificate on the
--- .cert host. Returns the { instance, key } and, when a certificate proved it, the leaf; or nil
--- and the refusal.
local broker = require "iflow.sandbox.broker"
local certificates = require "iflow.sandbox.certificates"
local refusal = require "iflow.sandbox.token.refusal"
local web = require "iflow.sandbox.web"

-- The UAA decodes both halves of Basic by default; in its compatibility mode it takes them raw,
-- unless the header says that they are encoded.
local function basic_credentials(tenant, request, credentials)
  local id, secret = web.basic(credentials)
  if not id then return nil end
  local encoded = (request.headers["x-cf-encoded-credentials"] or ""):lower() == "true"
  if encoded or tenant.settings.basic_credentials == "decoded" then
    return web.unescape(id, true), web.unescape(secret, true)
  end
  return id, secret
end

local function because(answer, ...) return nil, web.because(answer, ...) end

-- The { instance, key } of a client id; a fault may have deleted the key.
local function client_of(tenant, request, id)
  return not request.key_deleted and tenant.broker:client(id) or nil
end

local function by_secret(tenant, request, id, secret)
  if request.kind == "token_cert" and not request.chain
    and tenant.settings.secret_at_cert_host ~= "token" then
    return because(refusal.no_certificate(tenant),
                   "client: a secret and no certificate at the host for certificates")
  end
  local client = id and secret and client_of(tenant, request, id)
  if client and broker.has_secret(client.key, secret) then return client end
  if not client then
    return because(refusal.bad_credentials(tenant), "client: no key has that client id")
  end
  return because(refusal.bad_credentials(tenant),
                 client.key.client_secret and "client: the secret is not that of key '%s'"
                 or "client: key '%s' has no secret, it asks with its certificate", client.key.name)
end

-- Whether the certificate belongs to another key of the client's instance.
local function is_sibling(tenant, client, leaf)
  if tenant.settings.certificate_of_sibling ~= "accepted" then return false end
  for _, key in pairs(client.instance.keys) do
    if certificates.fits(tenant, key, leaf) then return true end
  end
  return false
end

-- The tenant's own root stands behind the certificates it made, not behind external ones.
local function by_certificate(tenant, request, id)
  local client = client_of(tenant, request, id)
  local list = client and client.key.type == "external" and "token" or "issued"
  local leaf, reason = tenant.trust:leaf(list, request.chain)
  if request.certificate_expired then leaf, reason = nil, "certificate has expired" end -- a fault
  if client and leaf and (certificates.fits(tenant, client.key, leaf)
    or is_sibling(tenant, client, leaf)) then
    return client, leaf
  end
  local answer = refusal.bad_certificate(tenant)
  if not client then return because(answer, "client: no key has that client id") end
  if leaf then
    return because(answer, "client: certificate '%s' is not that of key '%s'", leaf.subject,
                   client.key.name)
  end
  return because(answer, "client: the certificate reaches no root the token server lists: %s",
                 reason)
end

--- parameters: the fields of query and body.
return function(tenant, request, parameters)
  local scheme, credentials = web.authorization(request.headers.authorization)
  local client, more
  if scheme == "basic" then
    client, more = by_secret(tenant, request, basic_credentials(tenant, request, credentials))
  elseif parameters.client_id and parameters.client_secret then
    client, more = by_secret(tenant, request, parameters.client_id, parameters.client_secret)
  elseif parameters.client_id and request.kind == "token_cert" and request.chain then
    client, more = by_certificate(tenant, request, parameters.client_id)
  else
    return because(refusal.no_credentials(tenant), "client: neither Basic, nor client_id with "
      .. "client_secret, nor client_id with a certificate at its host")
  end
  if client and parameters.client_id and parameters.client_id ~= client.key.client_id then
    return because(refusal.other_client(), "client: client_id is another than that of Basic")
  end
  return client, more
end
