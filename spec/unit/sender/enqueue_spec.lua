-- sender:enqueue and enqueue_all: what is stored, and what is told. A real outbox; most of it
-- without pumps.
local async = require "spec.support.async"
local core = require "iflow.core"
local errors = require "iflow.error"
local fake_tenant = require "spec.support.fake_tenant"
local fresh = require "spec.support.fresh"
local iflow = require "iflow"
local outbox_service = require "spec.support.outbox_service"
local process = require "spec.support.process"
local registry = require "iflow.registry"

before_each(fresh.begin)
after_each(fresh.finish)

local function define(options)
  options.to = options.to or "/http/x"
  return iflow.sender "s" (options)
end

-- Everything of the sender in the order of numbers, with bodies.
local function rows(running)
  return assert(running.box:list { sender = "s", bodies = true, limit = 1000 })
end

-- A transform that makes a message of each word; "bad" is refused, "out" is left out.
local words = { run = function(_, msg, emit)
  for word in msg.body:gmatch "%S+" do
    if word == "bad" then
      emit(msg:with { data = word, id = false }, errors { code = "transform.invalid",
        message = "a bad word" })
    else
      emit(msg:with { body = word, id = false })
    end
  end
end }
local function leave_out(msg)
  if msg.body == "out" then return iflow.done() end
  return msg
end

describe("sender:enqueue", function()
  it("stores what the transforms made, and says its id", async(function()
    local s = define { transform = iflow.transform.to_json {},
      order_by = function(msg) return msg.data.customer end }
    local running <close> = outbox_service.open { start = false }
    local result = assert(s:enqueue { customer = 7 })
    assert.same({ "accepted", 1, 0, 0 }, { result.state, result.count, result.known,
      result.rejected })
    local row = rows(running)[1]
    assert.matches("^%x+%-%x+%-7%x+%-[89ab]%x+%-%x+$", row.id)
    assert.same({ result.id, "7", '{"customer":7}', "ready" }, { row.id, row.key, row.body,
      row.state })
    assert.matches("json", row.content_type)
    assert.is_nil(row.about) -- nothing looks at data
  end))

  it("takes the id of the message, or of the function, also without a header", async(function()
    local s = define { message_id = function(msg) return "id-" .. msg.body end }
    local other = iflow.sender "other" { to = "/x", message_id = false }
    local running <close> = outbox_service.open { start = false }
    assert.equal("id-a", assert(s:enqueue "a").id)
    assert.equal("own", assert(s:enqueue(iflow.message.new { id = "own", body = "" })).id)
    local id = assert(other:enqueue "x").id
    assert.matches("^%x+%-%x+%-7", id)
    assert.is_table(running:row("other", id))
  end))

  it("knows a message that is there already, also when it is delivered", async(function()
    local fake <close> = fake_tenant.start {}
    local s = define { service_key = fake:key(), token_cache = false }
    local running <close> = outbox_service.open()
    local msg = iflow.message.new { id = "a", body = "x" }
    assert.equal("accepted", assert(s:enqueue(msg)).state)
    assert(running.service:wait("s", "a", 30))
    local result = assert(s:enqueue(msg))
    assert.same({ "known", 1, 1 }, { result.state, result.count, result.known })
    assert.is_true(running.service:drain(30))
    assert.equal(1, fake.calls)
    assert.equal(200, assert(running.service:wait("s", "a", 30)).status)
  end))

  it("derives ids from a text and the position", async(function()
    local s = define { transform = { words, leave_out } }
    local running <close> = outbox_service.open { start = false }
    local first = assert(s:enqueue("a out b bad c", { ids = "file 1" }))
    assert.same({ "accepted", 3, 0, 1 }, { first.state, first.count, first.known,
      first.rejected })
    local list = rows(running)
    assert.equal(4, #list)
    for _, row in ipairs(list) do
      assert.matches("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-8%x%x%x%-[89ab]%x%x%x%-%x+$", row.id)
      assert.equal(36, #row.id)
    end
    local again = assert(s:enqueue("a out b bad c", { ids = "file 1" }))
    assert.same({ "known", 3, 3, first.id }, { again.state, again.count, again.known, again.id })
    assert.equal(4, #rows(running))
    assert.equal("accepted", assert(s:enqueue("a b", { ids = "file 2" })).state)
    assert.equal(6, #rows(running))
  end))

  it("keeps the order of the records of a payload", async(function()
    local s = define { transform = words, order_by = function() return "one" end }
    local running <close> = outbox_service.open { start = false }
    local list = {}
    for i = 1, 300 do list[i] = tostring(i) end
    assert.equal(300, assert(s:enqueue(table.concat(list, " "))).count)
    for i, row in ipairs(rows(running)) do assert.equal(list[i], row.body) end
  end))

  it("refuses a payload whose only record is refused, and stores nothing", async(function()
    local s = define { transform = words }
    local running <close> = outbox_service.open { start = false }
    local result, err = s:enqueue "bad"
    assert.is_nil(result)
    assert.same({ "transform.invalid", "rejected" }, { err.code, err.outcome })
    local plain = iflow.sender "plain" { to = "/x" }
    result, err = plain:enqueue { a = 1 }
    assert.is_nil(result)
    assert.same({ "transform.invalid", "rejected" }, { err.code, err.outcome })
    assert.equal(0, assert(running.box:counts()).messages)
  end))

  it("says when all was left out", async(function()
    local s = define { transform = { words, leave_out } }
    local _ <close> = outbox_service.open { start = false }
    assert.same({ state = "skipped", count = 0, known = 0, rejected = 0 },
      assert(s:enqueue "out out"))
  end))

  it("makes a dead letter of a refused record among others", async(function()
    local told = {}
    local s = define { transform = words,
      on_rejected = function(msg, err) told[#told + 1] = msg.data .. " " .. err.code end }
    local running <close> = outbox_service.open { start = false }
    local result = assert(s:enqueue "a bad b")
    assert.same({ 2, 1 }, { result.count, result.rejected })
    local list = rows(running)
    local dead
    for _, row in ipairs(list) do if row.state == "rejected" then dead = row end end
    assert.same({ "transform.invalid", 1, "bad" }, { dead.code, dead.about.step, dead.about.data })
    assert.matches("a bad word", dead.error)
    assert.same({ "bad transform.invalid" }, told)
  end))

  it("sends a dead letter through the transforms from the step that refused it", async(function()
    local bodies, strict = {}, true
    local fake <close> = fake_tenant.start { runtime = function(req)
      local body = req:body()
      bodies[#bodies + 1] = body .. " " .. req.headers["sap_applicationid"]
      return req:answer(200, {}, "")
    end }
    local s = define { service_key = fake:key(), token_cache = false, transform = {
      { run = function(_, msg, emit)
        for word in msg.body:gmatch "%S+" do
          emit(msg:with { data = { word = word }, id = false })
        end
      end },
      { run = function(_, msg, emit)
        if strict and msg.data.word ~= "fine" then
          return nil, errors { code = "transform.invalid", message = "not now" }
        end
        local n = msg.data.word == "three" and 3 or msg.data.word == "none" and 0 or 1
        for i = 1, n do
          emit(msg:with { body = msg.data.word .. i, id = n > 1 and false or nil })
        end
      end } } }
    local running <close> = outbox_service.open()
    local result = assert(s:enqueue("fine one three none", { ids = "x" }))
    assert.same({ 1, 3 }, { result.count, result.rejected })
    assert.is_true(running.service:drain(30))
    local dead = assert(running.box:list { sender = "s", state = "rejected" })
    assert.same({ 3, 1 }, { #dead, #bodies })
    strict, bodies = false, {}
    assert.equal(3, assert(running.box:requeue(dead)))
    running.service:wake "s"
    for _, row in ipairs(dead) do running:wait("s", row.id, "delivered") end
    assert.is_true(running.service:drain(30))
    table.sort(bodies)
    local one, three = dead[1].id, dead[2].id
    assert.same({ "one1 " .. one, "three1 " .. three .. "/1", "three2 " .. three .. "/2",
      "three3 " .. three .. "/3" }, bodies)
  end))

  it("keeps a dead letter that is refused again", async(function()
    local fake <close> = fake_tenant.start {}
    local s = define { service_key = fake:key(), token_cache = false, transform = words }
    local running <close> = outbox_service.open()
    local step = iflow.sender "t" { to = "/x", service_key = fake:key(), token_cache = false,
      transform = { words, function() return iflow.reject "never" end } }
    assert(step:enqueue "a b")
    assert(s:enqueue "x")
    assert.is_true(running.service:drain(30))
    local dead = assert(running.box:list { sender = "t", state = "rejected" })
    assert.equal(2, #dead)
    assert.equal(2, assert(running.box:requeue(dead)))
    running.service:wake "t"
    for _, row in ipairs(dead) do
      process.wait_for("its end", function()
        local shown = running.box:show(row.number)
        return shown.state == "rejected" and shown.history[#shown.history].code
          == "message.rejected" and #shown.history >= 2
      end)
    end
    step:close()
  end))

  it("stores data only where a function may look at them", async(function()
    local _ <close> = outbox_service.open { start = false }
    local stored = require "iflow.sender.stored"
    local function needs(options)
      registry.install(registry.new())
      options.to = options.to or "/x"
      return stored.needs_data(iflow.sender "n" (options).options)
    end
    local function f() end
    assert.is_nil(needs { order_by = f, message_id = f, transform = { f } })
    assert.equal("request", needs { to = f })
    assert.equal("request", needs { headers = { A = f } })
    assert.equal("request", needs { query = f })
    assert.equal("request", needs { timeout = f })
    assert.equal("callback", needs { on_delivered = f })
    assert.equal("request", needs { retry = f })
  end))

  it("refuses data that JSON cannot hold, where they are needed", async(function()
    local s = define { query = function() end, transform = function(msg)
      msg.body = "x"
      return msg
    end }
    local running <close> = outbox_service.open { start = false }
    local result, err = s:enqueue { f = print }
    assert.is_nil(result)
    assert.same({ "transform.invalid", "rejected" }, { err.code, err.outcome })
    result, err = s:enqueue { long = ("x"):rep(1100000) }
    assert.is_nil(result)
    assert.same({ "limit.exceeded", "rejected" }, { err.code, err.outcome })
    assert.equal(0, assert(running.box:counts()).messages)
  end))

  it("stores for callbacks what data it can", async(function()
    local s = define { on_delivered = function() end, transform = function(msg)
      msg.body = "x"
      return msg
    end }
    local running <close> = outbox_service.open { start = false }
    for _, data in ipairs { { a = 1 }, { f = print }, { long = ("x"):rep(600000) } } do
      assert(s:enqueue(data))
    end
    local list = rows(running)
    assert.same({ { data = { a = 1 } } }, { list[1].about, list[2].about, list[3].about })
  end))

  it("reads a stream to its end first", async(function()
    local s = define {}
    local running <close> = outbox_service.open { start = false }
    local function stream(pieces, piece)
      return function()
        pieces = pieces - 1
        return pieces >= 0 and piece or nil
      end
    end
    local small = assert(s:enqueue(stream(3, "abc"))).id
    local large = assert(s:enqueue(stream(40, ("x"):rep(65536)))).id
    local list = rows(running)
    assert.same({ small, "abcabcabc" }, { list[1].id, list[1].body })
    assert.same({ large, 40 * 65536 }, { list[2].id, list[2].size })
    local result, err = s:enqueue(function() error "the source broke" end)
    assert.is_nil(result)
    assert.equal("rejected", err.outcome)
    assert.matches("the source broke", err.message)
  end))

  it("stores a body of a file, and a message without one", async(function()
    local got = {}
    local fake <close> = fake_tenant.start { runtime = function(req)
      local body = req:body()
      got[#got + 1] = req.method .. " " .. body
      return req:answer(200, {}, "")
    end }
    local s = define { service_key = fake:key(), token_cache = false, concurrency = 1 }
    local running <close> = outbox_service.open()
    local dir <close> = process.tempdir()
    assert(s:enqueue(iflow.message.new { body = { file = dir:write("x", "of a file") } }))
    os.remove(dir:file "x")
    assert(s:enqueue(iflow.message.new {}))
    assert(s:enqueue "")
    assert.is_true(running.service:drain(30))
    assert.same({ "POST of a file", "POST ", "POST " }, got)
  end))

  it("takes any key and source, and says what is no id", async(function()
    local s = define { order_by = function(msg) return msg.source.key end }
    local running <close> = outbox_service.open { start = false }
    for _, key in ipairs { "", ("k"):rep(600), "a\0b", 7, true } do
      assert(s:enqueue(iflow.message.new { body = "x", source = { key = key } }))
    end
    local list = rows(running)
    assert.matches("^sha256:%x+$", list[1].key)
    assert.matches("^sha256:%x+$", list[2].key)
    assert.matches("^sha256:%x+$", list[3].key)
    assert.same({ "7", "true" }, { list[4].key, list[5].key })
    assert(s:enqueue(iflow.message.new { body = "x", source = { file = "\xff.csv" } }))
    local _, err = s:enqueue(iflow.message.new { body = "x", id = ("i"):rep(513) })
    assert.same({ "transform.invalid", "rejected" }, { err.code, err.outcome })
  end))

  it("waits for room, then says that the outbox is full", async(function()
    local s = define {}
    local running <close> = outbox_service.open { start = false,
      outbox_options = { max_messages = 2 } }
    assert(s:enqueue "1")
    assert(s:enqueue "2")
    local result, err = s:enqueue("3", { wait = 0.5 })
    assert.is_nil(result)
    assert.equal("outbox.full", err.code)
    local task = core.task.spawn(function() return s:enqueue("4", { wait = 30 }) end)
    assert(running.box:delivered(rows(running)[1]))
    assert.equal("accepted", assert(task:join()).state)
  end))

  it("is not delivered before its time", async(function()
    local fake <close> = fake_tenant.start {}
    local s = define { service_key = fake:key(), token_cache = false }
    local running <close> = outbox_service.open()
    local id = assert(s:enqueue("x", { not_before = core.task.now() + 0.5 })).id
    local later = assert(s:enqueue("y", { not_before = core.task.now() + 3600 })).id
    assert(running.service:wait("s", id, 30))
    local row = running:shown("s", id)
    assert.is_true(row.history[1].began >= row.created + 0.4)
    assert.equal("ready", running:row("s", later).state)
    assert.is_true(running.service:drain(30))
  end))

  it("names what is missing when there is no outbox", async(function()
    local s = define {}
    local result, err = s:enqueue "x"
    assert.is_nil(result)
    assert.equal("usage.invalid", err.code)
    assert.matches("iflow serve", err.hint)
  end))

  it("opens an outbox when it is first needed, once", async(function()
    local s = define {}
    local running, made
    registry.current().make_service = function()
      made = (made or 0) + 1
      core.task.sleep(0.01)
      running = outbox_service.open { start = false }
      return running.service
    end
    assert(iflow.all { function() return s:enqueue "a" end, function() return s:enqueue "b" end })
    assert.equal(1, made)
    assert.equal(2, #rows(running))
    running:stop()
    running.dir:close()
    local failure = errors { code = "outbox.locked", message = "no" }
    registry.current().make_service = function() return nil, failure end
    assert.equal(failure, select(2, s:enqueue "c"))
  end))

  it("raises for wrong options, at the caller's line", async(function()
    local s = define {}
    local function refused(text, fn)
      local ok, err = pcall(fn)
      assert.is_false(ok)
      assert.matches("^spec/unit/sender/enqueue_spec.lua:%d+: ", err)
      assert.matches(text, err)
    end
    refused("unknown option 'id', did you mean 'ids'", function() s:enqueue("x", { id = "a" }) end)
    refused("'ids' is a text", function() s:enqueue("x", { ids = 7 }) end)
    refused("the options of enqueue are a table", function() s:enqueue("x", 7) end)
    refused("for one message there is enqueue", function() s:enqueue_all { a = 1 } end)
  end))
end)

describe("sender:enqueue_all", function()
  local function numbers(n)
    local i = 0
    return function()
      i = i + 1
      if i <= n then return tostring(i) end
    end
  end

  it("stores all, in order, and counts", async(function()
    local s = define { order_by = function() return 1 end }
    local running <close> = outbox_service.open { start = false }
    local summary = assert(s:enqueue_all(numbers(500), { ids = "run" }))
    assert.same({ 500, 0, 0 }, { summary.accepted, summary.known, summary.rejected })
    assert.matches("^500 accepted, 0 known already, 0 rejected", tostring(summary))
    for i, row in ipairs(rows(running)) do assert.equal(tostring(i), row.body) end
    summary = assert(s:enqueue_all(numbers(510), { ids = "run" }))
    assert.same({ 10, 500, 0 }, { summary.accepted, summary.known, summary.rejected })
  end))

  it("makes dead letters of what is refused, also of the only one", async(function()
    local s = define { transform = { words, leave_out } }
    local running <close> = outbox_service.open { start = false }
    local told = {}
    local summary = assert(s:enqueue_all({ "bad" }))
    assert.equal(1, summary.rejected)
    summary = assert(s:enqueue_all({ "a bad", "out b", { n = 1 } }, { each =
      function(msg, state, err) told[#told + 1] = ("%s %s"):format(state, err and err.code
        or msg.body) end }))
    assert.same({ 2, 0, 2, 1 }, { summary.accepted, summary.known, summary.rejected,
      summary.skipped })
    table.sort(told)
    assert.same({ "accepted a", "accepted b", "rejected transform.failed",
      "rejected transform.invalid" }, told)
    assert.equal(3, assert(running.box:counts()).rejected)
  end))

  it("says what could not be stored", async(function()
    local s = define {}
    local running <close> = outbox_service.open { start = false, faults = {
      enqueue = function(real, message)
        if tonumber(message.body) < 100 then return real(message) end
        return nil, errors { code = "outbox.disk_full", message = "no space" }
      end } }
    local asked = 0
    local following = numbers(10000)
    local result, err, summary = s:enqueue_all(function()
      asked = asked + 1
      return following()
    end)
    assert.is_nil(result)
    assert.equal("outbox.disk_full", err.code)
    assert.equal(99, summary.accepted)
    assert.equal(99, #rows(running))
    assert.is_true(asked < 300)
  end))

  it("raises what the iterator raises, when what it gave is stored", async(function()
    local s = define {}
    local running <close> = outbox_service.open { start = false }
    local following = numbers(10)
    local ok, err = pcall(function()
      s:enqueue_all(function() return following() or error "the source broke" end)
    end)
    assert.is_false(ok)
    assert.matches("the source broke", err)
    assert.equal(10, #rows(running))
  end))
end)
