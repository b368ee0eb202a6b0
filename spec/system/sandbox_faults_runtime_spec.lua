-- Faults at the runtime, each over a real connection: what any client sees, and what our own makes
-- of it (sap-reference 8.1, 8.2).
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

local HTML, TEXT = "text/html;charset=utf-8", "text/plain; charset=utf-8"

-- body(land, call, ask): call(options) as our client does it, ask(fields) as any client does.
local function with(body, opts)
  return async(function()
    local land <close> = landscape.open(opts)
    local key = land:key "secret"
    local tenant <close> = assert(iflow.tenant(land:tenant_options "secret"))
    local function call(options)
      local all = { to = "/http/orders", body = "x" }
      for name, value in pairs(options or {}) do all[name] = value end
      return tenant:call(all)
    end
    local bearer = sandbox.bearer(land.sb, key)
    local function ask(fields)
      local all = { method = "POST", path = "/http/orders", body = "x",
                    headers = { Authorization = bearer } }
      for name, value in pairs(fields or {}) do all[name] = value end
      return sandbox.request(land.sb, "runtime", all)
    end
    body(land, call, ask)
  end)
end

local function runs(land) return land.sb:counters().flows.orders or 0 end

-- Turns on only that fault.
local function only(land, text)
  land.sb:clear_faults()
  assert(land.sb:fault(text))
end

local function outcome(call, options)
  local answer, err = call(options)
  if answer then return answer.outcome, answer end
  return err.outcome, err
end

describe("a status at the runtime:", function()
  it("401, which one new token repairs", with(function(land, call, ask)
    only(land, "runtime:401")
    local answer = assert(ask())
    assert.equal(401, answer.status)
    assert.equal("invalid_token", core.json.decode(answer.body).error)
    assert.equal('Bearer error="invalid_token"', answer.headers["www-authenticate"])
    local word, err = outcome(call)
    assert.same({ "rejected", "call.unauthorized" }, { word, err.code })
    only(land, "runtime:401@first=1")
    word, answer = outcome(call)
    assert.same({ "delivered", 1 }, { word, answer.repairs })
    assert.equal(1, runs(land))
  end))

  it("429 and 503, with the time to wait", with(function(land, call, ask)
    only(land, "runtime:429=7")
    local answer = assert(ask())
    assert.same({ 429, HTML, "7" }, { answer.status, answer.headers["content-type"],
                                     answer.headers["retry-after"] })
    local word, err = outcome(call)
    assert.same({ "retryable", "call.unavailable", 7 }, { word, err.code, err.retry_after })
    only(land, "runtime:503=1m")
    answer = assert(ask())
    assert.same({ 503, TEXT, "60", "no_endpoints" }, { answer.status,
      answer.headers["content-type"], answer.headers["retry-after"],
      answer.headers["x-cf-routererror"] })
    word, err = outcome(call)
    assert.same({ "retryable", "call.unavailable", 60 }, { word, err.code, err.retry_after })
    only(land, "runtime:503")
    assert.is_nil(assert(ask()).headers["retry-after"])
    assert.equal("retryable", (outcome(call)))
    assert.equal(0, runs(land))
  end))

  it("500 without a message id", with(function(land, call, ask)
    only(land, "runtime:500")
    local answer = assert(ask())
    assert.same({ 500, HTML }, { answer.status, answer.headers["content-type"] })
    local word, err = outcome(call)
    assert.same({ "rejected", "call.rejected" }, { word, err.code })
    assert.same({ 0, {} }, { runs(land), land.sb:log() })
  end))

  it("502 and 504 of the router: in doubt, unless the flow recognises repeats", with(
    function(land, call, ask)
      for fault, wanted in pairs {
        ["runtime:502"] = { 502, TEXT, "endpoint_failure",
          "502 Bad Gateway: Registered endpoint failed to handle the request.\n" },
        ["runtime:504"] = { 504, TEXT, "endpoint_timeout",
          "504 Gateway Timeout: Registered endpoint failed to answer in time.\n" } } do
        only(land, fault)
        local answer = assert(ask())
        assert.same(wanted, { answer.status, answer.headers["content-type"],
                              answer.headers["x-cf-routererror"], answer.body })
        local word, err = outcome(call)
        assert.same({ "in_doubt", "call.in_doubt" }, { word, err.code })
        assert.equal("retryable", (outcome(call, { idempotent = true })))
      end
      assert.equal(0, runs(land))
    end))
end)

describe("time at the runtime:", function()
  it("slow, then served", with(function(land, call)
    only(land, "runtime:slow=500ms")
    local began = core.task.monotonic()
    assert.equal("delivered", (outcome(call)))
    assert.is_true(core.task.monotonic() - began >= 0.45)
  end))

  it("a stall: in doubt, and nothing ran", with(function(land, call, ask)
    only(land, "runtime:stall=500ms")
    assert.equal("net.reset", select(2, ask()).code)
    land.sb:clear_faults()
    assert(call()) -- there are token and connection now: what is limited is the answer alone
    only(land, "runtime:stall")
    local word, err = outcome(call, { timeout = 1 })
    assert.same({ "in_doubt", "net.timeout" }, { word, err.cause.code })
    assert.equal(1, runs(land))
  end))

  it("a late answer: who gives up and repeats makes a duplicate", with(function(land, call)
    assert(call())
    only(land, "runtime:late@first=1")
    assert.equal("in_doubt", (outcome(call, { timeout = 1 })))
    process.wait_for("the first run", function() return runs(land) == 2 end)
    assert.equal("delivered", (outcome(call)))
    assert.equal(3, runs(land))
    assert.equal(3, #land.sb:log())
  end))

  it("an answer byte by byte", with(function(land, call, ask)
    only(land, "runtime:drip=1ms")
    local answer = assert(ask())
    assert.equal(tostring(#answer.body), answer.headers["content-length"])
    assert.equal("x", core.json.decode(answer.body).body)
    assert.equal("delivered", (outcome(call)))
    only(land, "runtime:drip=1s")
    assert.equal("in_doubt", (outcome(call, { timeout = 1 })))
  end))

  it("a message that is repeated on the way", with(function(land, call)
    only(land, "runtime:twice")
    local word, answer = outcome(call, { body = "two" })
    assert.same({ "delivered", "two" }, { word, core.json.decode(answer.body).body })
    assert.equal(2, runs(land))
    local log = land.sb:log()
    assert.same({ 2, answer.message_id }, { #log, log[2].id })
  end))
end)

describe("connections to the runtime:", function()
  it("are reset before the body, after it, and instead of the answer", with(
    function(land, call, ask)
      for when, ran in pairs { before = 0, after = 0, answer = 1 } do
        local before = runs(land)
        only(land, "runtime:reset=" .. when)
        assert.equal("net.reset", select(2, ask()).code)
        local word, err = outcome(call)
        assert.same({ "in_doubt", "net.reset" }, { word, err.cause.code })
        assert.equal(2 * ran, runs(land) - before)
        assert.equal("retryable", (outcome(call, { idempotent = true })))
      end
    end))

  it("break in the middle of the answer", with(function(land, call, ask)
    only(land, "runtime:truncated")
    assert.equal("net.reset", select(2, ask()).code)
    local word, err = outcome(call)
    assert.same({ "in_doubt", "net.reset", 200 }, { word, err.cause.code, err.status })
    assert.equal(2, runs(land))
  end))

  it("break behind the first piece of an answer in pieces, and before an empty one", with(
    function(land, call)
      only(land, "runtime:truncated")
      assert.equal("in_doubt", (outcome(call, { headers = { ["X-Empty"] = "1" } })))
      assert.equal("in_doubt", (outcome(call)))
      land.sb:clear_faults()
      assert.equal("onetwo", select(2, outcome(call)).body)
    end, { process = function(exchange)
      if exchange:header "X-Empty" then return 204 end
      local pieces = { "one", "two" }
      return 200, {}, function() return table.remove(pieces, 1) end
    end }))
end)

describe("an answer of the runtime", function()
  it("is empty although the flow ran: delivered, without an id", with(function(land, call, ask)
    only(land, "runtime:empty")
    local answer = assert(ask())
    assert.same({ 200, "" }, { answer.status, answer.body })
    assert.is_nil(answer.headers["content-type"])
    local word
    word, answer = outcome(call)
    assert.equal("delivered", word)
    assert.is_nil(answer.message_id)
    assert.equal(2, runs(land))
  end))

  it("says it is of another type", with(function(land, call)
    only(land, "runtime:type")
    local word, answer = outcome(call)
    assert.same({ "delivered", "text/html" }, { word, answer.headers["content-type"] })
    only(land, "runtime:type=application/octet-stream")
    word, answer = outcome(call)
    assert.same({ "delivered", "application/octet-stream" },
                { word, answer.headers["content-type"] })
  end))

  it("says it is of another type, whatever form its headers have", with(function(land, call)
    only(land, "runtime:type=text/x")
    local _, answer = outcome(call)
    assert.same({ "text/x", "1" }, { answer.headers["content-type"], answer.headers["x-one"] })
  end, { process = function()
    return 200, { { "content-Type", "text/y" }, { "X-One", "1" } }, "x"
  end }))
end)

describe("credentials at the runtime", function()
  it("end by its clock", with(function(land, call, ask)
    only(land, "runtime:clock=2h")
    assert.equal(401, assert(ask()).status)
    local word, err = outcome(call)
    assert.same({ "rejected", "call.unauthorized" }, { word, err.code })
    only(land, "runtime:clock=-2h")
    assert.equal("delivered", (outcome(call)))
  end))

  it("of a deleted key are nobody's, its tokens live on", async(function()
    local land <close> = landscape.open()
    only(land, "runtime:deleted")
    local secret <close> = assert(iflow.tenant(land:tenant_options "secret"))
    local own <close> = assert(iflow.tenant(land:tenant_options "certificate"))
    for auth, tenant in pairs { basic = secret, certificate = own } do
      local _, err = tenant:call { to = "/http/orders", body = "x", auth = auth }
      assert.same({ "rejected", "call.unauthorized" }, { err.outcome, err.code })
    end
    assert.equal("delivered", assert(secret:call { to = "/http/orders", body = "x" }).outcome)
  end))

  it("of an expired certificate are dropped", async(function()
    local land <close> = landscape.open()
    only(land, "runtime:expired")
    local tenant <close> = assert(iflow.tenant(land:tenant_options "certificate"))
    local _, err = tenant:call { to = "/http/orders", body = "x", auth = "certificate" }
    assert.same({ "rejected", "call.unauthorized", 401 }, { err.outcome, err.code, err.status })
    assert.equal("delivered", assert(tenant:call { to = "/http/orders", body = "x" }).outcome)
  end))
end)
