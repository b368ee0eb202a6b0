-- Senders against a tenant in this process; waits of policies pass on a clock of the test.
local async = require "spec.support.async"
local core = require "iflow.core"
local fake_tenant = require "spec.support.fake_tenant"
local fresh = require "spec.support.fresh"
local iflow = require "iflow"
local new_clock = require "iflow.test.clock"

before_each(fresh.begin)
after_each(fresh.finish)

-- A sender of that fake tenant, "s".
local function sender_of(fake, options)
  options.service_key, options.token_cache = fake:key(), false
  options.to = options.to or "/http/x"
  return iflow.sender "s" (options)
end

-- Answers in turn with the given statuses (or { status, headers }), the last one for ever.
local function answering(list)
  return fake_tenant.start { runtime = function(req, n)
    req:body()
    local answer = list[math.min(n, #list)]
    if type(answer) == "number" then answer = { answer } end
    return req:answer(answer[1], answer[2] or {}, answer[3] or "")
  end }
end

-- What the runtime got, in order: { target, method, headers, body }.
local function recording(list, status)
  return fake_tenant.start { runtime = function(req)
    list[#list + 1] = { target = req.target, method = req.method, headers = req.headers,
      body = req:body() }
    return req:answer(status and status(list[#list], #list) or 200, {}, "")
  end }
end

describe("a sender's definition", function()
  local function refused(options, text)
    local ok, err = pcall(function() iflow.sender "d" (options) end)
    assert.is_false(ok)
    assert.matches("^spec/unit/lua/sender_spec.lua:%d+: ", err)
    assert.matches(text, err)
  end

  it("is refused where it stands, with a suggestion", function()
    refused({ to = "/x", transforms = {} }, "unknown option 'transforms', did you mean 'transform'")
    refused({}, "'to' is missing")
    refused({ to = 3 }, "'to' must be a text or a function")
    refused({ to = "/x", retry = "sapp" }, "did you mean 'sap'")
    refused({ to = "/x", concurrency = 0 }, "'concurrency' must be a whole number from 1 to 256")
    refused({ to = "/x", rate = -1 }, "'rate'")
    refused({ to = "/x", transform = { "csv" } }, "step 1 of 'transform'")
    refused({ to = "/x", headers = { "a" } }, "'headers' has names")
    refused({ to = "/x", message_id = { headers = "x" } }, "did you mean 'header'")
    refused({ to = "/x", breaker = { share = 2 } }, "'share'")
    refused({ to = "/x", on_rejected = "no" }, "'on_rejected' must be a function")
    refused({ to = "/x", timeout = "soon" }, "'timeout' must be a number of seconds")
    refused({ to = "/x", idempotent = "yes" }, "'idempotent' must be true or false")
    refused({ to = "/x", auth = "bearer" }, "'auth' must be \"token\"")
    refused({ to = "/x", expect = 404 }, "'expect' must be a list of statuses")
    refused({ to = "/x", max_body = "1m" }, "'max_body' must be a number of bytes")
    refused({ to = "/x", retry = { attempt = 2 } }, "'attempt', did you mean 'attempts'")
    refused({ to = "/x", retry = { first = "soon" } }, "'first' must be a number of seconds")
    refused({ to = "/x", retry = { on = { timeout = true } } }, "'on' is a list: { timeout }")
    refused("text", "defined by a table")
  end)

  it("stands once", function()
    iflow.sender "twice" { to = "/a" }
    assert.error_matches(function() iflow.sender "twice" { to = "/b" } end,
      "defined twice; first at spec/unit/lua/sender_spec.lua:")
  end)

  it("is needed to send", async(function()
    iflow.sender "orders" { to = "/a" }
    assert.error_matches(function() iflow.sender "order":send "x" end,
      "no sender 'order' is defined, did you mean 'orders'")
  end))

  it("names a service key that is missing when it sends", async(function()
    local s = iflow.sender "s" { to = "/a", service_key = "no-such-file.json" }
    local answer, err = s:send "x"
    assert.is_nil(answer)
    assert.equal("file.not_found", err.code)
  end))
end)

describe("sender:send", function()
  it("sends bytes as they are, with an id of its own", async(function()
    local got = {}
    local fake <close> = recording(got)
    local s = sender_of(fake, {})
    local answer = assert(s:send "hello")
    assert.equal("delivered", answer.outcome)
    assert.equal("hello", got[1].body)
    assert.equal("POST", got[1].method)
    assert.matches("^%x+%-%x+%-7%x+%-[89ab]%x+%-%x+$", got[1].headers["sap_applicationid"])
    s:close()
  end))

  it("takes functions wherever a value can stand", async(function()
    local got = {}
    local fake <close> = recording(got)
    local s = sender_of(fake, {
      to = function(msg) return "/http/" .. msg.data.region end,
      method = function() return "PUT" end,
      headers = { ["X-Region"] = function(msg) return msg.data.region end,
        ["X-Not"] = function() end, ["X-Plain"] = "plain", ["X-Number"] = 7 },
      query = function(msg) return { n = msg.data.n } end,
      message_id = { header = "X-Id", value = function(msg) return "id-" .. msg.data.n end },
      transform = { function(msg) msg.body = "n=" .. msg.data.n; return msg end },
    })
    assert(s:send { region = "emea", n = 4 })
    assert.equal("/http/emea?n=4", got[1].target)
    assert.equal("PUT", got[1].method)
    assert.equal("n=4", got[1].body)
    local headers = got[1].headers
    assert.same({ "emea", "plain", "7", "id-4" },
      { headers["x-region"], headers["x-plain"], headers["x-number"], headers["x-id"] })
    assert.is_nil(headers["x-not"])
    assert.is_nil(headers["sap_applicationid"])
    s:close()
  end))

  it("says that data need bytes", async(function()
    local fake <close> = answering { 200 }
    local s = sender_of(fake, {})
    local answer, err = s:send { a = 1 }
    assert.is_nil(answer)
    assert.equal("transform.invalid", err.code)
    assert.equal("rejected", err.outcome)
    assert.equal(0, fake.calls)
    s:close()
  end))

  it("leaves out, rejects and multiplies as transforms say", async(function()
    local fake <close> = answering { 200 }
    local s = sender_of(fake, { transform = {
      function(msg)
        if msg.body == "out" then return iflow.done() end
        if msg.body == "bad" then return iflow.reject "it is bad" end
        if msg.body == "oops" then error "oops" end
        if msg.body == "forgot" then return end
        return msg.body
      end,
      { run = function(_, msg, emit)
        for piece in msg.body:gmatch "%w+" do emit(msg:with { body = piece, id = false }) end
      end },
    } })
    assert.same({ outcome = "skipped", count = 0 }, s:send "out")
    local _, err = s:send "bad"
    assert.same({ "message.rejected", "rejected" }, { err.code, err.outcome })
    assert.matches("it is bad", err.message)
    _, err = s:send "oops"
    assert.equal("transform.failed", err.code)
    assert.matches("sender_spec.lua:%d+: oops", err.message)
    assert.matches("stack traceback", err.traceback)
    _, err = s:send "forgot"
    assert.matches("returned nothing", err.message)
    assert.equal(0, fake.calls)
    local answer = assert(s:send "one two three")
    assert.same({ "delivered", 3 }, { answer.outcome, answer.count })
    assert.equal(3, fake.calls)
    s:close()
  end))

  it("tells the callbacks, whose errors change nothing", async(function()
    local told = {}
    local fake <close> = answering { 200, { 500, { SAP_MessageProcessingLogID = ("A"):rep(28) } } }
    local s = sender_of(fake, {
      on_delivered = function(msg, answer) told[#told + 1] = msg.body .. answer.status end,
      on_rejected = function(msg, err)
        told[#told + 1] = msg.body .. err.status
        error "never mind"
      end,
    })
    assert(s:send "a")
    local _, err = s:send "b"
    assert.equal("rejected", err.outcome)
    assert.same({ "a200", "b500" }, told)
    assert.matches("on_rejected failed: .*never mind", core.log.captured())
    s:close()
  end))

  it("raises outside iflow.run", function()
    iflow.sender "s" { to = "/a" }
    local _, err = pcall(function() iflow.sender "s":send "x" end)
    assert.matches("^spec/unit/lua/sender_spec.lua:%d+: 'send' waits, .*inside iflow.run", err)
  end)
end)

describe("a retry", function()
  it("follows SAP's table: 503 after 1, 3 and 9 s, then gives up", async(function()
    local clock <close> = new_clock()
    local fake <close> = answering { 503 }
    local s = sender_of(fake, {})
    local answer, err = s:send "x"
    assert.is_nil(answer)
    assert.same({ "call.unavailable", "retryable", 503 }, { err.code, err.outcome, err.status })
    assert.equal(4, fake.calls)
    assert.is_true(clock:elapsed() >= 13)
    s:close()
  end))

  it("has the same id on every attempt", async(function()
    local clock <close> = new_clock() -- luacheck: ignore
    local got = {}
    local fake <close> = recording(got, function(_, n) return n < 3 and 503 or 200 end)
    local s = sender_of(fake, {})
    assert(s:send "x")
    assert.equal(3, #got)
    assert.equal(got[1].headers["sap_applicationid"], got[3].headers["sap_applicationid"])
    s:close()
  end))

  it("waits as long as Retry-After says, clamped", async(function()
    local clock <close> = new_clock()
    local fake <close> = answering { { 429, { ["Retry-After"] = "7200" } }, 200 }
    local s = sender_of(fake, { retry = iflow.retry { first = "1s", retry_after = "30m" } })
    assert(s:send "x")
    assert.is_true(clock:elapsed() >= 1800 and clock:elapsed() < 3600)
    s:close()
  end))

  it("is no one's for what is rejected or in doubt", async(function()
    local clock <close> = new_clock() -- luacheck: ignore
    local fake <close> = fake_tenant.start { runtime = function(req, n)
      req:body()
      if n == 1 then return req:answer(400, {}, "no") end
      req:abort()
    end }
    local s = sender_of(fake, {})
    local _, err = s:send "x"
    assert.equal("rejected", err.outcome)
    _, err = s:send "x"
    assert.equal("in_doubt", err.outcome)
    assert.equal(2, fake.calls)
    s:close()
  end))

  it("repeats what is in doubt for an idempotent sender", async(function()
    local clock <close> = new_clock() -- luacheck: ignore
    local fake <close> = fake_tenant.start { runtime = function(req, n)
      req:body()
      if n < 3 then return req:abort() end
      return req:answer(200, {}, "")
    end }
    local s = sender_of(fake, { idempotent = true })
    assert(s:send "x")
    assert.equal(3, fake.calls)
    s:close()
  end))

  it("is asked of a function", async(function()
    local clock <close> = new_clock()
    local asked = {}
    local fake <close> = answering { 503 }
    local s = sender_of(fake, { retry = function(attempt, err, msg)
      asked[#asked + 1] = ("%d %d %s"):format(attempt, err.status, msg.body)
      if attempt < 3 then return "2h" end
      return iflow.reject "three times is enough"
    end })
    local _, err = s:send "x"
    assert.same({ "1 503 x", "2 503 x", "3 503 x" }, asked)
    assert.same({ "message.rejected", "rejected" }, { err.code, err.outcome })
    assert.is_true(clock:elapsed() >= 4 * 3600)
    s:close()
  end))

  it("of a body that can be read once does not happen", async(function()
    local clock <close> = new_clock() -- luacheck: ignore
    local fake <close> = answering { 503 }
    local s = sender_of(fake, { csrf = false })
    local given = false
    local _, err = s:send(function()
      if not given then
        given = true
        return "piece"
      end
    end)
    assert.equal("retryable", err.outcome)
    assert.equal(1, fake.calls)
    s:close()
  end))
end)

describe("sender:send_all", function()
  local function numbers(n)
    local i = 0
    return function()
      i = i + 1
      if i <= n then return tostring(i) end
    end
  end

  it("sends everything, not more at once than it may, and counts", async(function()
    local now, most = 0, 0
    local fake <close> = fake_tenant.start { runtime = function(req, n)
      now = now + 1
      most = math.max(most, now)
      iflow.sleep(0.01)
      now = now - 1
      return req:answer(n % 10 == 0 and 400 or 200, {}, "")
    end }
    local s = sender_of(fake, { concurrency = 4 })
    local summary = assert(s:send_all(numbers(50)))
    assert.same({ 45, 5, 0, 0 },
      { summary.delivered, summary.rejected, summary.in_doubt, summary.retryable })
    assert.equal(1, summary:exit_code())
    assert.matches("45 delivered, 5 rejected", tostring(summary))
    assert.is_true(most <= 4 and most > 1)
    s:close()
  end))

  it("sends what messages have in common, and what each has of its own", async(function()
    local got = {}
    local fake <close> = recording(got)
    local s = sender_of(fake, { concurrency = 1, query = { a = "1" },
      headers = { ["X-Fixed"] = 7, ["X-Left-Out"] = false } })
    local new = iflow.message.new
    local summary = assert(s:send_all { "plain", new { body = "typed", content_type = "text/csv" },
      new { body = "named", id = "n-1" }, new { body = "own", headers = { ["X-Own"] = "yes" } },
      new { body = "again" } })
    assert.equal(5, summary.delivered)
    local seen = {}
    for i, request in ipairs(got) do
      local h = request.headers
      assert.same({ "7", "/http/x?a=1" }, { h["x-fixed"], request.target })
      assert.is_nil(h["x-left-out"])
      seen[i] = { request.body, h["content-type"] or "", h["x-own"] or "",
        #h.sap_applicationid == 36 and "uuid" or h.sap_applicationid }
    end
    assert.same({ { "plain", "", "", "uuid" }, { "typed", "text/csv", "", "uuid" },
      { "named", "", "", "n-1" }, { "own", "", "yes", "uuid" }, { "again", "", "", "uuid" } }, seen)
    s:close()
  end))

  it("sends a header of its own instead of id and content type", async(function()
    local got = {}
    local fake <close> = recording(got)
    local s = sender_of(fake, { headers = { ["content-type"] = "text/x",
      sap_applicationid = "me" } })
    assert(s:send_all { iflow.message.new { body = "a", content_type = "text/csv" } })
    assert.same({ "text/x", "me" },
      { got[1].headers["content-type"], got[1].headers.sap_applicationid })
    s:close()
  end))

  it("goes on to other addresses while one is paused", async(function()
    local _ <close> = new_clock()
    local fake <close> = fake_tenant.start { runtime = function(req)
      return req:answer(req.target == "/http/down" and 503 or 200, {}, "")
    end }
    local s = sender_of(fake, { concurrency = 2, to = function(msg) return msg.body end })
    local list, ended = {}, {}
    for i = 1, 8 do list[i] = "/http/down" end
    list[9] = "/http/up"
    assert(s:send_all(list, { each = function(msg) ended[#ended + 1] = msg.body end }))
    assert.same({ 9, "/http/up" }, { #ended, ended[1] })
    s:close()
  end))

  it("does not ask for more than it can hold", async(function()
    local gate, asked = true, 0
    local fake <close> = fake_tenant.start { runtime = function(req)
      while gate do iflow.sleep(0.01) end
      return req:answer(200, {}, "")
    end }
    local s = sender_of(fake, { concurrency = 2 })
    local task = iflow.spawn(function()
      return s:send_all(function()
        asked = asked + 1
        return asked <= 100 and "x" or nil
      end)
    end)
    iflow.sleep(0.3)
    assert.is_true(asked >= 2 and asked <= 20, "asked for " .. asked)
    gate = false
    assert.equal(100, task:join().delivered)
    s:close()
  end))

  it("keeps the order within a key", async(function()
    local order = {}
    local fake <close> = fake_tenant.start { runtime = function(req, n)
      local body = req:body()
      iflow.sleep(n % 3 / 100)
      order[#order + 1] = body
      return req:answer(200, {}, "")
    end }
    local s = sender_of(fake, { order_by = function(msg) return msg.body:sub(1, 1) end })
    local list = {}
    for i = 1, 30 do list[i] = ("%s%02d"):format(("abc"):sub(i % 3 + 1, i % 3 + 1), i) end
    assert.equal(30, assert(s:send_all(list)).delivered)
    local last = {}
    for _, body in ipairs(order) do
      local key, n = body:sub(1, 1), tonumber(body:sub(2))
      assert.is_true(n > (last[key] or 0), table.concat(order, " "))
      last[key] = n
    end
    s:close()
  end))

  it("keeps to the rate", async(function()
    local clock <close> = new_clock()
    local fake <close> = answering { 200 }
    local s = sender_of(fake, { rate = 10, concurrency = 8 })
    assert.equal(60, assert(s:send_all(numbers(60))).delivered)
    assert.is_true(clock:elapsed() >= 4.9)
    s:close()
  end))

  it("stops when the credentials are refused", async(function()
    local fake <close> = fake_tenant.start { token = function(req)
      return req:answer(401, { ["Content-Type"] = "application/json" }, '{"error":"unauthorized"}')
    end }
    local s = sender_of(fake, { concurrency = 2 })
    local summary = assert(s:send_all(numbers(1000)))
    assert.equal("token.rejected", summary.stopped.code)
    assert.equal(3, summary:exit_code())
    assert.is_true(summary:total() < 100)
    s:close()
  end))

  it("pauses an endpoint as a whole, and probes with one message", async(function()
    local clock <close> = new_clock()
    local times, down = {}, true
    local fake <close> = fake_tenant.start { runtime = function(req)
      times[#times + 1] = clock:elapsed()
      if clock:elapsed() > 100 then down = false end
      return req:answer(down and 503 or 200, down and { ["Retry-After"] = "60" } or {}, "")
    end }
    local s = sender_of(fake, { concurrency = 4, retry = iflow.retry { attempts = 100 } })
    assert.equal(40, assert(s:send_all(numbers(40))).delivered)
    local early, probes = 0, 0
    for _, at in ipairs(times) do
      if at < 50 then early = early + 1 elseif at < 110 then probes = probes + 1 end
    end
    assert.is_true(early <= 4, early .. " calls before the pause")
    assert.equal(1, probes)
    s:close()
  end))

  it("gives up soon when the endpoint is down for good", async(function()
    local clock <close> = new_clock()
    local fake <close> = answering { 503 }
    local s = sender_of(fake, { concurrency = 4 })
    local summary = assert(s:send_all(numbers(500)))
    assert.equal(500, summary.retryable)
    assert.equal(4, summary:exit_code())
    assert.is_true(fake.calls < 100, fake.calls .. " calls")
    assert.is_true(clock:elapsed() < 600, clock:elapsed() .. " s")
    s:close()
  end))

  it("opens the circuit on a share of failures, and closes it again", async(function()
    local clock <close> = new_clock()
    local fake <close> = fake_tenant.start { runtime = function(req, n)
      req:body()
      if n <= 12 then return req:abort() end
      return req:answer(200, {}, "")
    end }
    local s = sender_of(fake, { idempotent = true, concurrency = 1,
      breaker = { share = 0.5, window = 10, pause = "10m" },
      retry = iflow.retry { first = "1ms", max = "1ms", attempts = 50 } })
    assert.equal(20, assert(s:send_all(numbers(20))).delivered)
    assert.is_true(clock:elapsed() >= 600)
    s:close()
  end))

  it("is never held up by what is wrong with a message", async(function()
    local fake <close> = answering { 400 }
    local s = sender_of(fake, {})
    assert.equal(200, assert(s:send_all(numbers(200))).rejected)
    assert.equal(200, fake.calls)
    s:close()
  end))
end)
