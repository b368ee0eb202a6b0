local async = require "spec.support.async"
local fake_tenant = require "spec.support.fake_tenant"
local iflow = require "iflow"

local MESSAGE_ID = "AGn4UgBohP2kaoL0qlLJX4tBIh3h"

-- A runtime with CSRF protection, one session after the other: the n-th has the token "csrf-n" and
-- the cookies that set_cookies(n) gives. lose() ends the session.
local function protected(opts)
  opts = opts or {}
  local state = { handshakes = 0, flows = 0, sessions = 0, seen = {} }
  local set_cookies = opts.cookies or function(n) return { "JSESSIONID=S" .. n, "lb=!w1==" } end

  local function new_session()
    state.sessions = state.sessions + 1
    state.valid = state.sessions
    return { ["X-CSRF-Token"] = "csrf-" .. state.sessions,
             ["Set-Cookie"] = set_cookies(state.sessions) }
  end

  function state.lose() state.valid = nil end

  local function good(req)
    local cookie = req.headers.cookie or ""
    return state.valid and req.headers["x-csrf-token"] == "csrf-" .. state.valid
      and (opts.cookies or cookie:find("JSESSIONID=S" .. state.valid, 1, true))
  end

  function state.runtime(req)
    state.seen[#state.seen + 1] = req.headers
    if req.method == "GET" and (req.headers["x-csrf-token"] or ""):lower() == "fetch" then
      state.handshakes = state.handshakes + 1
      if opts.handshake then return opts.handshake(req, state.handshakes, new_session) end
      return req:answer(200, new_session())
    end
    if not good(req) then
      return req:answer(403, { ["X-CSRF-Token"] = "required" }, "<html>")
    end
    state.flows = state.flows + 1
    return req:answer(200, { SAP_MessageProcessingLogID = MESSAGE_ID }, req:body())
  end
  return state
end

describe("an endpoint with CSRF protection", function()
  it("is served after one handshake, cookies sent back byte for byte", async(function()
    local cookies = { 'A="q;u=\\"x', "B= b=c ; Path=/http; Secure; HttpOnly", "C=%41+!/=; Path=/" }
    local runtime = protected { cookies = function() return cookies end }
    local fake <close> = fake_tenant.start { runtime = runtime.runtime }
    local tenant <close> = fake:tenant()
    local answer = assert(tenant:call { to = "/http/orders", body = "x" })
    assert.equal(1, answer.repairs)
    assert.equal("x", answer.body)
    assert.equal("Bearer token-1", runtime.seen[2].authorization)
    -- B is Secure, and this runtime speaks plain HTTP.
    assert.equal('A="q; C=%41+!/=', runtime.seen[3].cookie)
    assert.same({ 1, 1 }, { runtime.handshakes, runtime.flows })
  end))

  it("is served with the same session from then on", async(function()
    local runtime = protected()
    local fake <close> = fake_tenant.start { runtime = runtime.runtime }
    local tenant <close> = fake:tenant()
    assert(tenant:call { to = "/http/orders", body = "1" })
    for _, method in ipairs { "POST", "PUT", "PATCH", "DELETE" } do
      assert.equal(0, assert(tenant:call { to = "/http/orders?x=1", method = method }).repairs)
    end
    assert.same({ 1, 5 }, { runtime.handshakes, runtime.flows })
  end))

  it("gets a new handshake when the session is lost", async(function()
    local runtime = protected()
    local fake <close> = fake_tenant.start { runtime = runtime.runtime }
    local tenant <close> = fake:tenant()
    assert(tenant:call { to = "/http/orders" })
    runtime.lose()
    assert.equal(1, assert(tenant:call { to = "/http/orders" }).repairs)
    assert.same({ 2, 2 }, { runtime.handshakes, runtime.flows })
  end))

  it("gets one handshake for a hundred calls at once", async(function()
    local runtime = protected()
    local fake <close> = fake_tenant.start { runtime = runtime.runtime }
    local tenant <close> = fake:tenant()
    local jobs = {}
    for i = 1, 100 do
      jobs[i] = function() return assert(tenant:call { to = "/http/orders", body = "x" }).status end
    end
    iflow.all(jobs)
    assert.same({ 1, 100 }, { runtime.handshakes, runtime.flows })
    runtime.lose()
    iflow.all(jobs)
    assert.same({ 2, 200 }, { runtime.handshakes, runtime.flows })
  end))

  it("has a session of its own, and so has each tenant", async(function()
    local runtime = protected()
    local fake <close> = fake_tenant.start { runtime = runtime.runtime }
    local tenant <close> = fake:tenant()
    local other <close> = fake:tenant()
    assert(tenant:call { to = "/http/orders" })
    assert(tenant:call { to = "/http/invoices" })
    assert(other:call { to = "/http/orders" })
    assert.equal(3, runtime.handshakes)
  end))

  it("keeps the user's own cookies", async(function()
    local runtime = protected()
    local fake <close> = fake_tenant.start { runtime = runtime.runtime }
    local tenant <close> = fake:tenant()
    assert(tenant:call { to = "/http/orders", headers = { Cookie = "own=1" } })
    assert.equal("own=1", runtime.seen[1].cookie)
    assert.equal("own=1; JSESSIONID=S1; lb=!w1==", runtime.seen[3].cookie)
  end))

  it("takes over cookies that a later answer sets", async(function()
    local runtime = protected()
    local plain = runtime.runtime
    local fake <close> = fake_tenant.start {
      runtime = function(req)
        if req.headers.cookie and req.method == "POST" then
          runtime.seen[#runtime.seen + 1] = req.headers
          return req:answer(200, { ["Set-Cookie"] = { "lb=!w2==", "JSESSIONID=; Max-Age=0" } })
        end
        return plain(req)
      end,
    }
    local tenant <close> = fake:tenant()
    assert(tenant:call { to = "/http/orders" })
    assert(tenant:call { to = "/http/orders" })
    assert.equal("lb=!w2==", runtime.seen[#runtime.seen].cookie)
  end))

  it("is not served when the user forbids the handshake", async(function()
    local runtime = protected()
    local fake <close> = fake_tenant.start { runtime = runtime.runtime }
    local tenant <close> = fake:tenant()
    local _, err = tenant:call { to = "/http/orders", csrf = false }
    assert.equal("call.csrf", err.code)
    assert.equal("rejected", err.outcome)
    assert.same({ 0, 0 }, { runtime.handshakes, runtime.flows })
  end))

  it("leaves the handshake to a user who sends the field", async(function()
    local runtime = protected()
    local fake <close> = fake_tenant.start { runtime = runtime.runtime }
    local tenant <close> = fake:tenant()
    local answer = assert(tenant:call {
      to = "/http/orders", method = "GET", headers = { ["X-CSRF-Token"] = "Fetch" },
    })
    assert.equal("csrf-1", answer.headers["x-csrf-token"])
    local cookie = answer.headers["set-cookie"]:gsub("\n", "; ")
    assert(tenant:call { to = "/http/orders",
                         headers = { ["X-CSRF-Token"] = "csrf-1", Cookie = cookie } })
    assert.same({ 1, 1 }, { runtime.handshakes, runtime.flows })
  end))

  it("is given up after one repair", async(function()
    local runtime = protected { handshake = function(req, n)
      return req:answer(200, { ["X-CSRF-Token"] = "wrong-" .. n })
    end }
    local fake <close> = fake_tenant.start { runtime = runtime.runtime }
    local tenant <close> = fake:tenant()
    local _, err = tenant:call { to = "/http/orders" }
    assert.equal("call.csrf", err.code)
    assert.same({ 1, 0 }, { runtime.handshakes, runtime.flows })
  end))

  it("is given up when the handshake brings no token", async(function()
    for _, token in ipairs { false, "Required", "a b", ("x"):rep(5000) } do
      local runtime = protected { handshake = function(req)
        return req:answer(200, token and { ["X-CSRF-Token"] = token } or nil)
      end }
      local fake <close> = fake_tenant.start { runtime = runtime.runtime }
      local tenant <close> = fake:tenant()
      local _, err = tenant:call { to = "/http/orders" }
      assert.equal("call.csrf", err.code)
      assert.equal(1, runtime.handshakes)
    end
  end))

  it("may need a new token in the handshake", async(function()
    local runtime = protected { handshake = function(req, _, new_session)
      if req.headers.authorization == "Bearer token-1" then return req:answer(401) end
      return req:answer(200, new_session())
    end }
    local fake <close> = fake_tenant.start { runtime = runtime.runtime }
    local tenant <close> = fake:tenant()
    assert.equal(2, assert(tenant:call { to = "/http/orders" }).repairs)
    assert.equal(2, fake.tokens)
  end))

  it("fails as its handshake fails, with nothing in doubt", async(function()
    local cases = {
      [404] = "call.not_found", [503] = "call.unavailable", [502] = "call.unavailable",
    }
    for status, code in pairs(cases) do
      local runtime = protected { handshake = function(req) return req:answer(status) end }
      local fake <close> = fake_tenant.start { runtime = runtime.runtime }
      local tenant <close> = fake:tenant()
      local _, err = tenant:call { to = "/http/orders" }
      assert.equal(code, err.code)
      assert.equal(status == 404 and "rejected" or "retryable", err.outcome)
      assert.equal(status, err.status)
      assert.equal(1, runtime.handshakes)
    end
  end))

  it("does not strand those who wait when the first is cancelled", async(function()
    local gate = true
    local runtime = protected { handshake = function(req, _, new_session)
      while gate do iflow.sleep(0.001) end
      return req:answer(200, new_session())
    end }
    local fake <close> = fake_tenant.start { runtime = runtime.runtime }
    local tenant <close> = fake:tenant()
    local function call() return tenant:call { to = "/http/orders" } end
    local first, second = iflow.spawn(call), iflow.spawn(call)
    repeat iflow.sleep(0.001) until fake.calls == 3
    first:cancel()
    gate = false
    assert.equal(200, assert(second:join()).status)
    assert.equal(1, runtime.handshakes)
  end))

  it("is asked before the call when the user wants that", async(function()
    local runtime = protected()
    local fake <close> = fake_tenant.start { runtime = runtime.runtime }
    local tenant <close> = fake:tenant()
    assert.equal(0, assert(tenant:call { to = "/http/orders", csrf = true }).repairs)
    assert.same({ 1, 1, 2 }, { runtime.handshakes, runtime.flows, fake.calls })
  end))
end)

describe("an endpoint without", function()
  it("gets no handshake, and its cookies are not sent back", async(function()
    local cookies = {}
    local fake <close> = fake_tenant.start {
      runtime = function(req)
        cookies[#cookies + 1] = req.headers.cookie
        return req:answer(200, { ["Set-Cookie"] = "lb=w1" })
      end,
    }
    local tenant <close> = fake:tenant()
    for _ = 1, 2 do assert(tenant:call { to = "/http/orders" }) end
    assert.equal(2, fake.calls)
    assert.same({}, cookies)
  end))

  it("is found out once when a handshake is wanted before the call", async(function()
    local methods = {}
    local fake <close> = fake_tenant.start {
      runtime = function(req)
        methods[#methods + 1] = req.method
        return req:answer(200)
      end,
    }
    local tenant <close> = fake:tenant()
    for _ = 1, 2 do assert(tenant:call { to = "/http/orders", csrf = true }) end
    assert.same({ "GET", "POST", "POST" }, methods)
  end))

  it("needs no token for GET and HEAD", async(function()
    local fake <close> = fake_tenant.start()
    local tenant <close> = fake:tenant()
    for _, method in ipairs { "GET", "HEAD", "OPTIONS" } do
      assert(tenant:call { to = "/http/orders", method = method, csrf = true })
    end
    assert.equal(3, fake.calls)
  end))
end)
