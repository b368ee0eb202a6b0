-- Every line of table 4.4 of sap-reference, provoked over a real connection: status, headers and
-- body; and the settings that choose another answer where SAP documents none.
local async = require "spec.support.async"
local support = require "spec.support.sandbox"

local GRANT = "grant_type=client_credentials"

local function escape(text)
  return (text:gsub("[^%w_.~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function basic_of(document)
  return support.basic(document.oauth.clientid, document.oauth.clientsecret)
end

local function challenge(code, text)
  return ('Basic realm="UAA/client", error="%s", error_description="%s"'):format(code, text)
end

-- Asks and compares all that the table names.
local function expect(sb, kind, fields, wanted)
  local answer, body = support.ask_token(sb, kind, fields)
  assert(answer, tostring(body))
  assert.equal(wanted[1], answer.status)
  assert.same({ error = wanted[2], error_description = wanted[3] }, body)
  assert.equal("application/json;charset=UTF-8", answer.headers["content-type"])
  assert.equal("no-store", answer.headers["cache-control"])
  assert.equal("no-cache", answer.headers.pragma)
  assert.equal(wanted.challenge, answer.headers["www-authenticate"])
  return answer
end

local NO_OBJECT = "An Authentication object was not found in the SecurityContext"

describe("table 4.4:", function()
  it("credentials that are wrong, missing, or of another client", async(function()
    local sb <close> = support.start()
    local key = support.key(sb, "secret")
    local bad = { 401, "unauthorized", "Bad credentials",
                  challenge = challenge("unauthorized", "Bad credentials") }
    expect(sb, "token", { headers = { Authorization = support.basic(key.oauth.clientid, "no") },
                          form = GRANT }, bad)
    expect(sb, "token", { headers = { Authorization = support.basic("nobody", "no") },
                          form = GRANT }, bad)
    expect(sb, "token", { form = GRANT .. "&client_id=nobody&client_secret=no" }, bad)
    expect(sb, "token", { form = GRANT }, { 401, "unauthorized", NO_OBJECT,
                                            challenge = challenge("unauthorized", NO_OBJECT) })
    expect(sb, "token", { headers = { Authorization = basic_of(key) },
                          form = GRANT .. "&client_id=other" },
           { 401, "invalid_client", "Given client ID does not match authenticated client" })
  end))

  it("grant types and scopes", async(function()
    local sb <close> = support.start()
    local headers = { Authorization = basic_of(support.key(sb, "secret")) }
    local function ask(form, wanted)
      expect(sb, "token", { headers = headers, form = form }, wanted)
    end
    ask("x=y", { 400, "invalid_request", "Missing grant type" })
    ask("grant_type=x", { 400, "unsupported_grant_type", "Unsupported grant type" })
    ask(GRANT .. "&scope=a.b", { 400, "invalid_scope",
        "a.b is invalid. Please use a valid scope name in the request" })
    headers.Authorization = basic_of(support.key(sb, "secret", {
      grant_types = { "authorization_code" } }))
    ask(GRANT, { 401, "invalid_client", "Unauthorized grant type" })
    ask("grant_type=authorization_code", { 401, "invalid_client", "Unauthorized grant type" })
  end))

  it("the same in the spelling of newer versions, set while it runs", async(function()
    local sb <close> = support.start()
    local key = support.key(sb, "secret", { grant_types = { "authorization_code" } })
    assert(sb:settings { uaa_errors = "newer" })
    expect(sb, "token", { headers = { Authorization = support.basic("nobody", "no") },
                          form = GRANT }, { 401, "invalid_client", "Bad credentials",
                                            challenge = challenge("invalid_client",
                                                                  "Bad credentials") })
    expect(sb, "token", { headers = { Authorization = basic_of(key) }, form = GRANT },
           { 401, "unauthorized_client", "Unauthorized grant type" })
    local full = "Full authentication is required to access this resource"
    expect(sb, "token", { form = GRANT }, { 401, "unauthorized", full,
                                            challenge = challenge("unauthorized", full) })
  end))

  it("certificates of others, expired, untrusted: 401, or a reset", async(function()
    local sb <close> = support.start()
    local now = math.floor(require "iflow.core".task.now())
    local expired = support.foreign_identity(sb, "both", { not_before = now - 99999,
                                                           not_after = now - 10 })
    local untrusted = support.foreign_identity(sb)
    local cases = {
      { support.key(sb, "external", { x509 = expired.leaf }), expired },
      { support.key(sb, "external", { x509 = untrusted.leaf }), untrusted },
      { support.key(sb, "certificate"), support.key(sb, "certificate") },
    }
    local function ask(case)
      return { identity = support.identity(case[2]),
               form = GRANT .. "&client_id=" .. escape(case[1].oauth.clientid) }
    end
    for _, case in ipairs(cases) do
      expect(sb, "token_cert", ask(case), { 401, "unauthorized", "Bad credentials",
        challenge = challenge("unauthorized", "Bad credentials") })
    end
    assert(sb:settings { token_certificate_refused = "reset" })
    for _, case in ipairs(cases) do
      local answer, err = support.ask_token(sb, "token_cert", ask(case))
      assert.is_nil(answer)
      assert.equal("net.reset", err.code)
    end
  end))

  it("a secret at the host for certificates: 401, a reset, or a token", async(function()
    local sb <close> = support.start()
    local headers = { Authorization = basic_of(support.key(sb, "secret")) }
    expect(sb, "token_cert", { headers = headers, form = GRANT },
           { 401, "unauthorized", "Bad credentials",
             challenge = challenge("unauthorized", "Bad credentials") })
    assert(sb:settings { secret_at_cert_host = "reset" })
    local answer, err = support.ask_token(sb, "token_cert", { headers = headers, form = GRANT })
    assert.is_nil(answer)
    assert.equal("net.reset", err.code)
    assert(sb:settings { secret_at_cert_host = "token" })
    assert.equal(200, support.ask_token(sb, "token_cert", { headers = headers,
                                                            form = GRANT }).status)
  end))

  it("a certificate key at the host that never asks for one", async(function()
    local sb <close> = support.start()
    local key = support.key(sb, "certificate")
    expect(sb, "token", { identity = support.identity(key),
                          form = GRANT .. "&client_id=" .. escape(key.oauth.clientid) },
           { 401, "unauthorized", NO_OBJECT, challenge = challenge("unauthorized", NO_OBJECT) })
  end))

  it("another subdomain", async(function()
    local sb <close> = support.start()
    local elsewhere = { url = sb.endpoints.token:gsub("acme%-dev", "other"), form = GRANT }
    expect(sb, "token", elsewhere,
           { 404, "not_found", "There is no identity zone with this subdomain" })
    assert(sb:settings { unknown_zone = "html" })
    elsewhere.body, elsewhere.method = GRANT, "POST"
    local answer = assert(support.request(sb, "token", elsewhere))
    assert.equal(404, answer.status)
    assert.matches("HTTP Status 404", answer.body)
    assert.matches("^text/html", answer.headers["content-type"])
  end))

  it("too many requests: they queue, then there is 429 with Retry-After", async(function()
    local sb <close> = support.start { settings = { token_rate = 4, token_queue = 2 } }
    local headers = { Authorization = basic_of(support.key(sb, "secret")) }
    local all = {}
    for i = 1, 10 do
      all[i] = function()
        return (support.ask_token(sb, "token", {
          headers = { Authorization = headers.Authorization }, form = GRANT }))
      end
    end
    local counts, refused = {}, nil
    for _, answer in ipairs(require "iflow".all(all)) do
      counts[answer.status] = (counts[answer.status] or 0) + 1
      if answer.status == 429 then refused = answer end
    end
    assert.same({ [200] = 6, [429] = 4 }, counts)
    assert.equal("1", refused.headers["retry-after"])
    assert.same({ error = "too_many_requests", error_description = "Too many requests" },
                require "iflow.json".decode(refused.body))
  end))
end)
