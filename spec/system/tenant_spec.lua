-- What the sandbox claims about SAP, asked of a tenant without changing it: of a real one when the
-- environment names its keys (spec/support/tenant_under_test.lua), else of the sandbox itself. It
-- gets tokens, runs no flow, and writes nothing.
local async = require "spec.support.async"
local core = require "iflow.core"
local under_test = require "spec.support.tenant_under_test"

local function with(body)
  return async(function()
    local t <close> = under_test.open()
    body(t)
  end)
end

local function decoded(part) return core.json.decode(assert(core.crypto.unbase64(part))) end

local function jwt(token)
  local head, claims = token:match "^([%w_-]+)%.([%w_-]+)%.[%w_-]+$"
  return decoded(head), decoded(claims)
end

local function contains(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

local function one_of(value, ...) return contains({ ... }, value) end

-- A POST to the token server by hand.
local function post_token(t, oauth, secret, form)
  return t:ask { url = oauth.tokenurl, method = "POST", body = form, headers = {
    Authorization = "Basic " .. core.crypto.base64(oauth.clientid .. ":" .. secret),
    ["Content-Type"] = "application/x-www-form-urlencoded", Accept = "application/json" } }
end

local FORM = "grant_type=client_credentials"

-- Tokens of one key; name: "flow" or "api".
local function tokens(name)
  describe("a token for the key of plan " .. name, function()
    it("is a JWT of the form SAP documents", with(function(t)
      local one = t[name]
      local token = assert(one.tenant:token())
      assert.is_true(token.expires_at > core.task.now() + 300)
      assert.equal(one.oauth.clientid, token.client_id)
      local head, claims = jwt(token.access:reveal())
      assert.same({ "RS256", "string" }, { head.alg, type(head.kid) })
      assert.matches("/token_keys$", head.jku)
      for _, claim in ipairs { "client_id", "cid", "azp", "sub" } do
        assert.equal(one.oauth.clientid, claims[claim], claim)
      end
      assert.equal("client_credentials", claims.grant_type)
      assert.is_true(contains(claims.aud, one.oauth.clientid))
      local life = claims.exp - claims.iat
      assert.is_true(life >= 3600 and life <= 86400)
      assert.is_string(claims.zid)
      assert.matches("/oauth/token$", claims.iss)
    end))

    it("is published with its key, and refreshed on request", with(function(t)
      local one = t[name]
      local first = assert(one.tenant:token()).access:reveal()
      assert.equal(first, assert(one.tenant:token()).access:reveal())
      local second = assert(one.tenant:token { refresh = true }).access:reveal()
      assert.not_equal(first, second)
      local head = jwt(second)
      local keys = t:ask { url = head.jku }
      assert.equal(200, keys.status)
      local kids = {}
      for i, key in ipairs(core.json.decode(keys.body).keys) do kids[i] = key.kid end
      assert.is_true(contains(kids, head.kid))
    end))
  end)
end

if under_test.has_flow then tokens "flow" end
if under_test.has_api then tokens "api" end

describe("the token server", function()
  local function key_with_secret(t)
    for _, one in ipairs { t.flow or false, t.api or false } do
      if one and one.oauth.clientsecret then return one.oauth end
    end
  end

  it("answers a secret with a bearer token for almost the documented time", with(function(t)
    local oauth = key_with_secret(t)
    if not oauth then return end
    local answer = post_token(t, oauth, oauth.clientsecret, FORM)
    assert.equal(200, answer.status)
    local token = core.json.decode(answer.body)
    local _, claims = jwt(token.access_token)
    assert.same({ "bearer", "string", "string" },
                { token.token_type, type(token.scope), type(token.jti) })
    assert.is_true(math.abs(claims.exp - claims.iat - token.expires_in) <= 5)
  end))

  it("refuses as table 4.4 says", with(function(t)
    local oauth = key_with_secret(t)
    if not oauth then return end
    local function refused(question, secret, form, status, ...)
      local answer = post_token(t, oauth, secret, form)
      t:note(question, answer)
      local body = core.json.decode(answer.body)
      assert.equal(status, answer.status, question)
      assert.is_true(one_of(body.error, ...), ("%s: %s"):format(question, body.error))
      assert.is_string(body.error_description)
      return answer
    end
    local answer = refused("wrong secret", oauth.clientsecret .. "x", FORM, 401, "unauthorized",
                           "invalid_client")
    assert.matches("^Basic ", answer.headers["www-authenticate"])
    refused("no grant type", oauth.clientsecret, "x=y", 400, "invalid_request")
    refused("unknown grant type", oauth.clientsecret, "grant_type=none", 400,
            "unsupported_grant_type")
    refused("scope nobody has", oauth.clientsecret, FORM .. "&scope=nobody.has.this", 400,
            "invalid_scope")
    refused("other client id", oauth.clientsecret, FORM .. "&client_id=other", 401,
            "invalid_client")
    local nobody = t:ask { url = oauth.tokenurl, method = "POST", body = FORM, headers = {
      ["Content-Type"] = "application/x-www-form-urlencoded", Accept = "application/json" } }
    t:note("no client authentication", nobody)
    assert.same({ 401, "unauthorized" }, { nobody.status, core.json.decode(nobody.body).error })
  end))

  it("describes itself", with(function(t)
    local one = t.flow or t.api
    local answer = t:ask { url = one.oauth.tokenurl:match "^https://[^/]+"
                                 .. "/.well-known/openid-configuration" }
    t:note("openid-configuration", answer)
    assert.equal(200, answer.status)
    assert.matches("/oauth/token$", core.json.decode(answer.body).token_endpoint)
  end))
end)

if under_test.has_flow then
  describe("the runtime", function()
    -- A path no flow has: 401 before 404, and no flow runs.
    local function get(t, headers)
      return t:ask { url = t.flow.oauth.url .. "/http/iflow-asks-for-nothing", headers = headers }
    end

    it("asks who calls before it looks for the flow", with(function(t)
      local answer = get(t, {})
      t:note("runtime without credentials", answer)
      assert.same({ 401, "unauthorized" }, { answer.status,
                                             core.json.decode(answer.body).error })
      answer = get(t, { Authorization = "Bearer not.a.token" })
      t:note("runtime with a token that is none", answer)
      assert.equal(401, answer.status)
      local basic = "Basic " .. core.crypto.base64(t.flow.oauth.clientid .. ":wrong")
      answer = get(t, { Authorization = basic })
      t:note("runtime with a wrong secret", answer)
      assert.equal(401, answer.status)
      assert.matches("unauthorized_user", answer.body)
    end))

    it("has the web server's 404 for what is not deployed", with(function(t)
      local answer = get(t, { Authorization = t:bearer(t.flow) })
      t:note("flow that is not deployed", answer)
      assert.equal(404, answer.status)
      assert.matches("text/html", answer.headers["content-type"])
      assert.is_nil(answer.headers["sap_messageprocessinglogid"])
    end))
  end)
end

if under_test.has_api then
  describe("the OData API", function()
    local function get(t, path, headers)
      local all = { Authorization = t:bearer(t.api), Accept = "application/json" }
      for name, value in pairs(headers or {}) do all[name] = value or nil end
      return t:ask { url = t.api.oauth.url .. "/api/v1" .. path, headers = all }
    end

    it("has the sets that are documented, in its metadata", with(function(t)
      local answer = get(t, "/$metadata", { Accept = "application/xml" })
      assert.equal(200, answer.status)
      for _, set in ipairs { "MessageProcessingLogs", "ServiceEndpoints", "KeystoreEntries",
                             "IntegrationRuntimeArtifacts" } do
        assert.matches('EntitySet[^>]*Name="' .. set .. '"', answer.body)
      end
      for _, name in ipairs { "MessageGuid", "CorrelationId", "ApplicationMessageId", "LogStart",
                              "LogEnd", "IntegrationFlowName", "Status", "CustomStatus",
                              "TransactionId", "ErrorInformation", "CustomHeaderProperties" } do
        assert.matches('Property Name="' .. name .. '"', answer.body)
      end
    end))

    it("lists service endpoints with their entry points", with(function(t)
      local answer = get(t, "/ServiceEndpoints?$expand=EntryPoints")
      assert.equal(200, answer.status)
      for _, endpoint in ipairs(core.json.decode(answer.body).d.results) do
        assert.equal("com.sap.hci.api.ServiceEndpoint", endpoint.__metadata.type)
        assert.is_true(one_of(endpoint.Protocol, "REST", "SOAP", "ODATAV2", "AS2", "AS4"))
        assert.matches("%$endpointAddress=", endpoint.Id)
        for _, point in ipairs(endpoint.EntryPoints.results) do
          assert.matches("^https://", point.Url)
        end
      end
    end))

    it("counts and cuts message logs", with(function(t)
      local answer = get(t, "/MessageProcessingLogs?$inlinecount=allpages&$top=2"
                            .. "&$orderby=LogStart%20desc")
      assert.equal(200, answer.status)
      local d = core.json.decode(answer.body).d
      assert.matches("^%d+$", d.__count)
      assert.is_true(#d.results <= 2)
      for _, log in ipairs(d.results) do
        assert.matches("^/Date%(%d+%)/$", log.LogStart)
        assert.equal(28, #log.MessageGuid)
      end
      assert.matches("^%d+$", get(t, "/MessageProcessingLogs/$count").body)
    end))

    it("answers Atom to who does not ask for JSON", with(function(t)
      local answer = get(t, "/MessageProcessingLogs?$top=1", { Accept = false })
      assert.equal(200, answer.status)
      assert.matches("xml", answer.headers["content-type"])
    end))

    it("refuses what is not there, and what it does not support", with(function(t)
      local answer = get(t, "/MessageProcessingLogs('AGAAAAAAAAAAAAAAAAAAAAAAAAAA')")
      t:note("API: a log that is not there", answer)
      assert.equal(404, answer.status)
      t:note("API: an unknown set", get(t, "/NothingOfThisName"))
      answer = get(t, "/MessageProcessingLogs?$search=x")
      t:note("API: an option that is not supported", answer)
      assert.is_true(answer.status >= 400)
      t:note("API: a filter that is wrong", get(t, "/MessageProcessingLogs?$filter=Nothing"))
    end))

    it("gives a CSRF token to who fetches one", with(function(t)
      local answer = get(t, "/", { ["X-CSRF-Token"] = "Fetch" })
      t:note("API: CSRF token", { status = answer.status, headers = {
        ["content-type"] = answer.headers["content-type"] }, body = "" })
      assert.equal(200, answer.status)
    end))

    it("and the runtime do not take each other's tokens", with(function(t)
      if not t.flow then return end
      local answer = get(t, "/MessageProcessingLogs", { Authorization = t:bearer(t.flow) })
      t:note("API with a token of plan integration-flow", answer)
      assert.is_true(one_of(answer.status, 401, 403))
      answer = t:ask { url = t.flow.oauth.url .. "/http/iflow-asks-for-nothing",
                       headers = { Authorization = t:bearer(t.api) } }
      t:note("runtime with a token of plan api", answer)
      assert.is_true(one_of(answer.status, 401, 403, 404))
    end))
  end)
end
