local async = require "spec.support.async"
local core = require "iflow.core"
local fake_tenant = require "spec.support.fake_tenant"
local iflow = require "iflow"

local give_token = fake_tenant.give_token

local function unform(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

-- Answers every token request with these; the last one again and again.
local function script(answers)
  return function(req, n)
    local answer = answers[math.min(n, #answers)]
    if answer == "token" then return give_token(req, { access_token = "token-" .. n }) end
    return req:answer(answer[1], answer[2], answer[3])
  end
end

-- What a token request looks like to the server.
local function request_of(options, key)
  local seen = {}
  local fake <close> = fake_tenant.start {
    token = function(req)
      seen.method, seen.target, seen.headers = req.method, req.target, req.headers
      seen.body = req:body()
      return give_token(req)
    end,
  }
  local own = { service_key = fake:key(key) }
  for name, value in pairs(options or {}) do own[name] = value end
  local tenant <close> = fake:tenant(own)
  assert(tenant:token())
  return seen
end

describe("a token request", function()
  it("sends the grant in the body and the client by Basic", async(function()
    local seen = request_of()
    assert.equal("POST", seen.method)
    assert.equal("/oauth/token", seen.target)
    assert.equal("grant_type=client_credentials", seen.body)
    assert.equal("application/x-www-form-urlencoded", seen.headers["content-type"])
    assert.equal("application/json", seen.headers["accept"])
  end))

  it("form-encodes both halves of Basic, and says so", async(function()
    local id, secret = "sb-1!b2|it-rt-acme!b3", "a:b=%41+c$! |ü/\"\\"
    local seen = request_of(nil, { clientid = id, clientsecret = secret })
    local pair = core.crypto.unbase64(seen.headers["authorization"]:match "^Basic (.+)$")
    assert.equal("true", seen.headers["x-cf-encoded-credentials"])
    assert.same({ id, secret }, { unform(pair:match "^(.-):"), unform(pair:match ":(.*)$") })
    -- A server that does not split at the first colon, or that decodes never, sees none within.
    assert.equal(1, select(2, pair:gsub(":", "")))
    assert.is_nil(pair:find "[^%w%%:.*_+-]")
  end))

  it("takes the query form", async(function()
    local seen = request_of { grant_type_in = "query", scope = "a.b c.d" }
    assert.equal("/oauth/token?grant_type=client_credentials&scope=a.b+c.d", seen.target)
    assert.equal("", seen.body or "")
    assert.equal("0", seen.headers["content-length"])
    assert.is_nil(seen.headers["content-type"])
  end))

  it("takes the secret in the body", async(function()
    local seen = request_of { client_auth = "body" }
    assert.is_nil(seen.headers["authorization"])
    assert.equal("grant_type=client_credentials&client_id=sb-1%21b2%7Cit-rt-acme%21b3"
      .. "&client_secret=s3cret%24Value%3D", seen.body)
  end))

  it("never puts the secret into the query", async(function()
    local seen = request_of { client_auth = "body", grant_type_in = "query" }
    assert.is_nil(seen.target:find "secret")
    assert.equal("client_secret=s3cret%24Value%3D", seen.body)
  end))
end)

describe("a token answer", function()
  local function token_of(fields)
    local fake <close> = fake_tenant.start {
      token = function(req) return give_token(req, fields) end,
    }
    local tenant <close> = fake:tenant()
    return tenant:token()
  end

  it("gives the token as a secret, with its life", async(function()
    local before = os.time()
    local token = assert(token_of { access_token = "abc" })
    assert.equal("abc", token.access:reveal())
    assert.matches("^secret:", tostring(token.access))
    assert.is_true(token.fetched_at >= before and token.fetched_at <= os.time())
    assert.equal(3599, token.expires_at - token.fetched_at)
    assert.equal("sb-1!b2|it-rt-acme!b3", token.client_id)
  end))

  it("lists the roles of a JWT, none for an opaque token", async(function()
    local jwt = fake_tenant.jwt {
      scope = { "it-rt-acme!b3.ESBMessaging.send", "it-rt-acme!b3.Orders.send", "uaa.resource" },
    }
    local token = assert(token_of { access_token = jwt })
    table.sort(token.roles)
    assert.same({ "ESBMessaging.send", "Orders.send" },
                { token.roles[1], token.roles[2] })
    assert.is_nil(assert(token_of()).roles)
  end))

  it("takes a lifetime in a string, and none", async(function()
    local token = assert(token_of { expires_in = "100" })
    assert.equal(100, token.expires_at - token.fetched_at)
    local fake <close> = fake_tenant.start {
      token = function(req) return req:answer(200, {}, '{"access_token":"x"}') end,
    }
    local tenant <close> = fake:tenant()
    token = assert(tenant:token())
    assert.equal(300, token.expires_at - token.fetched_at)
  end))

  it("caps the lifetime at a day", async(function()
    local token = assert(token_of { expires_in = 1e15 })
    assert.equal(86400, token.expires_at - token.fetched_at)
  end))

  local bad = {
    { "not JSON", "nonsense" },
    { "an HTML page", "<html><body>Log on</body></html>" },
    { "an empty body", "" },
    { "an array", "[]" },
    { "no token", '{"token_type":"bearer"}' },
    { "an empty token", '{"access_token":""}' },
    { "a token of another type", '{"access_token":7}' },
    { "a line break in the token", '{"access_token":"a\\r\\nX: y"}' },
    { "a blank in the token", '{"access_token":"a b"}' },
    { "another token type", '{"access_token":"x","token_type":"mac"}' },
    { "a negative lifetime", '{"access_token":"x","expires_in":-1}' },
    { "a lifetime that is none", '{"access_token":"x","expires_in":"soon"}' },
    { "a huge answer", '{"access_token":"' .. ("x"):rep(300 * 1024) .. '"}' },
    { "a huge token", '{"access_token":"' .. ("x"):rep(70 * 1024) .. '"}' },
  }
  for _, case in ipairs(bad) do
    it("is refused with " .. case[1], async(function()
      local fake <close> = fake_tenant.start {
        token = script { { 200, { ["Content-Type"] = "text/html" }, case[2] } },
      }
      local tenant <close> = fake:tenant()
      local token, err = tenant:token()
      assert.is_nil(token)
      assert.equal("token.bad_answer", err.code)
      assert.equal(1, fake.tokens)
    end))
  end
end)

describe("a refusal of the token server", function()
  local function json_error(code, text)
    return ('{"error":"%s","error_description":"%s"}'):format(code, text)
  end

  local cases = {
    { 400, json_error("invalid_request", "Missing grant type"), "token.bad_request" },
    { 400, json_error("unsupported_grant_type", "Unsupported grant type"), "token.grant_type" },
    { 400, json_error("invalid_scope", "x is invalid"), "token.scope" },
    { 400, json_error("invalid_client", "Bad credentials"), "token.rejected" },
    { 400, "", "token.bad_request" },
    { 401, json_error("unauthorized", "Bad credentials"), "token.rejected" },
    { 401, json_error("invalid_client", "Client authentication failed"), "token.rejected" },
    { 401, json_error("invalid_client", "Unauthorized grant type"), "token.grant_type" },
    { 401, json_error("unauthorized_client", "no"), "token.grant_type" },
    { 401, "<html>no</html>", "token.rejected" },
    { 401, "", "token.rejected" },
    { 403, "", "token.rejected" },
    { 404, "<html>no such identity zone</html>", "token.not_found" },
    { 405, "", "token.bad_request" },
    { 302, "", "token.bad_answer", { Location = "https://login.example.com/" } },
    { 401, ("x"):rep(300 * 1024), "token.rejected" },
  }
  for _, case in ipairs(cases) do
    local status, body, code, headers = table.unpack(case, 1, 4)
    local name = ("%d %s is %s, asked once"):format(status, body:sub(1, 40), code)
    it(name, async(function()
      local fake <close> = fake_tenant.start { token = script { { status, headers, body } } }
      local tenant <close> = fake:tenant()
      local token, err = tenant:token()
      assert.is_nil(token)
      assert.equal(code, err.code)
      assert.equal(status, err.status)
      assert.is_false(err.retryable)
      assert.equal(1, fake.tokens)
    end))
  end

  it("never shows the secret, even if the server repeats it", async(function()
    local fake <close> = fake_tenant.start {
      token = script { { 401, nil, json_error("s3cret$Value=", "s3cret$Value= is wrong") } },
    }
    local tenant <close> = fake:tenant()
    local _, err = tenant:token()
    assert.equal("token.rejected", err.code)
    assert.is_nil(tostring(err):find("s3cret", 1, true))
  end))
end)

describe("a token request that fails", function()
  it("is repeated three times for 502, with growing waits", async(function()
    local at = {}
    local fake <close> = fake_tenant.start {
      token = function(req)
        at[#at + 1] = iflow.monotonic()
        return req:answer(502)
      end,
    }
    local tenant <close> = fake:tenant()
    local _, err = tenant:token()
    assert.equal("token.unavailable", err.code)
    assert.is_true(err.retryable)
    assert.equal(4, fake.tokens)
    for i, wait in ipairs { 0.3, 0.6, 1.2 } do
      assert.is_true(at[i + 1] - at[i] >= wait - 0.01)
    end
  end))

  it("gives the token of a later try", async(function()
    local fake <close> = fake_tenant.start { token = script { { 503 }, "token" } }
    local tenant <close> = fake:tenant()
    assert.equal("token-2", assert(tenant:token()).access:reveal())
  end))

  it("waits as long as Retry-After says", async(function()
    local fake <close> = fake_tenant.start {
      token = script {
        { 429, { ["Retry-After"] = "0" } }, { 429, { ["Retry-After"] = "1" } }, "token",
      },
    }
    local tenant <close> = fake:tenant()
    local start = iflow.monotonic()
    assert(tenant:token())
    assert.is_true(iflow.monotonic() - start >= 1)
  end))

  it("does not wait for an hour, but says so", async(function()
    local fake <close> = fake_tenant.start {
      token = script { { 429, { ["Retry-After"] = "3600" } } },
    }
    local tenant <close> = fake:tenant()
    local _, err = tenant:token()
    assert.equal("token.rate_limited", err.code)
    assert.is_true(err.retryable)
    assert.equal(3600, err.retry_after)
    assert.equal(1, fake.tokens)
  end))

  it("is repeated when nobody listens", async(function()
    local fake = fake_tenant.start {}
    local key = fake:key()
    fake:close()
    local tenant <close> = assert(iflow.tenant { service_key = key, token_cache = false })
    local start = iflow.monotonic()
    local _, err = tenant:token()
    assert.equal("net.connect", err.code)
    assert.is_true(iflow.monotonic() - start >= 2)
    assert.equal(4, tenant:stats().token_requests)
  end))

  it("is repeated when the answer breaks off", async(function()
    local fake <close> = fake_tenant.start {
      token = function(req, n)
        if n == 1 then return req:abort() end
        return give_token(req)
      end,
    }
    local tenant <close> = fake:tenant()
    assert(tenant:token())
    assert.equal(2, fake.tokens)
  end))
end)

describe("tenant:token", function()
  it("makes one request for a thousand tasks", async(function()
    local fake <close> = fake_tenant.start()
    local tenant <close> = fake:tenant()
    local jobs = {}
    for i = 1, 1000 do
      jobs[i] = function() return assert(tenant:token()).access:reveal() end
    end
    local results = iflow.all(jobs)
    for i = 1, 1000 do assert.equal("token-1", results[i]) end
    assert.equal(1, fake.tokens)
  end))

  it("gives all of them the error of that request", async(function()
    local fake <close> = fake_tenant.start { token = script { { 401 } } }
    local tenant <close> = fake:tenant()
    local tasks = {}
    for i = 1, 10 do tasks[i] = iflow.spawn(function() return tenant:token() end) end
    for i = 1, 10 do
      local token, err = tasks[i]:join()
      assert.is_nil(token)
      assert.equal("token.rejected", err.code)
    end
    assert.equal(1, fake.tokens)
  end))

  it("keeps the token, and drops it when told to", async(function()
    local fake <close> = fake_tenant.start()
    local tenant <close> = fake:tenant()
    assert(tenant:token())
    assert.equal("token-1", assert(tenant:token()).access:reveal())
    assert.equal("token-2", assert(tenant:token { refresh = true }).access:reveal())
    assert.equal(2, fake.tokens)
  end))

  it("fetches again once the token has expired", async(function()
    local fake <close> = fake_tenant.start {
      token = function(req, n)
        return give_token(req, { access_token = "token-" .. n, expires_in = 0.001 })
      end,
    }
    local tenant <close> = fake:tenant()
    assert(tenant:token())
    iflow.sleep(0.01)
    assert.equal("token-2", assert(tenant:token()).access:reveal())
  end))

  it("serves the old token while a new one is fetched in the background", async(function()
    local go = false
    local fake <close> = fake_tenant.start {
      token = function(req, n)
        while n > 1 and not go do iflow.sleep(0.005) end
        return give_token(req, { access_token = "token-" .. n, expires_in = n == 1 and 3 or 100 })
      end,
    }
    local tenant <close> = fake:tenant()
    assert(tenant:token())
    repeat
      iflow.sleep(0.01)
      assert.equal("token-1", assert(tenant:token()).access:reveal())
    until fake.tokens == 2
    assert.equal("token-1", assert(tenant:token()).access:reveal())
    go = true
    repeat iflow.sleep(0.005) until assert(tenant:token()).access:reveal() == "token-2"
    assert.equal(2, fake.tokens)
  end))

  it("does not show that a renewal fails while the old token lives", async(function()
    local fake <close> = fake_tenant.start {
      token = function(req, n)
        if n > 1 then return req:answer(401) end
        return give_token(req, { expires_in = 1 })
      end,
    }
    local tenant <close> = fake:tenant()
    assert(tenant:token())
    repeat
      iflow.sleep(0.01)
      assert(tenant:token())
    until fake.tokens == 2
    assert(tenant:token())
    local token, err
    repeat
      iflow.sleep(0.01)
      token, err = tenant:token()
    until not token
    assert.equal("token.rejected", err.code)
    assert.is_true(fake.tokens < 12) -- not at every call
  end))

  it("shares the token among the tenants of one credential", async(function()
    local fake <close> = fake_tenant.start {}
    local other = fake:key { clientsecret = "another" }
    local first <close> = fake:tenant {}
    local second <close> = fake:tenant {}
    local narrower <close> = fake:tenant { scope = "a.b" }
    local stranger <close> = fake:tenant { service_key = other }
    assert.equal(assert(first:token()).access:reveal(), assert(second:token()).access:reveal())
    assert.equal(1, fake.tokens)
    assert(narrower:token())
    assert(stranger:token())
    assert.equal(3, fake.tokens)
    first:close()
    assert(second:token())
    assert.equal(3, fake.tokens)
  end))

  it("ends with the tenant", async(function()
    local gate = true
    local fake <close> = fake_tenant.start {
      token = function(req)
        while gate do iflow.sleep(0.001) end
        req:abort()
      end,
    }
    local tenant = fake:tenant()
    local waiting = iflow.spawn(function() return tenant:token() end)
    repeat iflow.sleep(0.001) until fake.tokens == 1
    tenant:close()
    local token, err = waiting:join()
    gate = false
    assert.is_nil(token)
    assert.equal("task.canceled", err.code)
  end))

  it("can be cancelled without harm to the others", async(function()
    local fake <close> = fake_tenant.start {
      token = function(req) iflow.sleep(0.05) return give_token(req) end,
    }
    local tenant <close> = fake:tenant()
    local first = iflow.spawn(function() return tenant:token() end)
    local second = iflow.spawn(function() return tenant:token() end)
    iflow.sleep(0.01)
    first:cancel()
    assert(second:join())
    assert.equal(1, fake.tokens)
  end))
end)
