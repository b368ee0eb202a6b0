-- The resolver of messages that are in doubt: an outbox of its own, an API of the spec's own whose
-- answers it controls.
local async = require "spec.support.async"
local core = require "iflow.core"
local doubt = require "iflow.service.doubt"
local fake_tenant = require "spec.support.fake_tenant"
local fresh = require "spec.support.fresh"
local iflow = require "iflow"
local new_clock = require "iflow.test.clock"
local process = require "spec.support.process"
local registry = require "iflow.registry"

before_each(fresh.begin)
after_each(fresh.finish)

local function logs(list)
  return 200, { ["Content-Type"] = "application/json" },
    core.json.encode { d = { results = core.json.array(list) } }
end

-- The endpoint of a flow, which has written a log before.
local function endpoint(path)
  return 200, { ["Content-Type"] = "application/json" }, core.json.encode { d = { results = {
    { Id = "Orders$endpointAddress=x", EntryPoints = { results = {
      { Url = "https://tenant.example" .. path } } } } } } }
end

-- One log with that status, of the message that is asked for.
local function with_status(status)
  return function(req)
    if req.target:find "ErrorInformation" then return 200, {}, "no such customer" end
    local id = req.target:match "%%20eq%%20'(.-)'"
    return logs { { MessageGuid = "g-" .. id, ApplicationMessageId = id, Status = status,
      LogStart = ("/Date(%d)/"):format(math.floor(core.task.now() * 1000)) } }
  end
end

-- w: box, api (answer(req), asked = how often), service (told, woken), put(id, fields) -> number.
local function world(body)
  return async(function()
    local dir <close> = process.tempdir()
    local box <close> = assert(iflow.outbox.open { path = dir:file "box.db" })
    local w = { box = box, asked = 0, told = {}, woken = {} }
    local fake <close> = fake_tenant.start { runtime = function(req)
      w.asked = w.asked + 1
      return req:answer(w.answer(req))
    end }
    w.fake = fake
    w.service = { box = box, registry = registry.current() }
    function w.service.wake(_, name) w.woken[name] = (w.woken[name] or 0) + 1 end
    function w.service.tell(_, name, id, answer, err)
      w.told[id] = { name, answer and answer.outcome or err.outcome }
    end
    function w.put(id, fields)
      local message = { sender = "orders", id = id, body = id }
      for name, value in pairs(fields or {}) do message[name] = value end
      assert.equal("accepted", box:enqueue(message))
      local msg = assert(box:claim("orders", 1))[1]
      assert.equal(1, box:start(msg))
      assert.equal(1, box:in_doubt(msg, { code = "call.in_doubt", error = "reset" }))
      return msg.number
    end
    function w.state(id)
      local row = assert(box:list { id = id })[1]
      return row and row.state
    end
    function w.await(id, state)
      process.wait_for(id .. " to be " .. state, function() return w.state(id) == state end)
    end
    body(w)
    for _, name in ipairs(registry.current().names) do
      registry.current().senders[name]:close()
    end
  end)
end

local function define(w, options)
  options.to = "/http/orders"
  if options.api == nil then
    options.api = { service_key = w.fake:key(), token_cache = false }
  end
  options.api = options.api or nil
  options.in_doubt = options.in_doubt or { wait = "1s", first = "20ms", max = "50ms" }
  return iflow.sender "orders" (options)
end

describe("the resolver of a service", function()
  it("writes down what the log says, tells of it, and lets the key go on", world(function(w)
    local delivered, rejected = {}, {}
    define(w, { on_delivered = function(msg, answer)
      delivered[msg.id] = { msg.body, answer.message_id }
    end, on_rejected = function(msg, err) rejected[msg.id] = err.code end })
    w.put("a", { key = "k" })
    w.answer = with_status "COMPLETED"
    local running = doubt.start(w.service)
    w.await("a", "delivered")
    process.wait_for("the callback", function() return delivered.a end)
    assert.same({ "a", "g-a" }, delivered.a)
    assert.same({ "orders", "delivered" }, w.told.a)
    assert.equal(1, w.woken.orders)
    running:stop(1)
    w.put("b")
    w.answer = with_status "FAILED"
    running = doubt.start(w.service)
    w.await("b", "rejected")
    process.wait_for("the callback", function() return rejected.b end)
    assert.equal("call.flow_failed", rejected.b)
    local row = w.box:list({ id = "b" })[1]
    assert.same({ "call.flow_failed", "g-b" }, { row.code, row.message_id })
    assert.matches("no such customer", row.error)
    running:stop(1)
  end))

  it("makes ready again what did not arrive", world(function(w)
    define(w, {})
    w.put "a"
    w.answer = function(req)
      if req.target:find "/ServiceEndpoints" then return endpoint "/http/orders" end
      local ever = req.target:find "1970" ~= nil
      return logs(ever and { { MessageGuid = "g-0", Status = "COMPLETED" } } or {})
    end
    local running = doubt.start(w.service)
    w.await("a", "ready")
    local history = w.box:show(w.box:list({ id = "a" })[1].number).history
    assert.equal("call.not_arrived", history[#history].code)
    assert.equal(1, w.woken.orders)
    assert.is_nil(w.told.a) -- it has not ended
    running:stop(1)
  end))

  it("never takes an answered message for one that did not arrive", world(function(w)
    define(w, {})
    assert.equal("accepted", w.box:enqueue { sender = "orders", id = "a", body = "a" })
    local msg = w.box:claim("orders", 1)[1]
    w.box:start(msg)
    w.box:in_doubt(msg, { code = "call.in_doubt", error = "not confirmed", status = 202 })
    w.answer = function() return logs {} end
    local running = doubt.start(w.service)
    process.wait_for("the decision", function() return running:status().undecided == 1 end)
    assert.equal("in_doubt", w.state "a")
    running:stop(1)
  end))

  it("leaves alone senders without an API key and without a policy", world(function(w)
    define(w, { api = false })
    w.put "a"
    local running = doubt.start(w.service)
    for _ = 1, 5 do iflow.sleep(0.02) end
    assert.equal("in_doubt", w.state "a")
    assert.same({ asking = 0, undecided = 0 }, running:status())
    running:stop(1)
  end))

  it("does what the policy says with as many as there are", world(function(w)
    define(w, { api = false, in_doubt = "reject" })
    for i = 1, 250 do w.put("m" .. i) end
    local running = doubt.start(w.service)
    process.wait_for("all of them", function() return w.box:counts().rejected == 250 end)
    running:stop(1)
  end))

  it("asks again, ever more rarely, while nobody can decide", world(function(w)
    local clock <close> = new_clock()
    define(w, {})
    w.put "a"
    w.answer = function() return 403, {}, "" end
    local running = doubt.start(w.service)
    process.wait_for("the first question", function()
      return core.log.captured():find "stays in doubt.* id=a"
    end)
    local first = w.asked
    clock:advance "2h"
    process.wait_for("more questions", function() return w.asked > first end)
    local hours = clock:elapsed() / 3600
    assert.is_true(w.asked < 20 + 2 * hours, w.asked) -- and not 60 an hour
    assert.equal("in_doubt", w.state "a")
    w.answer = with_status "COMPLETED"
    w.await("a", "delivered")
    running:stop(1)
  end))

  it("lets stay what an operator has decided meanwhile", world(function(w)
    define(w, { in_doubt = { wait = "30s", running = "30s", first = "20ms", max = "50ms" } })
    local number = w.put "a"
    w.answer = with_status "PROCESSING"
    local running = doubt.start(w.service)
    process.wait_for("the question", function() return w.asked > 1 end)
    assert.equal(1, w.box:requeue(number))
    w.answer = with_status "FAILED"
    process.wait_for("the end", function() return running:status().asking == 0 end)
    assert.equal("ready", w.state "a")
    assert.is_nil(w.told.a)
    running:stop(1)
  end))

  it("leaves in doubt what it is asking for when it is stopped", world(function(w)
    define(w, { in_doubt = { wait = "30s", running = "30s", first = "20ms", max = "50ms" } })
    w.put "a"
    w.answer = with_status "PROCESSING"
    local running = doubt.start(w.service)
    process.wait_for("the question", function() return w.asked > 0 end)
    assert.equal(1, running:status().asking)
    running:stop(10)
    running:stop(10)
    assert.equal("in_doubt", w.state "a")
  end))
end)
