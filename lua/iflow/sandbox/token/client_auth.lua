--- Who asks for a token: a client with its secret (Basic or body), or with its certificate on the
--- .cert host. Returns the { instance, key }, or nil and the refusal.
local broker = require "iflow.sandbox.broker"
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

local function by_secret(tenant, id, secret)
  local client = id and secret and tenant.broker:client(id)
  if client and broker.has_secret(client.key, secret) then return client end
  return nil, refusal.bad_credentials()
end

local function by_certificate(tenant, request, id)
  local leaf = tenant.trust:leaf("token", request.chain)
  local client = leaf and tenant.broker:client(id)
  if client and client.key.sha256 == leaf.sha256 then return client end
  return nil, refusal.bad_credentials()
end

--- parameters: the fields of query and body.
return function(tenant, request, parameters)
  local scheme, credentials = web.authorization(request.headers.authorization)
  local client, refused
  if scheme == "basic" then
    client, refused = by_secret(tenant, basic_credentials(tenant, request, credentials))
  elseif parameters.client_id and parameters.client_secret then
    client, refused = by_secret(tenant, parameters.client_id, parameters.client_secret)
  elseif parameters.client_id and request.kind == "token_cert" and request.chain then
    client, refused = by_certificate(tenant, request, parameters.client_id)
  else
    return nil, refusal.no_credentials()
  end
  if client and parameters.client_id and parameters.client_id ~= client.key.client_id then
    return nil, refusal.other_client()
  end
  return client, refused
end
