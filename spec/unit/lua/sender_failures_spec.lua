-- Senders when something goes wrong in the middle: no message is lost without a word, whatever
-- raises, is cancelled or is closed.
local async = require "spec.support.async"
local core = require "iflow.core"
local fake_tenant = require "spec.support.fake_tenant"
local fresh = require "spec.support.fresh"
local iflow = require "iflow"
local new_clock = require "iflow.test.clock"
local process = require "spec.support.process"
local raises = require "spec.support.raises"

before_each(fresh.begin)
after_each(fresh.finish)

local function sender_of(fake, options)
  options.service_key, options.token_cache = fake:key(), false
  options.to = options.to or "/http/x"
  return iflow.sender "s" (options)
end

-- answer(body, n) -> status, headers; may wait.
local function tenant(answer)
  return fake_tenant.start { runtime = function(req, n)
    local status, headers = answer(req:body(), n)
    return req:answer(status, headers or {}, "")
  end }
end

local function fine() return 200 end

-- An answer that comes when .open is set.
local function held()
  return setmetatable({}, { __call = function(self)
    while not self.open do iflow.sleep(0.01) end
    return 200
  end })
end

-- Sends "1" … "n"; the summary, and what each of them became.
local function send_numbers(sender, n)
  local list, ends = {}, {}
  for i = 1, n do list[i] = tostring(i) end
  local summary = sender:send_all(list, { each = function(msg, _, err)
    ends[msg.body] = err and err.outcome .. " " .. err.code or "delivered"
  end })
  return summary, ends
end

describe("a message whose call raises", function()
  local function check(options, payload)
    local fake <close> = tenant(fine)
    local s = sender_of(fake, options)
    local answer, err = s:send(payload or "x")
    assert.is_nil(answer)
    assert.same({ "script.failed", "rejected" }, { err.code, err.outcome })
    local summary = assert(s:send_all { payload or "x", payload or "y" })
    assert.same({ 2, 1 }, { summary.rejected, summary:exit_code() })
    s:close()
  end

  it("is rejected: values of the script", async(function()
    check { headers = function() return { X = {} , Y = { {} } } end }
  end))
  it("is rejected: its method", async(function()
    check { method = function() return 5 end }
  end))
  it("is rejected: its query", async(function()
    check { query = function() return { a = { {} } } end }
  end))
  it("is rejected: an iterator that raises", async(function()
    check({}, iflow.message.new { body = function() error "no more" end })
  end))
  it("is rejected: a key of order that is none", async(function()
    check { order_by = function() return 0 / 0 end }
  end))
  it("is rejected: a key of order that would never be met again", async(function()
    check { order_by = function() return {} end }
  end))
end)

describe("what functions of the script give for a message", function()
  local function error_of(options, payload)
    local fake <close> = tenant(fine)
    local s = sender_of(fake, options)
    local _, err = s:send(payload or "x")
    s:close()
    return err.message
  end

  it("is named when it is wrong", async(function()
    assert.matches("function 'query' returns a table, got number",
      error_of { query = function() return 5 end })
  end))
  it("is named when it has no names", async(function()
    assert.matches("'headers' has names", error_of { headers = function() return { "a" } end })
  end))
  it("is named when it is no id", async(function()
    assert.matches("the id of a message is a text, got table",
      error_of({}, iflow.message.new { body = "x", id = {} }))
  end))
  it("may be a number for an id, a query that is encoded, a word for a call", async(function()
    local got
    local fake <close> = fake_tenant.start { runtime = function(req)
      req:body()
      got = req
      return req:answer(200, {}, "")
    end }
    local s = sender_of(fake, { query = function() return "a=b%20c" end,
      headers = { ["X-Yes"] = true, ["X-No"] = false }, auth = function() return "token" end })
    assert(s:send(iflow.message.new { body = "x", id = 4711 }))
    assert.same({ "/http/x?a=b%20c", "4711", "true" },
      { got.target, got.headers["sap_applicationid"], got.headers["x-yes"] })
    assert.is_nil(got.headers["x-no"])
    s:close()
  end))
end)

describe("a sending", function()
  it("goes on after a message with an address that is none", async(function()
    local fake <close> = tenant(fine)
    local s = sender_of(fake, { to = function(msg) return "/http/" .. msg.body end,
      concurrency = 1 })
    local list = {}
    for i = 1, 30 do list[i] = i == 3 and "a b" or "x" end
    local summary = s:send_all(list)
    assert.same({ 29, 1 }, { summary.delivered, summary.rejected })
    assert.is_nil(summary.stopped)
    s:close()
  end))

  it("goes on after a message whose file is not there", async(function()
    local fake <close> = tenant(fine)
    local s = sender_of(fake, { concurrency = 1 })
    local list = {}
    for i = 1, 30 do list[i] = i == 3 and iflow.message.new { body = { file = "/no" } } or "x" end
    local summary = s:send_all(list)
    assert.same({ 29, 1 }, { summary.delivered, summary.rejected })
    s:close()
  end))

  it("delivers what an iterator gave before it raised", async(function()
    local fake <close> = tenant(fine)
    local told, i = 0, 0
    local s = sender_of(fake, { on_delivered = function() told = told + 1 end })
    local ok, err = pcall(s.send_all, s, function()
      i = i + 1
      if i == 4 then error "the database is gone" end
      return "x"
    end)
    assert.is_false(ok)
    assert.matches("^spec/unit/lua/sender_failures_spec.lua:%d+: the database is gone", err)
    assert.same({ 3, 3 }, { told, fake.calls })
    s:close()
  end))

  it("raises what `each` raised, when all have ended", async(function()
    local fake <close> = tenant(fine)
    local s = sender_of(fake, { concurrency = 2 })
    local i = 0
    local ok, err = pcall(s.send_all, s, function()
      i = i + 1
      return i <= 1000 and "x" or nil
    end, { each = function() error "no room" end })
    assert.is_false(ok)
    assert.matches("no room", err)
    assert.is_true(i < 1000)
    s:close()
  end))

  it("that stops tells what became of each message it has taken", async(function()
    local fake <close> = fake_tenant.start { token = function(req)
      return req:answer(401, {}, '{"error":"unauthorized"}')
    end }
    local s = sender_of(fake, { concurrency = 1 })
    local taken, ends = 0, 0
    local summary = s:send_all(function()
      taken = taken + 1
      return "x"
    end, { each = function() ends = ends + 1 end })
    assert.equal(3, summary:exit_code())
    assert.same({ taken, taken }, { ends, summary:total() })
    s:close()
  end))

  it("that is cancelled tells what became of each message", async(function()
    local gate = held()
    local fake <close> = tenant(gate)
    local s = sender_of(fake, { concurrency = 2 })
    local ends, taken = {}, 0
    local running = core.task.spawn(function()
      s:send_all(function()
        taken = taken + 1
        return tostring(taken)
      end, { each = function(msg, _, err) ends[#ends + 1] = { msg.body, err.outcome } end })
    end)
    process.wait_for("two calls", function() return fake.calls == 2 end)
    running:cancel()
    running:join()
    gate.open = true
    assert.equal(taken, #ends)
    for i, one in ipairs(ends) do
      assert.same({ tostring(i), i <= 2 and "in_doubt" or "retryable" }, one)
    end
    s:close()
  end))

  it("is not fed with what is no list", async(function()
    local s = iflow.sender "s" { to = "/http/x", service_key = "no.json" }
    for _, wrong in ipairs { { order = 1 }, iflow.message.new { body = "x" }, "text", 5 } do
      raises("send_all takes a list of messages", function() s:send_all(wrong) end)
    end
    raises("options of send_all are a table", function() s:send_all({}, true) end)
    raises("'each' must be a function", function() s:send_all({}, { each = 1 }) end)
  end))

  it("says which of its messages is none at the line that sends", async(function()
    local fake <close> = tenant(fine)
    local s = sender_of(fake, {})
    raises("iterator of pieces is expected, got number", function()
      local summary = s:send_all { "a", 5 }
      return summary
    end)
    s:close()
  end))
end)

describe("the summary", function()
  it("counts what functions leave out", async(function()
    local fake <close> = tenant(fine)
    local s = sender_of(fake, { transform = function(msg)
      return msg.body == "out" and iflow.done() or msg
    end })
    local summary = s:send_all { "in", "out", "out" }
    assert.same({ 1, 2 }, { summary.delivered, summary.skipped })
    assert.matches(", 2 left out;", tostring(summary))
    s:close()
  end))

  it("has a step that fails at the end of the input; the others go on", async(function()
    local fake <close> = tenant(fine)
    local function forward(_, msg, emit) return emit(msg) end
    local s = sender_of(fake, { transform = {
      { run = forward, finish = function() error "no memory" end },
      { run = forward, finish = function()
        return nil, iflow.error { code = "transform.invalid", message = "half a batch" }
      end },
    } })
    local texts = {}
    local summary = s:send_all({ "a", "b" }, { each = function(_, _, err)
      texts[#texts + 1] = err and err.message
    end })
    assert.same({ 2, 2, 1 }, { summary.delivered, summary.rejected, summary:exit_code() })
    assert.matches("at the end of the input: .*no memory", texts[1])
    assert.matches("at the end of the input: half a batch", texts[2])
    s:close()
  end))

  it("says in doubt rather than refused when something was sent", function()
    local summary = require "iflow.sender.summary" ()
    summary:count(nil, iflow.error { code = "token.rejected", message = "no" })
    assert.equal(3, summary:exit_code())
    local doubt = iflow.error { code = "call.in_doubt", message = "?" }
    doubt.outcome = "in_doubt"
    summary:count(nil, doubt)
    assert.equal(5, summary:exit_code())
  end)
end)

describe("a policy in plain words", function()
  it("is what iflow.retry makes of it", async(function()
    local fake <close> = tenant(function() return 503 end)
    local s = sender_of(fake, { retry = { attempts = 3, jitter = "none" } })
    local _ <close> = new_clock()
    assert.equal("retryable", select(2, s:send "x").outcome)
    assert.equal(3, fake.calls)
    s:close()
  end))
end)

describe("an endpoint that is given up", function()
  it("leaves those to retry that were not tried: another's doubt is not theirs", async(function()
    local gate = held()
    local fake <close> = tenant(gate)
    local s = sender_of(fake, { timeout = "500ms", concurrency = 1,
      retry = iflow.retry { attempts = 1 } })
    local summary, ends = send_numbers(s, 5)
    assert.same({ 1, 4, 1 }, { summary.in_doubt, summary.retryable, fake.calls })
    assert.equal("in_doubt call.in_doubt", ends["1"])
    assert.equal("retryable call.unavailable", ends["5"])
    gate.open = true
    s:close()
  end))
end)

describe("a probe", function()
  it("that never reached the endpoint opens it for nobody", async(function()
    local got = {}
    local fake <close> = tenant(function(body, n)
      got[n] = body
      return n == 1 and 503 or 200
    end)
    local s = sender_of(fake, { concurrency = 1, retry = iflow.retry { attempts = 3 },
      method = function(msg) return msg.body == "bad" and {} or "POST" end })
    local _ <close> = new_clock()
    assert.equal(2, s:send_all({ "a", "bad", "b" }).delivered)
    assert.equal(3, #got)
    s:close()
  end))
end)

describe("a retry function", function()
  it("may send by the same sender, with one call at once, as a probe", async(function()
    local fake <close> = tenant(function(body) return body == "alert" and 200 or 502 end)
    local s, alerts = nil, 0
    s = sender_of(fake, { idempotent = true, concurrency = 1,
      breaker = { window = 1, share = 1, pause = "10s" },
      retry = function(attempt, _, msg)
        if msg.body ~= "alert" then
          assert(s:send "alert")
          alerts = alerts + 1
        end
        return attempt < 3 and 1 or nil
      end })
    local _ <close> = new_clock()
    assert.equal("retryable", select(2, s:send "x").outcome)
    assert.equal(3, alerts)
    s:close()
  end))

  it("holds others up as long as it holds its message", async(function()
    local fake <close> = tenant(function(_, n) return n == 1 and 503 or 200 end)
    local s = sender_of(fake, { concurrency = 1, retry = function() return "1h" end })
    local clock <close> = new_clock()
    assert.equal(2, s:send_all({ "a", "b" }).delivered)
    assert.is_true(clock:elapsed() >= 3600)
    assert.equal(3, fake.calls)
    s:close()
  end))
end)

describe("a message that is sent again", function()
  it("has all its attempts again", async(function()
    local fake <close> = tenant(function(_, n) return n % 2 == 1 and 503 or 200 end)
    local s = sender_of(fake, { retry = iflow.retry { attempts = 2 } })
    local _ <close> = new_clock()
    local msg = iflow.message.new { body = "x" }
    for _ = 1, 2 do
      assert(s:send(msg))
      assert.equal(2, msg.attempt)
    end
    s:close()
  end))
end)

describe("a policy's deadline", function()
  it("holds for waits that the endpoint's pauses make longer", async(function()
    local _ <close> = new_clock()
    local got = {}
    local fake <close> = tenant(function(body)
      got[#got + 1] = body
      if body == "1" then return 502 end
      return 503, { ["Retry-After"] = "60" }
    end)
    local s = sender_of(fake, { idempotent = true, concurrency = 1,
      retry = iflow.retry { attempts = 50, deadline = "10s" } })
    local summary = send_numbers(s, 2)
    assert.equal(2, summary.retryable)
    assert.same({ "1", "2" }, got)
    s:close()
  end))
end)

describe("repetitions", function()
  it("are counted for the sending that made them", async(function()
    local failed = {}
    local fake <close> = tenant(function(body)
      if failed[body] or body == "b" then return 200 end
      failed[body] = true
      return 502
    end)
    local s = sender_of(fake, { idempotent = true })
    local _ <close> = new_clock()
    local results = assert(iflow.all {
      function() return s:send_all { "a" } end, function() return s:send_all { "b" } end })
    assert.same({ 1, 0 }, { results[1].retried, results[2].retried })
    s:close()
  end))
end)
