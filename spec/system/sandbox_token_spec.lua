-- The token server of the sandbox: every option and error of sap-reference 4, over real sockets.
local async = require "spec.support.async"
local core = require "iflow.core"
local support = require "spec.support.sandbox"

local GRANT = "grant_type=client_credentials"

local function escape(text)
  return (text:gsub("[^%w_.~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function claims_of(access)
  return assert(core.json.decode(core.crypto.unbase64(access:match "^[^.]+%.([^.]+)%.")))
end

local function basic_of(document)
  return support.basic(document.oauth.clientid, document.oauth.clientsecret)
end

-- One refused request: status and error code.
local function refusal(sb, kind, fields)
  local answer, body = support.ask_token(sb, kind, fields)
  assert(answer, tostring(body))
  return { answer.status, body.error }, answer, body
end

describe("a token by a client secret", function()
  it("comes for Basic and grant_type in the body", async(function()
    local sb <close> = support.start()
    local key = support.key(sb, "secret")
    local answer, token = support.ask_token(sb, "token", {
      headers = { Authorization = basic_of(key) }, form = GRANT })
    assert.equal(200, answer.status)
    assert.equal("application/json;charset=UTF-8", answer.headers["content-type"])
    assert.equal("no-store", answer.headers["cache-control"])
    assert.equal("bearer", token.token_type)
    assert.equal(3599, token.expires_in)
    assert.equal("it-rt-acme-dev!b815.ESBMessaging.send uaa.resource", token.scope)
    assert.is_nil(token.refresh_token)
  end))

  it("comes for grant_type in the query and no body", async(function()
    local sb <close> = support.start()
    local key = support.key(sb, "secret")
    for _, method in ipairs { "POST", "GET" } do
      local answer = support.ask_token(sb, "token", {
        method = method, path = "/oauth/token?" .. GRANT,
        headers = { Authorization = basic_of(key) } })
      assert.equal(200, answer.status)
    end
  end))

  it("comes for id and secret in the body", async(function()
    local sb <close> = support.start()
    local oauth = support.key(sb, "secret").oauth
    local answer = support.ask_token(sb, "token", { form = ("%s&client_id=%s&client_secret=%s")
      :format(GRANT, escape(oauth.clientid), escape(oauth.clientsecret)) })
    assert.equal(200, answer.status)
  end))

  it("comes for form-encoded Basic in both modes of the UAA, when it says so", async(function()
    for _, mode in ipairs { "decoded", "raw" } do
      local sb <close> = support.start { settings = { basic_credentials = mode } }
      local oauth = support.key(sb, "secret").oauth
      local encoded = support.basic(escape(oauth.clientid), escape(oauth.clientsecret))
      local function status(headers)
        return support.ask_token(sb, "token", { headers = headers, form = GRANT }).status
      end
      assert.equal(200, status { Authorization = encoded, ["X-CF-ENCODED-CREDENTIALS"] = "true" })
      assert.equal(mode == "decoded" and 200 or 401, status { Authorization = encoded })
      assert.equal(200, status { Authorization = support.basic(oauth.clientid,
                                                               oauth.clientsecret) })
    end
  end))

  it("has the claims of sap-reference 4.3, signed with RS256", async(function()
    local sb <close> = support.start()
    local key = support.key(sb, "secret", { roles = { "Orders.send", "API.invoke" },
                                            token_validity = 7200 })
    local before = math.floor(core.task.now())
    local _, token = support.ask_token(sb, "token", {
      headers = { Authorization = basic_of(key) }, form = GRANT })
    local claims = claims_of(token.access_token)
    local id = key.oauth.clientid
    assert.same({ id, id, id, id }, { claims.sub, claims.cid, claims.azp, claims.client_id })
    assert.same({ "it-rt-acme-dev!b815", "uaa", id }, claims.aud)
    assert.same({ "it-rt-acme-dev!b815.Orders.send", "it-rt-acme-dev!b815.API.invoke",
                  "uaa.resource" }, claims.scope)
    assert.equal(7200, claims.exp - claims.iat)
    assert.equal(7199, token.expires_in)
    assert.is_true(claims.iat >= before)
    assert.equal(token.jti, claims.jti)
    assert.equal("acme-dev", claims.ext_attr.zdn)
    assert.equal("client_credentials", claims.grant_type)
    assert.equal(sb.endpoints.token, claims.iss)

    local keys = core.json.decode(support.request(sb, "token", { method = "GET",
                                                                 path = "/token_keys" }).body).keys
    local signed, signature = token.access_token:match "^(.*)%.([^.]+)$"
    assert.is_true(core.authority.verify(keys[1].value, signed, signature))
    local head = core.json.decode(core.crypto.unbase64(token.access_token:match "^[^.]+"))
    assert.same({ "RS256", "JWT", keys[1].kid }, { head.alg, head.typ, head.kid })
  end))

  it("can be narrowed to a scope", async(function()
    local sb <close> = support.start()
    local key = support.key(sb, "secret", { roles = { "A.send", "B.send" } })
    local _, token = support.ask_token(sb, "token", { headers = { Authorization = basic_of(key) },
      form = GRANT .. "&scope=" .. escape "it-rt-acme-dev!b815.A.send" })
    assert.equal("it-rt-acme-dev!b815.A.send", token.scope)
  end))
end)

describe("a token by certificate", function()
  it("comes for the certificate of SAP's making and the client id", async(function()
    local sb <close> = support.start()
    local key = support.key(sb, "certificate")
    local answer, token = support.ask_token(sb, "token_cert", {
      identity = support.identity(key),
      form = GRANT .. "&client_id=" .. escape(key.oauth.clientid) })
    assert.equal(200, answer.status)
    assert.equal(key.oauth.clientid, claims_of(token.access_token).cid)
  end))

  it("comes for a certificate of one's own, once its root is listed", async(function()
    local sb <close> = support.start()
    local own = support.foreign_identity(sb)
    local key = support.key(sb, "external", { x509 = own.leaf })
    local function ask()
      return (refusal(sb, "token_cert", { identity = support.identity(own),
        path = "/oauth/token?" .. GRANT .. "&client_id=" .. escape(key.oauth.clientid) }))
    end
    assert.same({ 401, "unauthorized" }, ask())
    assert(sb:trust(own.root, "balancer"))
    assert.same({ 401, "unauthorized" }, ask())
    assert(sb:trust(own.root, "token"))
    assert.same({ 200 }, ask())
  end))

  it("is refused for another client's id, and for one that has no certificate", async(function()
    local sb <close> = support.start()
    local identity = support.identity(support.key(sb, "certificate"))
    for _, kind in ipairs { "certificate", "secret" } do
      local other = support.key(sb, kind).oauth.clientid
      assert.same({ 401, "unauthorized" }, (refusal(sb, "token_cert", { identity = identity,
        form = GRANT .. "&client_id=" .. escape(other) })))
    end
  end))

  it("is refused for a certificate that is not for clients", async(function()
    local sb <close> = support.start()
    local own = support.foreign_identity(sb, "both", { client_auth = false, server_auth = true })
    local key = support.key(sb, "external", { x509 = own.leaf })
    assert.same({ 401, "unauthorized" }, (refusal(sb, "token_cert", {
      identity = support.identity(own),
      form = GRANT .. "&client_id=" .. escape(key.oauth.clientid) })))
  end))

  it("is refused without the certificate, and on the host that never asks for one", async(function()
    local sb <close> = support.start()
    local key = support.key(sb, "certificate")
    local form = GRANT .. "&client_id=" .. escape(key.oauth.clientid)
    assert.same({ 401, "unauthorized" }, (refusal(sb, "token_cert", { form = form })))
    assert.same({ 401, "unauthorized" }, (refusal(sb, "token", {
      form = form, identity = support.identity(key) })))
  end))
end)

describe("the token server refuses", function()
  local sb, key
  local function with(fields)
    return async(function()
      local running <close> = support.start()
      sb, key = running, support.key(running, "secret")
      fields()
    end)
  end
  local function ask(fields)
    if not (fields.headers and fields.headers.Authorization) then
      fields.headers = { Authorization = basic_of(key) }
    end
    return refusal(sb, "token", fields)
  end

  it("a wrong secret and an unknown client, with a challenge", with(function()
    local oauth = key.oauth
    for _, pair in ipairs { { oauth.clientid, "wrong" }, { "nobody", oauth.clientsecret } } do
      local got, answer, body = refusal(sb, "token", {
        headers = { Authorization = support.basic(pair[1], pair[2]) }, form = GRANT })
      assert.same({ 401, "unauthorized" }, got)
      assert.equal("Bad credentials", body.error_description)
      assert.matches('^Basic realm="UAA/client"', answer.headers["www-authenticate"])
    end
  end))

  it("Basic that is garbage", with(function()
    for _, value in ipairs { "Basic !!!", "Basic " .. core.crypto.base64 "nocolon",
                             "Basic " .. core.crypto.base64 "a%zz:b" } do
      assert.same({ 401, "unauthorized" },
                  (refusal(sb, "token", { headers = { Authorization = value }, form = GRANT })))
    end
  end))

  it("a request without client authentication", with(function()
    local got, _, body = refusal(sb, "token", { form = GRANT })
    assert.same({ 401, "unauthorized" }, got)
    assert.equal("An Authentication object was not found in the SecurityContext",
                 body.error_description)
  end))

  it("a missing and an unknown grant type", with(function()
    assert.same({ 400, "invalid_request" }, (ask { form = "a=b" }))
    assert.same({ 400, "invalid_request" }, (ask { form = "grant_type=" }))
    assert.same({ 400, "unsupported_grant_type" }, (ask { form = "grant_type=magic" }))
    assert.same({ 401, "invalid_client" }, (ask { form = "grant_type=password" }))
  end))

  it("a grant type the instance does not allow", with(function()
    key = support.key(sb, "secret", { grant_types = { "authorization_code" } })
    local got, _, body = ask { form = GRANT }
    assert.same({ 401, "invalid_client" }, got)
    assert.equal("Unauthorized grant type", body.error_description)
  end))

  it("a scope that is not owned", with(function()
    local got, _, body = ask { form = GRANT .. "&scope=a.b" }
    assert.same({ 400, "invalid_scope" }, got)
    assert.matches("^a.b is invalid", body.error_description)
  end))

  it("another client id in the body", with(function()
    local got, _, body = ask { form = GRANT .. "&client_id=other" }
    assert.same({ 401, "invalid_client" }, got)
    assert.equal("Given client ID does not match authenticated client", body.error_description)
  end))

  it("a body that is no form, or too long", with(function()
    assert.same({ 400, "invalid_request" }, (ask { form = "grant_type=%zz" }))
    assert.same({ 400, "invalid_request" }, (ask { form = ("x"):rep(1024 * 1024 + 1) }))
    local _, answer = ask { body = GRANT, headers = { Authorization = basic_of(key),
                                                      ["Content-Type"] = "text/plain" } }
    assert.equal(400, answer.status)
  end))

  it("another subdomain", with(function()
    local got = refusal(sb, "token", { form = GRANT, headers = { Authorization = basic_of(key) },
      url = sb.endpoints.token:gsub("acme%-dev", "other") })
    assert.same({ 404, "not_found" }, got)
  end))

  it("a deleted key, whose tokens live on", with(function()
    local instance, name
    key, instance, name = support.key(sb, "secret")
    support.echo(sb, { csrf = false })
    local bearer = support.bearer(sb, key)
    assert(sb:delete_key(instance, name))
    assert.same({ 401, "unauthorized" }, (ask { form = GRANT }))
    assert.equal(200, support.request(sb, "runtime", { method = "POST", path = "/http/echo",
      headers = { Authorization = bearer }, body = "x" }).status)
  end))

  it("other paths and methods", with(function()
    assert.equal(404, support.request(sb, "token", { path = "/" }).status)
    assert.equal(405, support.request(sb, "token", { path = "/oauth/token",
                                                     method = "DELETE" }).status)
  end))
end)

describe("the counters", function()
  it("tell token requests and tokens apart", async(function()
    local sb <close> = support.start()
    support.bearer(sb, support.key(sb, "secret"))
    support.ask_token(sb, "token", { form = GRANT })
    local counters = sb:counters()
    assert.equal(2, counters.token_requests)
    assert.equal(1, counters.tokens_issued)
    assert.equal(2, counters.requests.token)
  end))

  it("count connections by the certificate that was shown", async(function()
    local sb <close> = support.start()
    local key = support.key(sb, "certificate")
    local identity = support.identity(key)
    for _ = 1, 3 do
      support.ask_token(sb, "token_cert", { identity = identity,
        form = GRANT .. "&client_id=" .. escape(key.oauth.clientid) })
    end
    support.ask_token(sb, "token_cert", { form = GRANT })
    local seen = sb:counters().handshakes
    assert.equal(1, seen[identity:fingerprint()])
    assert.equal(1, seen.none)
  end))
end)
