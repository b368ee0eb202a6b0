-- Faults at the token servers, each over a real connection: what any client sees, and what becomes
-- of a call by our own, which has sent no message yet (sap-reference 4.4, 4.5).
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"
local landscape = require "spec.support.landscape"
local sandbox = require "spec.support.sandbox"

local GRANT = "grant_type=client_credentials"
local JSON, HTML = "application/json;charset=UTF-8", "text/html;charset=utf-8"
local TEXT = "text/plain; charset=utf-8"

-- body(land, call, ask): call(fault) -> outcome, answer or err of a call with a fresh tenant, ask()
-- -> the answer of the token server. kind: of the key.
local function with(body, kind, opts)
  kind = kind or "secret"
  return async(function()
    local land <close> = landscape.open(opts)
    local key = land:key(kind)
    local host = kind == "secret" and "token" or "token_cert"
    local function call(fault)
      land.sb:clear_faults()
      if fault then assert(land.sb:fault(host .. ":" .. fault)) end
      local tenant <close> = assert(iflow.tenant(land:tenant_options(kind)))
      local answer, err = tenant:call { to = "/http/orders", body = "x" }
      return (answer or err).outcome, answer or err
    end
    local identity = kind == "certificate" and sandbox.identity { oauth = key.oauth } or nil
    local function ask()
      local id = key.oauth.clientid
      return sandbox.request(land.sb, host, { method = "POST", path = "/oauth/token",
        identity = identity,
        headers = { ["Content-Type"] = "application/x-www-form-urlencoded",
                    Authorization = not identity and sandbox.basic(id, key.oauth.clientsecret)
                      or nil },
        body = GRANT .. (identity and "&client_id=" .. id:gsub("[!|]", { ["!"] = "%21",
                                                                       ["|"] = "%7C" }) or "") })
    end
    body(land, call, ask)
  end)
end

local function runs(land) return land.sb:counters().flows.orders or 0 end

for _, kind in ipairs { "secret", "certificate" } do
  describe("the token server for a " .. kind .. ":", function()
    it("401, which nobody repeats", with(function(land, call, ask)
      local word, err = call "401"
      assert.same({ "rejected", "token.rejected", 0 }, { word, err.code, runs(land) })
      local answer = assert(ask())
      assert.same({ 401, JSON }, { answer.status, answer.headers["content-type"] })
      assert.same({ error = "unauthorized", error_description = "Bad credentials" },
                  core.json.decode(answer.body))
      assert.equal(2, land.sb:faults()[1].happened)
    end, kind))

    it("a deleted key", with(function(land, call, ask)
      local word, err = call "deleted"
      assert.same({ "rejected", "token.rejected" }, { word, err.code })
      local answer = assert(ask())
      assert.same({ 401, "unauthorized" }, { answer.status,
                                             core.json.decode(answer.body).error })
      land.sb:clear_faults()
      assert.equal(200, assert(ask()).status)
    end, kind))

    it("429 with Retry-After, which is waited for", with(function(_, call, ask)
      local began = core.task.monotonic()
      assert.equal("delivered", (call "429=1s@first=1"))
      assert.is_true(core.task.monotonic() - began >= 0.95)
      local word, err = call "429=1h"
      assert.same({ "retryable", "token.rate_limited", 3600 }, { word, err.code,
                                                                 err.retry_after })
      local answer = assert(ask())
      assert.same({ 429, JSON, "3600" }, { answer.status, answer.headers["content-type"],
                                           answer.headers["retry-after"] })
      assert.equal("too_many_requests", core.json.decode(answer.body).error)
    end, kind))
  end)
end

describe("a token server that is down:", function()
  it("500 and 503, once", with(function(_, call)
    assert.equal("delivered", (call "500@first=1"))
    assert.equal("delivered", (call "503=1s@first=1"))
  end))

  it("pages and texts instead of JSON", with(function(land, call, ask)
    local host = land.sb.endpoints.token:match "//([^/]+)"
    for status, wanted in pairs {
      [500] = { HTML, nil, '<!doctype html><html lang="en"><head><title>HTTP Status 500 – Internal '
        .. "Server Error</title></head><body><h1>HTTP Status 500 – Internal Server Error</h1>"
        .. "</body></html>" },
      [502] = { TEXT, "endpoint_failure",
        "502 Bad Gateway: Registered endpoint failed to handle the request.\n" },
      [503] = { TEXT, "no_endpoints", ("503 Service Unavailable: Requested route ('%s') has no "
        .. "available endpoints.\n"):format(host) },
      [504] = { TEXT, "endpoint_timeout",
        "504 Gateway Timeout: Registered endpoint failed to answer in time.\n" },
    } do
      land.sb:clear_faults()
      assert(land.sb:fault("token:" .. status))
      local answer = assert(ask())
      assert.same({ status, wanted[1], wanted[2], wanted[3] },
                  { answer.status, answer.headers["content-type"],
                    answer.headers["x-cf-routererror"], answer.body })
    end
    local word, err = call "502"
    assert.same({ "retryable", "token.unavailable", 502 }, { word, err.code, err.status })
    assert.equal(4, land.sb:faults()[1].happened)
    assert.equal("delivered", (call "504@first=2"))
  end))
end)

describe("an answer of the token server", function()
  it("is a page of some portal, or empty", with(function(land, call, ask)
    for _, fault in ipairs { "html", "empty" } do
      local word, err = call(fault)
      assert.same({ "retryable", "token.bad_answer" }, { word, err.code }, fault)
      local answer = assert(ask())
      assert.equal(200, answer.status)
      assert.equal(fault == "html" and "text/html" or nil, answer.headers["content-type"])
      assert.equal(fault == "html" and "<!doctype html>" or "", answer.body:sub(1, 15))
    end
    assert.equal(0, runs(land))
  end))

  it("says it is of another type: a token is a token", with(function(_, call, ask)
    local word = call "type=text/plain"
    assert.equal("delivered", word)
    local answer = assert(ask())
    assert.equal("text/plain", answer.headers["content-type"])
    assert.is_string(core.json.decode(answer.body).access_token)
  end))

  it("breaks off, or never comes: nothing was sent", with(function(land, call, ask)
    for _, fault in ipairs { "truncated", "reset", "reset=after", "reset=answer",
                             "stall=300ms" } do
      assert.equal("delivered", (call(fault .. "@first=1")), fault)
    end
    assert.equal(5, runs(land))
    assert(land.sb:fault "token:truncated")
    assert.equal("net.reset", select(2, ask()).code)
  end))

  it("takes its time", with(function(_, call, ask)
    assert.equal("delivered", (call "slow=300ms"))
    assert.equal("delivered", (call "late=300ms"))
    call "drip=1ms"
    assert.is_string(core.json.decode(assert(ask()).body).access_token)
  end))
end)

describe("tokens", function()
  it("live as short as one likes, and calls go on", with(function(land, call, ask)
    call "expires=2s"
    local answer = core.json.decode(assert(ask()).body)
    local claims = core.json.decode(core.crypto.unbase64(answer.access_token:match "%.([^.]+)%."))
    assert.same({ 1, 2 }, { answer.expires_in, claims.exp - claims.iat })
    local tenant <close> = assert(iflow.tenant(land:tenant_options "secret"))
    local before, calls = land.sb:counters().token_requests, 0
    repeat
      assert(tenant:call { to = "/http/orders", body = "x" })
      calls = calls + 1
      core.task.sleep(0.05)
    until land.sb:counters().token_requests >= before + 2
    assert.is_true(calls >= 2)
    core.task.sleep(2.1)
    local late = assert(sandbox.request(land.sb, "runtime", { method = "POST", body = "x",
      path = "/http/orders", headers = { Authorization = "Bearer " .. answer.access_token } }))
    assert.equal(401, late.status)
  end))

  it("are dated by the token server's clock", with(function(land, call)
    local word, err = call "clock=-2h"
    assert.same({ "rejected", "call.unauthorized" }, { word, err.code })
    assert.equal(2, land.sb:faults()[1].happened)
    assert.equal("delivered", (call "clock=2h"))
  end))
end)

describe("a certificate at the token server", function()
  it("has expired: 401, or a reset connection if that is set", with(function(land, call, ask)
    local word, err = call "expired"
    assert.same({ "rejected", "token.rejected" }, { word, err.code })
    assert.equal(401, assert(ask()).status)
    assert(land.sb:settings { token_certificate_refused = "reset" })
    assert.equal("net.reset", select(2, ask()).code)
    land.sb:clear_faults()
    assert.equal(200, assert(ask()).status)
  end, "certificate"))
end)
