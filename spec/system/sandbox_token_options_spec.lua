-- What else the token server can do: formats, attributes, bindings, discovery, key rotation, and
-- its limits (sap-reference 3.9, 4.1, 4.3, 4.5).
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

local function ask(sb, key, more)
  return support.ask_token(sb, "token", {
    headers = { Authorization = support.basic(key.oauth.clientid, key.oauth.clientsecret) },
    form = GRANT .. (more or "") })
end

local function get(sb, path, fields)
  local all = { method = "GET", path = path }
  for name, value in pairs(fields or {}) do all[name] = value end
  return assert(support.request(sb, "token", all))
end

local function call_status(sb, bearer, identity)
  return assert(support.request(sb, "runtime", { method = "POST", path = "/http/echo", body = "x",
    identity = identity, headers = { Authorization = bearer } })).status
end

describe("the token server", function()
  it("gives opaque tokens, which the runtime does not understand", async(function()
    local sb <close> = support.start()
    support.echo(sb, { csrf = false })
    local key = support.key(sb, "secret")
    local _, opaque = ask(sb, key, "&token_format=opaque")
    local _, jwt = ask(sb, key, "&token_format=jwt")
    assert.is_nil(opaque.access_token:find(".", 1, true))
    assert.equal(opaque.jti, opaque.access_token)
    assert.equal(200, call_status(sb, "Bearer " .. jwt.access_token))
    assert.equal(401, call_status(sb, "Bearer " .. opaque.access_token))
  end))

  it("puts attributes into the token that are asked for", async(function()
    local sb <close> = support.start()
    local key = support.key(sb, "secret")
    local _, token = ask(sb, key, "&authorities=" .. escape '{"az_attr":{"a":"1"}}')
    assert.same({ a = "1" }, claims_of(token.access_token).az_attr)
    local answer = ask(sb, key, "&authorities=nonsense")
    assert.equal(400, answer.status)
  end))

  it("tells where everything is, certificates' host included", async(function()
    local sb <close> = support.start()
    local about = core.json.decode(get(sb, "/.well-known/openid-configuration").body)
    assert.equal(sb.endpoints.token, about.token_endpoint)
    assert.equal(sb.endpoints.token_cert, about.mtls_endpoint_aliases.token_endpoint)
    local keys = assert(support.request(sb, "token", { method = "GET", url = about.jwks_uri }))
    assert.equal(1, #core.json.decode(keys.body).keys)
    assert.equal(405, get(sb, "/token_keys", { method = "POST", body = "" }).status)
  end))

  it("serves its bare domain to those who name the zone", async(function()
    local sb <close> = support.start()
    local bare = sb.endpoints.token:gsub("acme%-dev%.", ""):gsub("/oauth/token", "")
    local zone = sb.tenant.state.data.subaccount_id
    assert.equal(200, get(sb, nil, { url = bare .. "/token_keys?zid=" .. zone }).status)
    assert.equal(200, get(sb, nil, { url = bare .. "/token_keys",
                                     headers = { ["x-zid"] = zone } }).status)
    for _, query in ipairs { "", "?zid=other" } do
      assert.equal(404, get(sb, nil, { url = bare .. "/token_keys" .. query }).status)
    end
  end))

  it("refuses a header block of more than 16 KB", async(function()
    local sb <close> = support.start()
    local function status(n)
      return get(sb, "/token_keys", { headers = { ["X-Long"] = ("x"):rep(n) } }).status
    end
    assert.equal(200, status(15 * 1024))
    assert.equal(431, status(16 * 1024))
    assert(sb:settings { token_header_status = 400 })
    assert.equal(400, status(16 * 1024))
  end))

  it("rotates its key: old tokens live on for two hours, or end at once", async(function()
    local clock = core.task.now()
    local sb <close> = support.start { now = function() return clock end }
    support.echo(sb, { csrf = false })
    local key = support.key(sb, "secret", { token_validity = 86400 })
    local function kids()
      local list = {}
      for i, jwk in ipairs(core.json.decode(get(sb, "/token_keys").body).keys) do
        list[i] = jwk.kid
      end
      return list
    end
    local old, first = support.bearer(sb, key), kids()[1]
    local rotated = assert(sb:rotate())
    assert.same({ kid = kids()[1], retired = first }, rotated)
    local new = support.bearer(sb, key)
    assert.same({ rotated.kid, first }, kids())
    assert.same({ 200, 200 }, { call_status(sb, old), call_status(sb, new) })
    clock = clock + 7199
    assert.equal(200, call_status(sb, old))
    clock = clock + 2
    assert.same({ 401, 200 }, { call_status(sb, old), call_status(sb, new) })
    assert.same({ rotated.kid }, kids())
    assert(sb:rotate(true))
    assert.equal(401, call_status(sb, new))
    assert.equal(1, #kids())
  end))

  it("rotates its key by schedule, with two hours of grace from the moment it was due", async(
    function()
      local clock = core.task.now()
      local sb <close> = support.start { now = function() return clock end,
                                         settings = { rotation_interval = 10000 } }
      support.echo(sb, { csrf = false })
      local key = support.key(sb, "secret", { token_validity = 86400 })
      local function kids()
        local list = {}
        for i, jwk in ipairs(core.json.decode(get(sb, "/token_keys").body).keys) do
          list[i] = jwk.kid
        end
        return list
      end
      local old, first = support.bearer(sb, key), kids()[1]
      clock = clock + 9000
      assert.same({ first }, kids())
      clock = clock + 1500 -- it was due 500 s ago, and nobody asked since
      local asked = {}
      for i = 1, 8 do asked[i] = kids end
      for _, list in ipairs(require "iflow".all(asked)) do
        assert.same({ 2, first }, { #list, list[2] }) -- one new key, however many ask
      end
      local new, second = support.bearer(sb, key), kids()[1]
      assert.same({ 200, 200 }, { call_status(sb, old), call_status(sb, new) })
      clock = clock + 6600
      assert.equal(200, call_status(sb, old))
      clock = clock + 200
      assert.same({ 401, 200, second }, { call_status(sb, old), call_status(sb, new), kids()[1] })
      clock = clock + 40000
      assert.equal(401, call_status(sb, new))
      assert.equal(1, #kids())
      assert.not_equal(second, kids()[1])
      assert(sb:settings { rotation_interval = "" })
      local third = kids()
      clock = clock + 80000
      assert.same(third, kids())
    end))
end)

describe("a token got by certificate", function()
  local function token(sb, key)
    local answer, body = support.ask_token(sb, "token_cert", { identity = support.identity(key),
      form = GRANT .. "&client_id=" .. escape(key.oauth.clientid) })
    assert.equal(200, answer.status)
    return body.access_token
  end

  it("names the certificate, and is bound to it, only when it is set so", async(function()
    local sb <close> = support.start()
    support.echo(sb, { csrf = false })
    local key, other = support.key(sb, "certificate"), support.key(sb, "certificate")
    assert.is_nil(claims_of(token(sb, key)).cnf)
    assert(sb:settings { token_binding = "claim" })
    local bound = token(sb, key)
    local print = core.crypto.unbase64(claims_of(bound).cnf["x5t#S256"])
    assert.equal(support.identity(key):fingerprint(),
                 (print:gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
    assert.equal(200, call_status(sb, "Bearer " .. bound))
    assert(sb:settings { token_binding = "enforced" })
    assert.equal(401, call_status(sb, "Bearer " .. bound))
    assert.equal(401, call_status(sb, "Bearer " .. bound, support.identity(other)))
    assert.equal(200, call_status(sb, "Bearer " .. bound, support.identity(key)))
  end))

  it("is for its own key, or for those of its instance when it is set so", async(function()
    local sb <close> = support.start()
    local key, instance = support.key(sb, "certificate")
    local sibling = support.key(sb, "secret", { instance = instance })
    local function status()
      return support.ask_token(sb, "token_cert", { identity = support.identity(key),
        form = GRANT .. "&client_id=" .. escape(sibling.oauth.clientid) }).status
    end
    assert.equal(401, status())
    assert(sb:settings { certificate_of_sibling = "accepted" })
    assert.equal(200, status())
  end))

  it("needs a root of the token server's list, on which SAP's own is not", async(function()
    local sb <close> = support.start()
    local now = math.floor(core.task.now())
    local pair = assert(core.authority.keypair { type = "ec" })
    local chain, leaf = sb.tenant.authority:client_chain({ { "CN", "own" } }, pair, 1, now)
    local identity = support.identity { chain = chain, key_pem = pair:private_pem() }
    local key = support.key(sb, "external", { x509 = leaf })
    support.echo(sb, { csrf = false })
    assert.equal(200, assert(support.request(sb, "runtime", { method = "POST", body = "x",
      path = "/http/echo", identity = identity })).status)
    assert.equal(401, support.ask_token(sb, "token_cert", { identity = identity,
      form = GRANT .. "&client_id=" .. escape(key.oauth.clientid) }).status)
    local lists = sb:trust()
    assert.same({ 1, 0 }, { #lists.balancer, #lists.token })
  end))
end)
