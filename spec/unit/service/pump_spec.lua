-- Pumps: what becomes of messages in the outbox. A tenant in this process, a real outbox; waits of
-- policies pass on a clock of the test.
local async = require "spec.support.async"
local core = require "iflow.core"
local errors = require "iflow.error"
local fake_tenant = require "spec.support.fake_tenant"
local fresh = require "spec.support.fresh"
local iflow = require "iflow"
local new_clock = require "iflow.test.clock"
local outbox_service = require "spec.support.outbox_service"
local process = require "spec.support.process"
local wall_clock = require "spec.support.wall_clock"

local level
before_each(function()
  fresh.begin()
  level = core.log.level "info"
end)
after_each(function()
  core.log.level(level)
  fresh.finish()
end)

local function sender_of(fake, options, name)
  options.service_key, options.token_cache = options.service_key or fake:key(), false
  options.to = options.to or "/http/x"
  return iflow.sender(name or "s")(options)
end

-- Answers in turn with the given statuses (or { status, headers, body }), the last one for ever.
local function answering(list)
  return fake_tenant.start { runtime = function(req, n)
    req:body()
    local answer = list[math.min(n, #list)]
    if type(answer) == "number" then answer = { answer } end
    return req:answer(answer[1], answer[2] or {}, answer[3] or "")
  end }
end

-- What the runtime got: bodies and ids.
local function recording(bodies, ids, status)
  return fake_tenant.start { runtime = function(req, n)
    local body = req:body()
    bodies[#bodies + 1] = body
    if ids then ids[#ids + 1] = req.headers["sap_applicationid"] end
    return req:answer(status and status(n, body) or 200, {}, "")
  end }
end

-- Answers when the spec says so.
local function held(begun)
  local self = { open = false }
  self.fake = fake_tenant.start { runtime = function(req)
    local body = req:body()
    begun[#begun + 1] = body
    while not self.open do core.task.sleep(0.005) end
    return req:answer(200, {}, "")
  end }
  return self
end

describe("a pump", function()
  it("delivers what was enqueued, with its id, headers and type", async(function()
    local got
    local fake <close> = fake_tenant.start { runtime = function(req)
      got = { headers = req.headers, body = req:body() }
      return req:answer(201, { ["X-A"] = "b" }, "done")
    end }
    local s = sender_of(fake, { headers = { ["X-Kind"] = "order" } })
    local running <close> = outbox_service.open()
    local result = assert(s:enqueue(iflow.message.new { body = "x", content_type = "text/csv",
      headers = { ["X-Own"] = "1" } }))
    local answer = assert(running.service:wait("s", result.id, 30))
    assert.same({ 201, "done", "b" }, { answer.status, answer.body, answer.headers["x-a"] })
    assert.equal("x", got.body)
    assert.same({ result.id, "1", "order", "text/csv" }, { got.headers["sap_applicationid"],
      got.headers["x-own"], got.headers["x-kind"], got.headers["content-type"] })
    local row = running:row("s", result.id)
    assert.same({ "delivered", 1, 201 }, { row.state, row.attempts, row.status })
    local line = core.log.captured():match "[^\n]* delivered [^\n]*"
    for _, field in ipairs { "id=" .. result.id, "attempt=1", "sender=s", "status=201" } do
      assert.is_truthy(line:find(field, 1, true), line)
    end
  end))

  it("delivers what lay there before it began, the oldest first", async(function()
    local bodies = {}
    local fake <close> = recording(bodies)
    local s = sender_of(fake, { concurrency = 1 })
    local running <close> = outbox_service.open { start = false }
    for i = 1, 100 do assert(s:enqueue(tostring(i))) end
    assert.equal(0, #bodies)
    running.service:start_pumps()
    assert.is_true(running.service:drain(30))
    for i = 1, 100 do assert.equal(tostring(i), bodies[i]) end
  end))

  it("has no more calls under way than the sender may have", async(function()
    local now, most = 0, 0
    local fake <close> = fake_tenant.start { runtime = function(req)
      now = now + 1
      most = math.max(most, now)
      core.task.sleep(0.01)
      now = now - 1
      return req:answer(200, {}, "")
    end }
    local s = sender_of(fake, { concurrency = 3 })
    local running <close> = outbox_service.open()
    for i = 1, 60 do assert(s:enqueue(tostring(i))) end
    assert.is_true(running.service:drain(30))
    assert.equal(60, fake.calls)
    assert.is_true(most > 1 and most <= 3)
  end))

  it("keeps to the rate", async(function()
    local clock <close> = new_clock()
    local fake <close> = answering { 200 }
    local s = sender_of(fake, { rate = 2 })
    local running <close> = outbox_service.open()
    for i = 1, 20 do assert(s:enqueue(tostring(i))) end
    assert.is_true(running.service:drain(600))
    assert.is_true(clock:elapsed() >= 8.5)
  end))

  it("sleeps while there is nothing to do", async(function()
    local claims = 0
    local fake <close> = answering { 200 }
    local s = sender_of(fake, {})
    local running <close> = outbox_service.open { faults = { claim = function(real, ...)
      claims = claims + 1
      return real(...)
    end } }
    local result = assert(s:enqueue "x")
    assert(running.service:wait("s", result.id, 30))
    assert.is_true(running.service:drain(30))
    local after = claims
    for _ = 1, 50 do core.task.sleep(0.002) end
    assert.equal(after, claims)
  end))

  it("is not late when the machine has slept", async(function()
    local fake <close> = answering { 200 }
    local s = sender_of(fake, {})
    local clock <close> = wall_clock(core.task.now())
    local claims = 0
    local running <close> = outbox_service.open { faults = { claim = function(real, ...)
      claims = claims + 1
      return real(...)
    end } }
    local result = assert(s:enqueue("x", { not_before = core.task.now() + 3600 }))
    process.wait_for("the message to be seen", function()
      return claims >= 2 and running:row("s", result.id)
    end)
    clock:suspend(3601)
    assert.equal("ready", running:row("s", result.id).state)
    clock:advance "90s"
    running:wait("s", result.id, "delivered")
  end))

  it("repeats by the sender's policy, over the outbox, then gives up", async(function()
    local _ <close> = new_clock()
    local told = {}
    local fake <close> = answering { 500 }
    local s = sender_of(fake, { retry = iflow.retry { first = "10m", attempts = 3, on = 500 },
      breaker = false,
      on_rejected = function(msg, err) told[#told + 1] = msg.body .. " " .. err.outcome end })
    local running <close> = outbox_service.open()
    local id = assert(s:enqueue "x").id
    local answer, err = running.service:wait("s", id, 30)
    assert.is_nil(answer)
    assert.same({ "rejected", 500 }, { err.outcome, err.status })
    assert.equal(3, fake.calls)
    assert.same({ "x rejected" }, told)
    local row = running:shown("s", id)
    assert.same({ "rejected", 3, 500 }, { row.state, row.attempts, row.status })
    assert.same({ "ready", "ready", "rejected" }, { row.history[1].state, row.history[2].state,
      row.history[3].state })
  end))

  it("rejects what the endpoint refuses", async(function()
    local fake <close> = answering { { 400, {}, "no such customer" } }
    local s = sender_of(fake, {})
    local running <close> = outbox_service.open()
    local id = assert(s:enqueue "x").id
    local _, err = running.service:wait("s", id, 30)
    assert.same({ "call.rejected", "rejected" }, { err.code, err.outcome })
    assert.equal("no such customer", err.body)
    assert.equal("rejected", running:row("s", id).state)
  end))

  it("waits for an endpoint that is closed, without using up attempts", async(function()
    local _ <close> = new_clock()
    local fake <close> = fake_tenant.start { runtime = function(req, n)
      req:body()
      return req:answer(n > 60 and 200 or n % 2 == 0 and 503 or 429, {}, "")
    end }
    local s = sender_of(fake, { concurrency = 2, retry = iflow.retry { attempts = 2 } })
    local running <close> = outbox_service.open()
    for i = 1, 10 do assert(s:enqueue(tostring(i))) end
    assert.is_true(running.service:drain "1d")
    assert.equal(70, fake.calls)
    assert.equal(10, assert(running.box:counts()).delivered)
    for _, row in ipairs(running.box:list { sender = "s" }) do assert.equal(1, row.attempts) end
  end))

  it("counts attempts that ran out of time, since these may have arrived", async(function()
    local _ <close> = new_clock()
    local over = false
    local fake <close> = fake_tenant.start { runtime = function(req, n)
      req:body()
      if n % 2 == 0 then req:begin(200, {}, 10) end -- an answer that does not go on
      while not over do core.task.sleep(0.005) end
    end }
    local s = sender_of(fake, { idempotent = true, timeout = 0.5,
      retry = iflow.retry { attempts = 4 } })
    local running <close> = outbox_service.open()
    local id = assert(s:enqueue "x").id
    local _, err = running.service:wait("s", id, 60)
    assert.equal("retryable", err.outcome)
    local row = running:row("s", id)
    assert.same({ "rejected", 4 }, { row.state, row.attempts })
    over = true
  end))

  it("does not hold up others for an address that is closed", async(function()
    local _ <close> = new_clock()
    local closed, bodies = true, {}
    local fake <close> = fake_tenant.start { runtime = function(req)
      local body = req:body()
      if closed and req.target:find "/a$" then
        return req:answer(429, { ["Retry-After"] = "3600" }, "")
      end
      bodies[#bodies + 1] = body
      return req:answer(200, {}, "")
    end }
    local s = sender_of(fake, { concurrency = 2, transform = iflow.transform.to_json {},
      to = function(msg) return "/http/" .. msg.data.to end })
    local running <close> = outbox_service.open { start = false }
    for _ = 1, 60 do assert(s:enqueue { to = "a" }) end
    local ids = {}
    for i = 1, 20 do ids[i] = assert(s:enqueue { to = "b" }).id end
    running.service:start_pumps()
    for _, id in ipairs(ids) do assert(running.service:wait("s", id, 30)) end
    assert.equal(20, #bodies)
    closed = false
    assert.is_true(running.service:drain "1d")
    assert.equal(80, assert(running.box:counts()).delivered)
    for _, row in ipairs(running.box:list { sender = "s" }) do assert.equal(1, row.attempts) end
  end))

  it("leaves the endpoint alone for as long as it asks", async(function()
    local clock <close> = new_clock()
    local fake <close> = answering { { 429, { ["Retry-After"] = "1800" } }, 200 }
    local s = sender_of(fake, { concurrency = 1 })
    local running <close> = outbox_service.open()
    for i = 1, 5 do assert(s:enqueue(tostring(i))) end
    assert.is_true(running.service:drain "1d")
    assert.equal(6, fake.calls)
    assert.is_true(clock:elapsed() >= 1800)
  end))

  it("gives up at the policy's deadline, which counts from the acceptance", async(function()
    local _ <close> = new_clock()
    local fake <close> = answering { 503 }
    local s = sender_of(fake, { retry = iflow.retry { deadline = "1h" } })
    local running <close> = outbox_service.open()
    local id = assert(s:enqueue "x").id
    local _, err = running.service:wait("s", id, 30)
    assert.same({ "retryable", 503 }, { err.outcome, err.status })
    assert.equal("rejected", running:row("s", id).state)
    assert.is_true(fake.calls > 10)
  end))

  it("asks a retry function", async(function()
    local _ <close> = new_clock()
    local asked = {}
    local fake <close> = answering { 500 }
    local s = sender_of(fake, { breaker = false, retry = function(attempt, err, msg)
      asked[#asked + 1] = ("%d %d %s"):format(attempt, err.status, msg.data.n)
      if attempt < 3 then return "2h" end
      return iflow.reject "three times is enough"
    end, transform = iflow.transform.to_json {} })
    local running <close> = outbox_service.open()
    local id = assert(s:enqueue { n = 7 }).id
    local _, err = running.service:wait("s", id, 30)
    assert.same({ "1 500 7", "2 500 7", "3 500 7" }, asked)
    assert.same({ "message.rejected", "rejected" }, { err.code, err.outcome })
  end))

  it("calls the callbacks, with data, whose errors change nothing", async(function()
    local told = {}
    local fake <close> = recording({}, nil, function(_, body)
      return body:find "2" and 400 or 200
    end)
    local s = sender_of(fake, { transform = iflow.transform.to_json {},
      on_delivered = function(msg, answer) told[#told + 1] = msg.data.n .. " " .. answer.status end,
      on_rejected = function(msg, err)
        told[#told + 1] = msg.data.n .. " " .. err.status
        error "never mind"
      end })
    local running <close> = outbox_service.open()
    assert(s:enqueue { n = 1 })
    assert.is_true(running.service:drain(30))
    assert(s:enqueue { n = 2 })
    assert.is_true(running.service:drain(30))
    assert(s:enqueue { n = 3 })
    assert.is_true(running.service:drain(30))
    assert.same({ "1 200", "2 400", "3 200" }, told)
    assert.matches("on_rejected failed: .*never mind", core.log.captured())
  end))

  it("runs functions of the message at the delivery", async(function()
    local got = {}
    local fake <close> = fake_tenant.start { runtime = function(req)
      got[#got + 1] = req.target .. " " .. req.headers["x-line"]
      return req:answer(200, {}, "")
    end }
    local s = sender_of(fake, { to = function(msg) return "/http/" .. msg.data.region end,
      headers = { ["X-Line"] = function(msg) return msg.source.line end },
      transform = { iflow.transform.csv { header = true }, iflow.transform.to_json {} } })
    local running <close> = outbox_service.open()
    local result = assert(s:enqueue "region\nemea\napj\n")
    assert.same({ "accepted", 2, 0, 0 }, { result.state, result.count, result.known,
      result.rejected })
    assert.is_true(running.service:drain(30))
    table.sort(got)
    assert.same({ "/http/apj 3", "/http/emea 2" }, got)
  end))
end)

describe("a pump of messages with keys", function()
  it("holds back those after one that fails, and no others", async(function()
    local _ <close> = new_clock()
    local bodies = {}
    local fake <close> = recording(bodies, nil, function(n, body)
      return body == "a1" and n < 12 and 500 or 200
    end)
    local s = sender_of(fake, { breaker = false,
      retry = iflow.retry { first = "1s", max = "30s", attempts = 50, on = 500 },
      order_by = function(msg) return msg.body:sub(1, 1) end })
    local running <close> = outbox_service.open()
    for _, body in ipairs { "a1", "a2", "b1", "a3", "b2", "c1" } do assert(s:enqueue(body)) end
    assert.is_true(running.service:drain "1d")
    local order, others = {}, nil
    for i, body in ipairs(bodies) do
      if body:find "^a" and body ~= order[#order] then order[#order + 1] = body end
      if body == "b2" then others = i end
    end
    assert.same({ "a1", "a2", "a3" }, order)
    assert.is_true(others < 12)
  end))

  it("goes on with the next one when one is rejected", async(function()
    local bodies = {}
    local fake <close> = recording(bodies, nil, function(_, body)
      return body == "a1" and 400 or 200
    end)
    local s = sender_of(fake, { order_by = function() return false end })
    local running <close> = outbox_service.open()
    for _, body in ipairs { "a1", "a2", "a3" } do assert(s:enqueue(body)) end
    assert.is_true(running.service:drain(30))
    assert.same({ "a1", "a2", "a3" }, bodies)
  end))

  it("keeps the order of many", async(function()
    local last, wrong = {}, 0
    local fake <close> = fake_tenant.start { runtime = function(req)
      local key, n = req:body():match "(%d+) (%d+)"
      n = math.tointeger(n)
      if n ~= (last[key] or 0) + 1 then wrong = wrong + 1 end
      last[key] = n
      return req:answer(200, {}, "")
    end }
    local s = sender_of(fake, { order_by = function(msg) return msg.body:match "%d+" end })
    local running <close> = outbox_service.open()
    local i = 0
    assert(s:enqueue_all(function()
      i = i + 1
      if i <= 400 then return ("%d %d"):format(i % 7, (i - 1) // 7 + 1) end
    end))
    assert.is_true(running.service:drain(30))
    assert.equal(400, fake.calls)
    -- i % 7 counts 1, 2, … 6, 0, so that each key has its own sequence
    assert.equal(0, wrong)
  end))
end)

describe("a pump of a sender that is not idempotent", function()
  it("writes down that it begins before the first byte", async(function()
    local states, running = {}, nil
    local fake <close> = fake_tenant.start { runtime = function(req)
      states[#states + 1] = running:row("s", req.headers["sap_applicationid"]).state
      return req:answer(200, {}, "")
    end }
    local s = sender_of(fake, {})
    local idempotent = sender_of(fake, { idempotent = true }, "i")
    running = outbox_service.open()
    local _ <close> = running
    assert(s:enqueue "x")
    assert.is_true(running.service:drain(30))
    idempotent:close()
    assert.same({ "started" }, states)
  end))

  it("leaves in doubt what may have arrived; it holds back its key", async(function()
    local told
    local fake <close> = fake_tenant.start { runtime = function(req)
      req:body()
      req:abort()
    end }
    local s = sender_of(fake, { order_by = function() return 1 end,
      on_in_doubt = function(msg, err) told = msg.body .. " " .. err.outcome end })
    local running <close> = outbox_service.open()
    local id = assert(s:enqueue "x").id
    local following = assert(s:enqueue "y").id
    local _, err = running.service:wait("s", id, 30)
    assert.equal("in_doubt", err.outcome)
    assert.equal("in_doubt", running:row("s", id).state)
    assert.equal("blocked", running:row("s", following).state)
    assert.equal("x in_doubt", told)
    assert.is_true(running.service:drain(30)) -- nothing is ready
    assert.equal(1, fake.calls)
  end))

  it("does not send when the disk does not take that it begins", async(function()
    local _ <close> = new_clock()
    local refused = 0
    local fake <close> = answering { 200 }
    local s = sender_of(fake, {})
    local running <close> = outbox_service.open { faults = { start = function(real, ...)
      refused = refused + 1
      if refused > 3 then return real(...) end
      assert.equal(0, fake.calls)
      return nil, errors { code = "outbox.disk_full", message = "no space" }
    end } }
    local id = assert(s:enqueue "x").id
    assert(running.service:wait("s", id, 30))
    assert.same({ 1, 4, 1 }, { fake.calls, refused, running:row("s", id).attempts })
  end))

  it("repeats what was not sent at all", async(function()
    local _ <close> = new_clock()
    local fake <close> = answering { 200 }
    local port = process.free_port()
    local s = sender_of(fake, { to = ("http://127.0.0.1:%d/x"):format(port), proxy = "" })
    local running <close> = outbox_service.open()
    local id = assert(s:enqueue "x").id
    process.wait_for("some attempts", function()
      return select(2, core.log.captured():gsub("failed, again in", "")) > 0
        and running:row("s", id).not_before
    end)
    local server = core.server.new { port = port, request = function(req)
      req:body()
      return req:answer(200, {}, "")
    end }
    assert.equal(200, assert(running.service:wait("s", id, 30)).status)
    assert.equal(1, running:row("s", id).attempts)
    server:close(0)
  end))
end)

describe("an idempotent sender's pump", function()
  it("sends again what may have arrived, with the same id", async(function()
    local _ <close> = new_clock()
    local ids = {}
    local fake <close> = fake_tenant.start { runtime = function(req, n)
      req:body()
      ids[n] = req.headers["sap_applicationid"]
      if n < 3 then return req:abort() end
      return req:answer(200, {}, "")
    end }
    local s = sender_of(fake, { idempotent = true })
    local running <close> = outbox_service.open()
    local id = assert(s:enqueue "x").id
    assert(running.service:wait("s", id, 30))
    assert.same({ id, id, id }, ids)
  end))
end)

describe("an acknowledgement", function()
  it("is repeated while the disk is full, and nothing is sent twice", async(function()
    local _ <close> = new_clock()
    local refused = 0
    local fake <close> = answering { 200 }
    local s = sender_of(fake, { idempotent = true })
    local running <close> = outbox_service.open { faults = { delivered = function(real, ...)
      refused = refused + 1
      if refused > 20 then return real(...) end
      return nil, errors { code = "outbox.disk_full", message = "no space" }
    end } }
    local ids = {}
    for i = 1, 5 do ids[i] = assert(s:enqueue(tostring(i))).id end
    for _, id in ipairs(ids) do assert(running.service:wait("s", id, 30)) end
    assert.equal(5, fake.calls)
    assert.equal(25, refused)
    assert.matches("outbox.disk_full", core.log.captured())
  end))
end)

describe("a pump whose sender is refused", function()
  it("pauses, keeps the messages ready, says why, and goes on", async(function()
    local clock <close> = new_clock()
    local refuse = true
    local fake <close> = fake_tenant.start { token = function(req)
      if refuse then return req:answer(401, {}, '{"error":"unauthorized"}') end
      return fake_tenant.give_token(req)
    end }
    local s = sender_of(fake, {})
    local running <close> = outbox_service.open()
    local ids = {}
    for i = 1, 100 do ids[i] = assert(s:enqueue(tostring(i))).id end
    local drained, err = running.service:drain "1h"
    assert.is_false(drained)
    assert.equal("token.rejected", err.code)
    local status = running.service:status()
    assert.is_false(status.ready)
    assert.matches("token.rejected", status.senders.s.paused)
    assert.matches("^s: .*token.rejected", status.why[1])
    assert.equal(100, status.outbox.ready + status.outbox.started)
    process.wait_for("the pause to grow", function()
      return core.log.captured():find "again in 5 min" and true
    end)
    assert.is_true(fake.tokens < 15)
    refuse = false
    for _, id in ipairs(ids) do
      assert(running.service:wait("s", id, 60))
      assert.equal(1, running:row("s", id).attempts)
    end
    assert.is_true(running.service:status().ready)
    assert.is_true(clock:elapsed() >= 30)
  end))

  it("makes no dead letters of a backlog when the role is missing", async(function()
    local _ <close> = new_clock()
    local refuse = true
    local fake <close> = fake_tenant.start { runtime = function(req)
      req:answer(refuse and 403 or 200, {}, refuse and "Forbidden" or "ok")
    end }
    local s = sender_of(fake, {})
    local running <close> = outbox_service.open()
    local ids = {}
    for i = 1, 50 do ids[i] = assert(s:enqueue(tostring(i))).id end
    local drained, err = running.service:drain "1h"
    assert.same({ false, "call.forbidden" }, { drained, err.code })
    assert.equal(0, running.service:status().outbox.rejected)
    refuse = false
    for _, id in ipairs(ids) do assert(running.service:wait("s", id, 60)) end
  end))

  it("rejects what one of several addresses forbids", async(function()
    local _ <close> = new_clock()
    local fake <close> = fake_tenant.start { runtime = function(req)
      req:answer(req.target == "/http/closed" and 403 or 200, {}, "")
    end }
    local s = sender_of(fake, { to = function(msg) return "/http/" .. msg.body end })
    local running <close> = outbox_service.open()
    local closed, open = assert(s:enqueue "closed").id, assert(s:enqueue "open").id
    local _, err = running.service:wait("s", closed, 60)
    assert.equal("call.forbidden", err.code)
    assert(running.service:wait("s", open, 60))
    assert.equal("rejected", running:row("s", closed).state)
  end))

  it("does not begin with a service key that is not there", async(function()
    local _ <close> = new_clock()
    local fake <close> = answering { 200 }
    local path = process.tempdir()
    local s = sender_of(fake, { service_key = path:file "key.json" })
    local running <close> = outbox_service.open()
    local id = assert(s:enqueue "x").id
    local drained, err = running.service:drain "1h"
    assert.same({ false, "file.not_found" }, { drained, err.code })
    path:write("key.json", core.json.encode(fake:key()))
    assert(running.service:wait("s", id, 60))
    path:close()
  end))
end)

describe("stopping", function()
  it("returns to everybody who asks when it has ended", async(function()
    local begun, ends = {}, {}
    local runtime = held(begun)
    local _ <close> = runtime.fake
    local s = sender_of(runtime.fake, {})
    local running <close> = outbox_service.open()
    function running.service.ended() end -- as iflow serve does
    local id = assert(s:enqueue "x").id
    process.wait_for("the call", function() return #begun == 1 end)
    assert.is_false(running.service:drain(0.5))
    assert.same({ 1, 0 }, { running.service:status().senders.s.in_flight,
      running.service:status().senders.s.waiting })
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = core.task.spawn(function()
        running.service:stop(30)
        local state = running:row("s", id).state
        ends[#ends + 1] = state
      end)
    end
    core.task.sleep(0.01)
    assert.same({}, ends)
    runtime.open = true
    for _, task in ipairs(tasks) do task:join() end
    assert.same({ "delivered", "delivered", "delivered" }, ends)
    assert.is_false(running.service:status().ready)
  end))

  it("ends what is under way, and gives back the rest", async(function()
    local begun = {}
    local runtime = held(begun)
    local _ <close> = runtime.fake
    local s = sender_of(runtime.fake, { concurrency = 2 })
    local dir = process.tempdir()
    local running = outbox_service.open { path = dir:file "box.db" }
    for i = 1, 10 do assert(s:enqueue(tostring(i))) end
    process.wait_for("two calls", function() return #begun == 2 end)
    core.task.spawn(function()
      core.task.sleep(0.01)
      runtime.open = true
    end)
    running:stop(30)
    assert.equal(2, #begun)
    local again <close> = outbox_service.open { path = running.path, start = false }
    local counts = assert(again.box:counts())
    assert.same({ 2, 8, 0, 0 }, { counts.delivered, counts.ready, counts.started,
      counts.in_doubt })
    again.service:start_pumps()
    assert.is_true(again.service:drain(30))
    assert.equal(10, #begun)
    again:stop()
    dir:close()
  end))

  it("leaves in doubt what is under way when the time is over", async(function()
    local begun = {}
    local runtime = held(begun)
    local _ <close> = runtime.fake
    local s = sender_of(runtime.fake, { concurrency = 2 })
    local dir = process.tempdir()
    local running = outbox_service.open { path = dir:file "box.db" }
    for i = 1, 10 do assert(s:enqueue(tostring(i))) end
    process.wait_for("two calls", function() return #begun == 2 end)
    running:stop(0)
    runtime.open = true
    local again <close> = outbox_service.open { path = running.path }
    assert.is_true(again.service:drain(30))
    local counts = assert(again.box:counts())
    assert.same({ 8, 0, 2 }, { counts.delivered, counts.ready, counts.in_doubt })
    assert.equal(10, #begun)
    again:stop()
    dir:close()
  end))

  it("gives back what is under way when the sender is idempotent", async(function()
    local begun = {}
    local runtime = held(begun)
    local _ <close> = runtime.fake
    local s = sender_of(runtime.fake, { concurrency = 2, idempotent = true })
    local dir = process.tempdir()
    local running = outbox_service.open { path = dir:file "box.db" }
    for i = 1, 4 do assert(s:enqueue(tostring(i))) end
    process.wait_for("two calls", function() return #begun == 2 end)
    running:stop(0)
    runtime.open = true
    local again <close> = outbox_service.open { path = running.path }
    assert.is_true(again.service:drain(30))
    assert.equal(4, assert(again.box:counts()).delivered)
    assert.equal(6, #begun)
    again:stop()
    dir:close()
  end))
end)
