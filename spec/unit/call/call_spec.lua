local async = require "spec.support.async"
local core = require "iflow.core"
local fake_tenant = require "spec.support.fake_tenant"
local iflow = require "iflow"

local MESSAGE_ID = "AGn4UgBohP2kaoL0qlLJX4tBIh3h"
local FLOW_ERROR = "An internal server error occured: The MPL ID for the failed message is : "
  .. MESSAGE_ID .. "\nFor more details please check tail log."

-- One call to a runtime that answers like this; also returns the fake.
local function call_with(answer, options)
  local fake <close> = fake_tenant.start {
    runtime = function(req)
      if type(answer) == "function" then return answer(req) end
      return req:answer(answer[1], answer[2], answer[3])
    end,
  }
  local tenant <close> = fake:tenant()
  local own = { to = "/http/orders", body = "x" }
  for name, value in pairs(options or {}) do own[name] = value end
  local result, err = tenant:call(own)
  return result, err, fake
end

describe("a delivered call", function()
  it("gives status, headers, body and message id", async(function()
    local answer = assert(call_with {
      200, { SAP_MessageProcessingLogID = MESSAGE_ID, ["X-Other"] = { "a", "b" } }, "done",
    })
    assert.equal(200, answer.status)
    assert.equal("done", answer.body)
    assert.equal("a, b", answer.headers["x-other"])
    assert.equal(MESSAGE_ID, answer.message_id)
    assert.equal("delivered", answer.outcome)
    assert.equal(0, answer.repairs)
    assert.is_nil(answer.saved)
  end))

  it("may have no message id and no body", async(function()
    local answer = assert(call_with { 204 })
    assert.equal(204, answer.status)
    assert.equal("", answer.body)
    assert.is_nil(answer.message_id)
  end))

  it("takes no garbage for a message id", async(function()
    for _, id in ipairs { "short", MESSAGE_ID .. " or so", ("x"):rep(65), "" } do
      local answer = assert(call_with { 200, { SAP_MessageProcessingLogID = id } })
      assert.is_nil(answer.message_id)
    end
  end))

  it("includes statuses that the caller expects", async(function()
    local answer = assert(call_with({ 404, nil, "no such order" }, { expect = { 409, 404 } }))
    assert.equal(404, answer.status)
    assert.equal("no such order", answer.body)
    assert.equal("delivered", answer.outcome)
  end))
end)

describe("a plan of calls", function()
  local function handle_of(fake) return fake:tenant().handle end

  it("sends any number of messages, with or without what they answered", async(function()
    local seen = {}
    local fake <close> = fake_tenant.start { runtime = function(req)
      seen[#seen + 1] = { req.headers["x-id"], req.headers["content-type"], req:body() }
      return req:answer(200, { SAP_MessageProcessingLogID = MESSAGE_ID }, "done")
    end }
    local plan = assert(assert(handle_of(fake):prepare { to = "/http/x" }):plan "X-Id")
    local answer = assert(plan:send("a", "1", "text/csv"))
    local brief = assert(plan:send("b", "2", nil, true))
    assert.same({ { "1", "text/csv", "a" }, { "2", nil, "b" } }, seen)
    assert.same({ "done", MESSAGE_ID, 200 }, { answer.body, answer.message_id, answer.status })
    assert.same({ outcome = "delivered", message_id = MESSAGE_ID, status = 200, repairs = 0 },
      brief)
  end))

  it("has the errors of a call", async(function()
    local fake <close> = fake_tenant.start { runtime = function(req)
      return req:answer(400, nil, "no")
    end }
    local handle = handle_of(fake)
    local plan = assert(handle:prepare { to = "/http/x" }):plan "X-Id"
    local _, err = plan:send("a", "1", nil, true)
    assert.same({ "call.rejected", 400, "no" }, { err.code, err.status, err.body })
    _, err = plan:send("a", "1\r\nX: y")
    assert.equal("http.header", err.code)
    _, err = assert(handle:prepare { to = "ftp://x/" }):plan()
    assert.equal("url.invalid", err.code)
    assert.has_error(function() handle:prepare({ to = "/x", body = "b" }):plan() end)
    handle:close()
    assert.has_error(function() plan:send("a", "1") end)
  end))
end)

describe("a request", function()
  local function seen_by(options)
    local seen = {}
    assert(call_with(function(req)
      seen.method, seen.target, seen.headers = req.method, req.target, req.headers
      seen.body = req:body()
      return req:answer(200)
    end, options))
    return seen
  end

  it("is a POST with the token and what the caller gives", async(function()
    local seen = seen_by { headers = { ["Content-Type"] = "application/json", X = { "1", "2" } } }
    assert.equal("POST", seen.method)
    assert.equal("/http/orders", seen.target)
    assert.equal("Bearer token-1", seen.headers.authorization)
    assert.equal("application/json", seen.headers["content-type"])
    assert.equal("1, 2", seen.headers.x)
    assert.equal("x", seen.body)
    assert.is_nil(seen.headers.cookie)
    assert.is_nil(seen.headers["x-csrf-token"])
  end))

  it("takes every method", async(function()
    for _, method in ipairs { "GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD" } do
      assert.equal(method, seen_by({ method = method }).method)
    end
  end))

  it("has Content-Length: 0 when it has no body", async(function()
    local seen
    local fake <close> = fake_tenant.start {
      runtime = function(req) seen = req.headers return req:answer(200) end,
    }
    local tenant <close> = fake:tenant()
    assert(tenant:call { to = "/http/orders" })
    assert.equal("0", seen["content-length"])
  end))

  it("encodes a query table, leaves a query text alone", async(function()
    local seen = seen_by { query = { b = "ä & b", a = { 1, true }, ["c d"] = "" } }
    assert.equal("/http/orders?a=1&a=true&b=%C3%A4%20%26%20b&c%20d=", seen.target)
    assert.equal("/http/orders?%41+b", seen_by({ query = "%41+b" }).target)
    assert.equal("/http/x?a=1&b=2", seen_by({ to = "/http/x?a=1", query = "b=2" }).target)
    assert.equal("/http/orders", seen_by({ query = "" }).target)
  end))

  it("goes to a full URL as well", async(function()
    local fake <close> = fake_tenant.start {
      runtime = function(req) return req:answer(200, nil, req.target) end,
    }
    local tenant <close> = fake:tenant { url = "https://localhost:1/nowhere" }
    assert.equal("/cxf/x?y=1", assert(tenant:call { to = fake.url .. "/cxf/x?y=1" }).body)
  end))

  it("joins url and path with one slash", async(function()
    local fake <close> = fake_tenant.start {
      runtime = function(req) return req:answer(200, nil, req.target) end,
    }
    local tenant <close> = fake:tenant { url = fake.url .. "/base//" }
    assert.equal("/base/http/x", assert(tenant:call { to = "/http/x" }).body)
    assert.equal("/base/http/x", assert(tenant:call { to = "http/x" }).body)
  end))

  it("waits for one of as many connections as the tenant may have", async(function()
    local at_work, most = 0, 0
    local fake <close> = fake_tenant.start {
      runtime = function(req)
        at_work = at_work + 1
        most = math.max(most, at_work)
        iflow.sleep(0.005)
        at_work = at_work - 1
        return req:answer(200)
      end,
    }
    local tenant <close> = fake:tenant { connections = 2 }
    local jobs = {}
    for i = 1, 10 do jobs[i] = function() return assert(tenant:call { to = "/http/x" }) end end
    iflow.all(jobs)
    assert.equal(2, most)
  end))

  it("gives up in the queue after a time of its own, retryable", async(function()
    local gate = true
    local fake <close> = fake_tenant.start {
      runtime = function(req)
        while gate do iflow.sleep(0.001) end
        return req:answer(200)
      end,
    }
    local tenant <close> = fake:tenant { connections = 1 }
    local first = iflow.spawn(function() return tenant:call { to = "/http/x" } end)
    repeat iflow.sleep(0.001) until fake.calls == 1
    local _, err = tenant:call { to = "/http/x", queue_timeout = 0.02 }
    assert.equal("net.queue_timeout", err.code)
    assert.equal("retryable", err.outcome)
    gate = false
    assert(first:join())
  end))

  it("authenticates with Basic when told to, without a token", async(function()
    local authorization
    local fake <close> = fake_tenant.start {
      runtime = function(req) authorization = req.headers.authorization return req:answer(200) end,
    }
    local tenant <close> = fake:tenant()
    assert(tenant:call { to = "/http/x", auth = "basic" })
    local pair = core.crypto.unbase64(authorization:match "^Basic (.+)$")
    assert.equal("sb-1!b2|it-rt-acme!b3:s3cret$Value=", pair)
    assert.equal(0, fake.tokens)
  end))
end)

describe("an answer", function()
  -- status, headers, body -> outcome, code, retryable
  local cases = {
    { { 301, { Location = "https://x.example/" } }, "rejected", "call.redirected", false },
    { { 400, nil, "bad" }, "rejected", "call.rejected", false },
    { { 404, nil, "<html>" }, "rejected", "call.not_found", false },
    { { 404, { ["X-Cf-RouterError"] = "unknown_route" } }, "rejected", "call.not_found", false },
    { { 405 }, "rejected", "call.rejected", false },
    { { 411 }, "rejected", "call.rejected", false },
    { { 413 }, "rejected", "call.too_large", false },
    { { 408 }, "retryable", "call.unavailable", true },
    { { 429, { ["Retry-After"] = "7" } }, "retryable", "call.unavailable", true, 7 },
    { { 429 }, "retryable", "call.unavailable", true },
    { { 500, nil, "<soap:Fault/>" }, "rejected", "call.rejected", false },
    { { 500, nil, "Message body exceeds configured size limit (1.0 MB)..." },
      "rejected", "call.too_large", false },
    { { 500, nil, FLOW_ERROR }, "rejected", "call.flow_failed", false, nil, MESSAGE_ID },
    { { 500, { SAP_MessageProcessingLogID = MESSAGE_ID }, "custom" },
      "rejected", "call.flow_failed", false, nil, MESSAGE_ID },
    { { 501 }, "rejected", "call.rejected", false },
    { { 502 }, "in_doubt", "call.in_doubt", false },
    { { 503 }, "retryable", "call.unavailable", true },
    { { 503, { ["Retry-After"] = "120" } }, "retryable", "call.unavailable", true, 120 },
    { { 503, { SAP_MessageProcessingLogID = MESSAGE_ID } },
      "rejected", "call.rejected", false, nil, MESSAGE_ID },
    { { 429, nil, FLOW_ERROR }, "rejected", "call.rejected", false, nil, MESSAGE_ID },
    { { 504 }, "in_doubt", "call.in_doubt", false },
    { { 502, nil, FLOW_ERROR }, "rejected", "call.rejected", false, nil, MESSAGE_ID },
  }
  for _, case in ipairs(cases) do
    local sent, outcome, code, retryable, retry_after, message_id = table.unpack(case, 1, 6)
    local name = ("%d %s is %s"):format(sent[1], sent[3] and sent[3]:sub(1, 20) or "", outcome)
    it(name, async(function()
      local answer, err, fake = call_with(sent)
      assert.is_nil(answer)
      assert.equal(code, err.code)
      assert.equal(outcome, err.outcome)
      assert.equal(retryable, err.retryable)
      assert.equal(sent[1], err.status)
      assert.equal(retry_after, err.retry_after)
      assert.equal(message_id, err.message_id)
      assert.equal(sent[3] or "", err.body)
      assert.is_table(err.headers)
      assert.equal(1, fake.calls)
    end))
  end

  it("of 502 or 504 is retryable when the call is idempotent", async(function()
    for _, status in ipairs { 502, 504 } do
      local _, err = call_with({ status }, { idempotent = true })
      assert.equal("retryable", err.outcome)
      assert.is_true(err.retryable)
    end
  end))

  it("names where a redirection goes, and does not follow it", async(function()
    local _, err, fake = call_with { 302, { Location = "/elsewhere" } }
    assert.matches("/elsewhere", err.hint, 1, true)
    assert.equal(1, fake.calls)
    _, err = call_with { 302, { Location = "/other", SAP_MessageProcessingLogID = MESSAGE_ID } }
    assert.equal("call.redirected", err.code)
    assert.equal(MESSAGE_ID, err.message_id)
    assert.matches("/other", err.hint, 1, true)
  end))

  it("gives at most 64 KiB of an error's body", async(function()
    local _, err = call_with { 400, nil, ("x"):rep(100 * 1024) }
    assert.equal(64 * 1024, #err.body)
  end))

  it("that is larger than max_body is in doubt", async(function()
    local _, err = call_with({ 200, nil, ("x"):rep(1000) }, { max_body = 100 })
    assert.equal("in_doubt", err.outcome)
    assert.equal("http.limit", err.cause.code)
  end))

  it("quotes no token that the server repeats", async(function()
    local jwt = fake_tenant.jwt { scope = { "x!b1.y" }, filler = ("z"):rep(60) }
    local fake <close> = fake_tenant.start {
      token = function(req) return fake_tenant.give_token(req, { access_token = jwt }) end,
      runtime = function(req) return req:answer(400, nil, "what is " .. jwt .. "?") end,
    }
    local tenant <close> = fake:tenant()
    local _, err = tenant:call { to = "/http/x" }
    assert.is_nil(tostring(err):find(jwt, 1, true))
  end))
end)

describe("401", function()
  it("is repaired by a new token, once", async(function()
    local answer, _, fake = call_with(function(req)
      local good = req.headers.authorization == "Bearer token-2"
      return req:answer(good and 200 or 401, nil, req:body())
    end)
    assert.equal("x", answer.body)
    assert.equal(1, answer.repairs)
    assert.same({ 2, 2 }, { fake.tokens, fake.calls })
  end))

  it("is final when the new token does not help", async(function()
    local answer, err, fake = call_with { 401 }
    assert.is_nil(answer)
    assert.equal("call.unauthorized", err.code)
    assert.equal("rejected", err.outcome)
    assert.same({ 2, 2 }, { fake.tokens, fake.calls })
  end))

  it("with a message processing log id came from the flow: it runs once", async(function()
    for _, sent in ipairs {
      { 401, { SAP_MessageProcessingLogID = MESSAGE_ID } }, { 401, nil, FLOW_ERROR },
      { 403, { SAP_MessageProcessingLogID = MESSAGE_ID } }, { 403, nil, FLOW_ERROR },
      { 403, { SAP_MessageProcessingLogID = MESSAGE_ID, ["X-CSRF-Token"] = "Required" } },
    } do
      local _, err, fake = call_with(sent)
      assert.equal("call.rejected", err.code)
      assert.equal("rejected", err.outcome)
      assert.equal(MESSAGE_ID, err.message_id)
      assert.same({ 1, 1 }, { fake.tokens, fake.calls })
    end
  end))

  it("gives the token server's refusal when the key was revoked", async(function()
    local fake <close> = fake_tenant.start {
      token = function(req, n)
        if n > 1 then return req:answer(401) end
        return fake_tenant.give_token(req)
      end,
      runtime = function(req) return req:answer(401) end,
    }
    local tenant <close> = fake:tenant()
    local _, err = tenant:call { to = "/http/x", body = "x" }
    assert.equal("token.rejected", err.code)
    assert.equal("rejected", err.outcome)
    assert.same({ 2, 1 }, { fake.tokens, fake.calls })
  end))

  it("is not repaired without a token", async(function()
    local _, err, fake = call_with({ 401 }, { auth = "basic" })
    assert.equal("call.unauthorized", err.code)
    assert.equal(1, fake.calls)
  end))

  it("makes a thousand calls fetch one new token", async(function()
    local fake <close> = fake_tenant.start {
      runtime = function(req)
        return req:answer(req.headers.authorization == "Bearer token-1" and 401 or 200)
      end,
    }
    local tenant <close> = fake:tenant()
    local jobs = {}
    for i = 1, 200 do jobs[i] = function() return assert(tenant:call { to = "/http/x" }) end end
    iflow.all(jobs)
    assert.equal(2, fake.tokens)
  end))

  it("that is expected is still repaired first", async(function()
    local answer, _, fake = call_with({ 401 }, { expect = { 401 } })
    assert.equal(401, answer.status)
    assert.equal(2, fake.calls)
  end))
end)

describe("403", function()
  it("is repaired by a new token, for a role that has just been given", async(function()
    local answer = assert(call_with(function(req)
      return req:answer(req.headers.authorization == "Bearer token-2" and 200 or 403)
    end))
    assert.equal(1, answer.repairs)
  end))

  it("lists the token's roles in the end", async(function()
    local jwt = fake_tenant.jwt { scope = { "it-rt-acme!b3.Other.send", "uaa.resource" } }
    local fake <close> = fake_tenant.start {
      token = function(req) return fake_tenant.give_token(req, { access_token = jwt }) end,
      runtime = function(req) return req:answer(403) end,
    }
    local tenant <close> = fake:tenant()
    local _, err = tenant:call { to = "/http/x" }
    assert.equal("call.forbidden", err.code)
    assert.equal("rejected", err.outcome)
    assert.is_truthy(err.message:find("Other.send", 1, true))
    assert.same({ 2, 2 }, { fake.tokens, fake.calls })
  end))
end)

describe("a call that gets no answer", function()
  it("is retryable when nothing was sent", async(function()
    local fake <close> = fake_tenant.start()
    local tenant <close> = fake:tenant { url = "http://localhost:1" }
    local _, err = tenant:call { to = "/http/x", body = "x" }
    assert.equal("net.connect", err.code)
    assert.equal("retryable", err.outcome)
    assert.is_nil(err.status)
  end))

  it("is in doubt when it was sent", async(function()
    local _, err, fake = call_with(function(req) req:body() req:abort() end)
    assert.equal("call.in_doubt", err.code)
    assert.equal("in_doubt", err.outcome)
    assert.equal("net.reset", err.cause.code)
    assert.is_false(err.retryable)
    assert.equal(1, fake.calls)
  end))

  it("is retryable when it is idempotent", async(function()
    local _, err = call_with(function(req) req:body() req:abort() end, { idempotent = true })
    assert.equal("retryable", err.outcome)
    assert.equal("net.reset", err.code)
  end))

  it("in time is in doubt", async(function()
    local gate = true
    local _, err = call_with(function(req)
      req:body()
      while gate do iflow.sleep(0.01) end
      req:abort()
    end, { timeout = 0.5 })
    gate = false
    assert.equal("in_doubt", err.outcome)
    assert.equal("net.timeout", err.cause.code)
  end))

  it("is in doubt when the answer breaks off, and keeps its message id", async(function()
    local _, err = call_with(function(req)
      req:body()
      req:begin(200, { SAP_MessageProcessingLogID = MESSAGE_ID }, 100)
      req:write "half"
      req:abort()
    end)
    assert.equal("in_doubt", err.outcome)
    assert.equal(MESSAGE_ID, err.message_id)
    assert.equal(200, err.status)
  end))

  it("for want of a token is judged by what the token server said", async(function()
    for status, outcome in pairs { [401] = "rejected", [429] = "retryable" } do
      local fake <close> = fake_tenant.start {
        token = function(req) return req:answer(status, { ["Retry-After"] = "3600" }) end,
      }
      local tenant <close> = fake:tenant()
      local _, err = tenant:call { to = "/http/x" }
      assert.equal(outcome, err.outcome)
      assert.equal(0, fake.calls)
    end
  end))

  it("ends at once when its task is cancelled", async(function()
    local gate = true
    local fake <close> = fake_tenant.start {
      runtime = function(req) while gate do iflow.sleep(0.01) end req:abort() end,
    }
    local tenant <close> = fake:tenant()
    local task = iflow.spawn(function() return tenant:call { to = "/http/x" } end)
    repeat iflow.sleep(0.001) until fake.calls == 1
    local open = core.task.counts().operations
    task:cancel()
    local _, err = task:join()
    assert.equal("task.canceled", err.code)
    assert.is_true(core.task.counts().operations < open)
    gate = false
  end))

  it("goes on when its tenant is closed", async(function()
    local fake <close> = fake_tenant.start {
      runtime = function(req) iflow.sleep(0.05) return req:answer(200) end,
    }
    local tenant = fake:tenant()
    local task = iflow.spawn(function() return tenant:call { to = "/http/x" } end)
    repeat iflow.sleep(0.001) until fake.calls == 1
    tenant:close()
    assert.equal(200, assert(task:join()).status)
  end))
end)
