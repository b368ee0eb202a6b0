-- What becomes of a message when nobody knows: the tenant's message log decides, or the sender's
-- policy. Over a sandbox, whose faults cut connections before and after the flow has run.
local async = require "spec.support.async"
local core = require "iflow.core"
local fresh = require "spec.support.fresh"
local iflow = require "iflow"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

before_each(fresh.begin)
after_each(fresh.finish)

-- A sandbox with the flow "orders", which counts what arrived in w.ran (a list of bodies) and does
-- what w.process(exchange) says.
local function world(body, settings)
  return async(function()
    local sb <close> = support.start { settings = settings }
    local w = { sb = sb, ran = {}, process = function() return 200, {}, "done" end }
    function w.deploy(allowed)
      support.echo(sb, { name = "orders", address = "/orders", csrf = false,
        allowed_headers = allowed, process = function(exchange)
          w.ran[#w.ran + 1] = exchange.body
          return w.process(exchange)
        end })
    end
    w.deploy "SAP_*"
    w.key = support.key(sb, "secret")
    w.api_key = support.key(sb, "secret", { plan = "api", roles = { "MonitoringDataRead" } })
    body(w)
    if w.sender then w.sender:close() end
  end)
end

-- The flow wrote a log an hour ago, of somebody else's message: its log level is not NONE.
local function logged_before(w)
  local tenant <close> = assert(iflow.tenant { service_key = w.key, token_cache = false, proxy = "",
    cacert = w.sb.endpoints.cacert })
  local answer = assert(tenant:call { to = "/http/orders", body = "earlier" })
  local entry = w.sb.tenant.log:find(answer.message_id)
  entry.started, w.ran[1] = entry.started - 3600, nil
end

local QUICK = { wait = "1s", running = "1s", first = "50ms", max = "200ms" }

-- The sender "orders" of that world; api = false: without.
local function sender_of(w, options)
  options.service_key, options.to = w.key, "/http/orders"
  options.cacert, options.token_cache, options.proxy = w.sb.endpoints.cacert, false, ""
  if options.api == nil then options.api = w.api_key end
  options.api = options.api and { service_key = options.api, cacert = options.cacert,
    token_cache = false, proxy = "" } or nil
  local doubt = {}
  for name, value in pairs(QUICK) do doubt[name] = value end
  for name, value in pairs(options.in_doubt or {}) do doubt[name] = value end
  options.in_doubt = doubt
  w.sender = iflow.sender "orders" (options)
  return w.sender
end

local function message(body, id) return iflow.message.new { body = body, id = id } end

describe("a message whose answer was lost", function()
  it("is delivered, and not sent again, when its flow has run", world(function(w)
    local s = sender_of(w, {})
    assert(w.sb:fault "runtime:reset=answer")
    local answer = assert(s:send(message("one", "PO-1")))
    assert.equal("delivered", answer.outcome)
    assert.same({ "COMPLETED", "PO-1" }, { answer.log.status, answer.log.application_id })
    assert.equal(answer.message_id, answer.log.message_id)
    assert.same({ "one" }, w.ran)
  end))

  it("is rejected when its flow has failed, with the text of the log", world(function(w)
    w.process = function() error("no such customer", 0) end
    local told
    local s = sender_of(w, { on_rejected = function(_, err) told = err end })
    assert(w.sb:fault "runtime:reset=answer")
    local answer, err = s:send(message("one", "PO-1"))
    assert.is_nil(answer)
    assert.same({ "call.flow_failed", "rejected" }, { err.code, err.outcome })
    assert.matches("no such customer", err.message)
    assert.equal(w.sb:log()[1].id, err.message_id)
    assert.equal(err.message_id, told.message_id)
    assert.same({ "one" }, w.ran)
  end))

  it("is waited for while the log is late", world(function(w)
    local s = sender_of(w, { in_doubt = { wait = "30s" } })
    assert(w.sb:fault "runtime:reset=answer")
    assert.equal("delivered", assert(s:send(message("one", "PO-1"))).outcome)
    assert.same({ "one" }, w.ran)
  end, { log_delay = 0.7 }))

  it("is waited for while its flow runs", world(function(w)
    local open = true
    w.process = function(exchange)
      exchange:set_status "PROCESSING"
      core.task.spawn(function()
        core.task.sleep(0.3)
        open = false
        assert(w.sb:set_status(exchange.message_id, "COMPLETED"))
      end)
      return 200, {}, "done"
    end
    local s = sender_of(w, { in_doubt = { running = "30s" } })
    assert(w.sb:fault "runtime:reset=answer")
    assert.equal("delivered", assert(s:send(message("one", "PO-1"))).outcome)
    assert.is_false(open)
  end))

  it("stays in doubt while its flow runs for too long, whatever the policy", world(function(w)
    w.process = function(exchange)
      exchange:set_status "RETRY"
      return 200, {}, "done"
    end
    local s = sender_of(w, { in_doubt = { policy = "repeat" } })
    assert(w.sb:fault "runtime:reset=answer")
    local answer, err = s:send(message("one", "PO-1"))
    assert.is_nil(answer)
    assert.same({ "in_doubt", w.sb:log()[1].id }, { err.outcome, err.message_id })
    assert.same({ "one" }, w.ran)
  end))

  it("is asked for again when the API is busy or down for a moment", world(function(w)
    local s = sender_of(w, { in_doubt = { wait = "30s" } })
    assert(w.sb:fault "runtime:reset=answer")
    assert(w.sb:fault "api:429=1s@first=1")
    assert(w.sb:fault "api:503@first=1")
    assert(w.sb:fault "api:reset@first=1")
    assert.equal("delivered", assert(s:send(message("one", "PO-1"))).outcome)
    assert.same({ "one" }, w.ran)
  end))
end)

describe("a sending that is cancelled while the log is asked", function()
  for _, what in ipairs { "in_doubt", "confirm" } do
    it("leaves its message in doubt: " .. what, world(function(w)
      w.process = function(exchange)
        exchange:set_status "PROCESSING"
        return 202, {}, ""
      end
      local told
      local s = sender_of(w, { in_doubt = { running = "10m" }, confirm = what == "confirm",
        on_in_doubt = function(msg, err) told = { msg.id, err.code } end })
      if what == "in_doubt" then assert(w.sb:fault "runtime:reset=answer") end
      local task = iflow.spawn(function() s:send(message("one", "PO-1")) end)
      process.wait_for("the log to be asked", function()
        return (w.sb:log()[1] or {}).status == "PROCESSING" and s.message_log
      end)
      task:cancel()
      process.wait_for("the callback", function() return told end)
      assert.same({ "PO-1", "call.in_doubt" }, told)
      assert.same({ "one" }, w.ran)
    end))
  end
end)

describe("a message that was lost on its way", function()
  it("is sent again, once, when the log has nothing of it", world(function(w)
    logged_before(w)
    local s = sender_of(w, {})
    assert(w.sb:fault "runtime:reset=after@first=1")
    local answer = assert(s:send(message("one", "PO-1")))
    assert.same({ 200, "delivered" }, { answer.status, answer.outcome })
    assert.same({ "one" }, w.ran)
  end))

  it("is sent again when an earlier one shows that ids are in the logs", world(function(w)
    local s = sender_of(w, {})
    assert(s:send(message("one", "PO-1")))
    assert(w.sb:fault "runtime:reset=after@first=1")
    assert(s:send(message("two", "PO-2")))
    assert.same({ "one", "two" }, w.ran)
  end))

  it("stays in doubt when the flow has never written a log", world(function(w)
    local s = sender_of(w, {})
    assert(w.sb:fault "runtime:reset=after@first=1")
    local _, err = s:send(message("one", "PO-1"))
    assert.same({ "call.in_doubt", "in_doubt" }, { err.code, err.outcome })
    assert.same({}, w.ran)
  end))

  it("is left to retry when the policy ends there", world(function(w)
    logged_before(w)
    local s = sender_of(w, { retry = "none" })
    assert(w.sb:fault "runtime:reset=after@first=1")
    local _, err = s:send(message("one", "PO-1"))
    assert.same({ "call.not_arrived", "retryable", true },
      { err.code, err.outcome, err.retryable })
    assert.same({}, w.ran)
  end))
end)

describe("an attempt after another one", function()
  -- The log of the first attempt, FAILED, is older than the clocks may differ.
  local function failed_before(w)
    w.process = function() error("not yet", 0) end
    local s = sender_of(w, {})
    local _, err = s:send(message("one", "PO-1"))
    assert.equal("rejected", err.outcome)
    local entry = w.sb.tenant.log:find(err.message_id)
    entry.started = entry.started - 3600
    w.process = function() return 200, {}, "" end
    return s
  end

  it("is not judged by the earlier one's failure", world(function(w)
    local s = failed_before(w)
    assert(w.sb:fault "runtime:reset=after@first=1")
    local _, err = s:send(message("one", "PO-1"))
    assert.same({ "call.in_doubt", "in_doubt" }, { err.code, err.outcome })
    assert.matches("earlier attempts only", err.message)
    assert.same({ "one" }, w.ran)
  end))

  it("is delivered when it got through", world(function(w)
    local s = failed_before(w)
    assert(w.sb:fault "runtime:reset=answer@first=1")
    assert.equal("delivered", assert(s:send(message("one", "PO-1"))).outcome)
    assert.same({ "one", "one" }, w.ran)
  end))
end)

describe("what shows that ids are in the logs", function()
  it("counts for the address it was seen at", world(function(w)
    support.echo(w.sb, { name = "plain", address = "/plain", csrf = false, process = function()
      w.ran[#w.ran + 1] = "plain"
      return 200, {}, ""
    end })
    local s = sender_of(w, {})
    s.options.to = function(msg) return msg.body == "plain" and "/http/plain" or "/http/orders" end
    assert(s:send(message("one", "PO-1")))
    assert(w.sb:fault "runtime:reset=answer@first=1")
    assert(s:send(message("two", "PO-2")))
    assert(w.sb:fault "runtime:reset=answer@first=1")
    local _, err = s:send(message("plain", "PO-3"))
    assert.equal("in_doubt", err.outcome) -- its flow takes no ids
    assert.same({ "one", "two", "plain" }, w.ran)
  end))
end)

describe("a log that could not be found", function()
  it("proves nothing when the flow does not take ids", world(function(w)
    w.deploy()
    local s = sender_of(w, {})
    assert(s:send(message("one", "PO-1")))
    assert(w.sb:fault "runtime:reset=answer")
    local answer, err = s:send(message("two", "PO-2"))
    assert.is_nil(answer)
    assert.same({ "call.in_doubt", "in_doubt" }, { err.code, err.outcome })
    assert.matches("Allowed Headers", err.hint)
    assert.same({ "one", "two" }, w.ran)
  end))

  it("proves nothing when the first message may be among other logs", world(function(w)
    w.deploy()
    local s = sender_of(w, {})
    assert(w.sb:fault "runtime:reset=answer")
    local _, err = s:send(message("one", "PO-1"))
    assert.equal("in_doubt", err.outcome)
    assert.same({ "one" }, w.ran)
  end))

  it("proves nothing when there are no logs", world(function(w)
    local s = sender_of(w, { headers = { SAP_MessageProcessingLogLevel = "NONE" } })
    assert(s:send(message("one", "PO-1")))
    assert(w.sb:fault "runtime:reset=answer")
    local _, err = s:send(message("two", "PO-2"))
    assert.equal("in_doubt", err.outcome)
    assert.matches("log level NONE", err.hint)
    assert.same({ "one", "two" }, w.ran)
  end))

  it("leaves it to the policy", world(function(w)
    w.deploy()
    local s = sender_of(w, { in_doubt = { policy = "repeat" } })
    assert(w.sb:fault "runtime:reset=answer@first=1")
    assert.equal(200, assert(s:send(message("one", "PO-1"))).status)
    assert.same({ "one", "one" }, w.ran)
  end))

  it("is not looked for where the message has no id", world(function(w)
    local s = sender_of(w, { message_id = false })
    assert(w.sb:fault "runtime:reset=answer")
    local _, err = s:send "one"
    assert.equal("in_doubt", err.outcome)
    assert.same({ "one" }, w.ran)
  end))
end)

describe("an API key that cannot be read", function()
  it("is told before anything is sent", world(function(w)
    local s = sender_of(w, { api = w.sb.dir .. "/no-such-key.json" })
    local answer, err = s:send(message("one", "PO-1"))
    assert.is_nil(answer)
    assert.equal("file.not_found", err.code)
    assert.same({}, w.ran)
  end))
end)

describe("an API that refuses the key", function()
  it("leaves the message in doubt, and says which key it needs", world(function(w)
    local s = sender_of(w, { api = w.key })
    assert(w.sb:fault "runtime:reset=answer@first=1") -- the key leads to the same host
    local answer, err = s:send(message("one", "PO-1"))
    assert.is_nil(answer)
    assert.same({ "call.in_doubt", "in_doubt" }, { err.code, err.outcome })
    assert.matches("of plan api", err.hint)
    assert.matches("this one is of plan integration%-flow", err.hint)
    assert.matches("the message log cannot decide.*of plan api", core.log.captured())
    assert.same({ "one" }, w.ran)
  end))

  it("leaves it in doubt for a role that is missing, a key that is gone", world(function(w)
    local key, instance, name = support.key(w.sb, "secret", { plan = "api",
      roles = { "WorkspacePackagesRead" } })
    local s = sender_of(w, { api = key })
    assert(w.sb:fault "runtime:reset=answer")
    local _, err = s:send(message("one", "PO-1"))
    assert.equal("in_doubt", err.outcome)
    assert.matches("MonitoringDataRead", err.hint)
    assert(w.sb:delete_key(instance, name))
    s:close()
    _, err = s:send(message("two", "PO-2"))
    assert.same({ "call.in_doubt", "in_doubt" }, { err.code, err.outcome })
    assert.same({ "one", "two" }, w.ran)
  end))
end)

describe("the policy without an API key", function()
  it("is to hold, to repeat or to reject", world(function(w)
    local s = sender_of(w, { api = false })
    assert(w.sb:fault "runtime:reset=answer@first=1")
    local _, err = s:send(message("one", "PO-1"))
    assert.equal("in_doubt", err.outcome)
    s.options.in_doubt.policy = "reject"
    assert(w.sb:fault "runtime:reset=answer@first=1")
    _, err = s:send(message("two", "PO-2"))
    assert.equal("rejected", err.outcome)
    s.options.in_doubt.policy = "repeat"
    assert(w.sb:fault "runtime:reset=answer@first=1")
    assert.equal("delivered", assert(s:send(message("three", "PO-3"))).outcome)
    assert.same({ "one", "two", "three", "three" }, w.ran)
  end))
end)

-- A flow that answers at once and ends later, with that status.
local function later(w, status, seconds)
  return function(exchange)
    exchange:set_status "PROCESSING"
    core.task.spawn(function()
      core.task.sleep(seconds or 0.2)
      assert(w.sb:set_status(exchange.message_id, status, "the shop is closed"))
    end)
    return 202, {}, ""
  end
end

describe("confirm", function()
  it("waits for the flow's end", world(function(w)
    w.process = later(w, "COMPLETED")
    local answer = assert(sender_of(w, { confirm = true }):send(message("one", "PO-1")))
    assert.same({ 202, "delivered", "COMPLETED" },
      { answer.status, answer.outcome, answer.log.status })
  end))

  it("does not hold up the messages that follow", world(function(w)
    local ids, list = {}, {}
    for i = 1, 40 do list[i] = message("m" .. i, "PO-" .. i) end
    w.process = function(exchange) -- all end when the last one has come
      exchange:set_status "PROCESSING"
      ids[#ids + 1] = exchange.message_id
      if #ids == 40 then
        core.task.spawn(function()
          iflow.sleep(0.1)
          for _, id in ipairs(ids) do assert(w.sb:set_status(id, "COMPLETED")) end
        end)
      end
      return 202, {}, ""
    end
    local s = sender_of(w, { confirm = { timeout = "50s" }, concurrency = 2 })
    assert.equal(40, s:send_all(list).delivered)
  end))

  it("rejects what fails after its answer", world(function(w)
    local s = sender_of(w, { confirm = true })
    for _, status in ipairs { "FAILED", "ESCALATED", "CANCELLED", "DISCARDED" } do
      w.process = later(w, status, 0.05)
      local answer, err = s:send(message("one", "PO-" .. status))
      assert.is_nil(answer)
      assert.same({ "call.flow_failed", "rejected" }, { err.code, err.outcome })
      assert.is_nil(err.status) -- 202 is no refusal
      if status ~= "DISCARDED" then assert.matches("the shop is closed", err.message) end
      assert.equal(w.sb:log()[#w.ran].id, err.message_id)
    end
  end))

  it("goes by the message's id when the answer has none", world(function(w)
    w.process = function() return 200, { SAP_MessageProcessingLogID = "" }, "" end
    local answer = assert(sender_of(w, { confirm = true }):send(message("one", "PO-1")))
    assert.equal("COMPLETED", answer.log.status)
  end))

  it("leaves in doubt what has not ended in time", world(function(w)
    w.process = function(exchange)
      exchange:set_status "PROCESSING"
      return 202, {}, ""
    end
    local _, err = sender_of(w, { confirm = { timeout = "1s" } }):send(message("one", "PO-1"))
    assert.same({ "call.in_doubt", "in_doubt", 202, w.sb:log()[1].id },
      { err.code, err.outcome, err.status, err.message_id })
    assert.same({ "one" }, w.ran)
  end))

  it("leaves in doubt what has no log, and says why that may be", world(function(w)
    local s = sender_of(w, { confirm = { timeout = "1s" },
      headers = { SAP_MessageProcessingLogLevel = "NONE" } })
    local _, err = s:send(message("one", "PO-1"))
    assert.equal("in_doubt", err.outcome)
    assert.matches("log level NONE", err.hint)
  end))
end)

-- Services ---------------------------------------------------------------------------------------

-- Ends the service before the sandbox.
local function service_of(path)
  local service = assert(iflow.service.new { outbox = path })
  assert(service:start())
  return service
end

local function wait_for_state(service, id, state)
  return process.wait_for(id .. " to be " .. state, function()
    local row = assert(service.box:list { id = id })[1]
    return row and row.state == state and row
  end)
end

describe("a service", function()
  it("delivers by the log's word, and sends again what did not arrive", world(function(w)
    local dir <close> = process.tempdir()
    local s = sender_of(w, {})
    local service <close> = service_of(dir:file "box.db")
    assert(w.sb:fault "runtime:reset=answer@first=1")
    assert(s:enqueue(message("one", "PO-1")))
    wait_for_state(service, "PO-1", "delivered")
    assert(w.sb:fault "runtime:reset=after@first=1")
    assert(s:enqueue(message("two", "PO-2")))
    assert.equal(2, wait_for_state(service, "PO-2", "delivered").attempts)
    assert.same({ "one", "two" }, w.ran)
  end))

  it("delivers when the flow has ended, with confirm", world(function(w)
    local dir <close> = process.tempdir()
    local s = sender_of(w, { confirm = true })
    local service <close> = service_of(dir:file "box.db")
    w.process = later(w, "COMPLETED", 0.2)
    assert(s:enqueue(message("one", "PO-1")))
    wait_for_state(service, "PO-1", "delivered")
    w.process = later(w, "FAILED", 0.2)
    assert(s:enqueue(message("two", "PO-2")))
    local row = wait_for_state(service, "PO-2", "rejected")
    assert.equal("call.flow_failed", row.code)
    assert.matches("the shop is closed", row.error)
  end))
end)

-- A program with the sender and a service over an outbox, killed while a call is under way.
local PROGRAM = [[
local iflow = require "iflow"
iflow.run(function()
  iflow.sender "orders" { service_key = arg[1], to = "/http/orders", cacert = arg[2],
    token_cache = false, proxy = "", timeout = "10m", confirm = arg[5] == "confirm",
    api = { service_key = arg[4], cacert = arg[2], token_cache = false, proxy = "" } }
  local service = assert(iflow.service.new { outbox = arg[3] })
  assert(service:start())
  assert(iflow.sender "orders":enqueue(iflow.message.new { body = "one", id = "PO-1" }))
  iflow.sleep(600)
end)
]]

local function killed_during(w, dir, fault, reached, mode)
  local script = dir:write("program.lua", PROGRAM)
  if fault then assert(w.sb:fault(fault)) end
  local program <close> = process.start { process.lua, script, support.key_file(w.sb, w.key),
    w.sb.endpoints.cacert, dir:file "box.db", support.key_file(w.sb, w.api_key), mode or "",
    env = { LUA_PATH = package.path, LUA_CPATH = package.cpath } }
  process.wait_for("the call", function()
    if not program:alive() then error(program:output(), 0) end
    return reached()
  end)
  program:signal "KILL"
  program:wait()
  w.sb:clear_faults()
end

-- Whether the fault that is on has happened.
local function happened(w)
  return function() return w.sb:faults()[1].happened > 0 end
end

describe("after a crash", function()
  it("what the flow has done is delivered, and not sent again", world(function(w)
    local dir <close> = process.tempdir()
    killed_during(w, dir, "runtime:late=10m", function() return #w.ran == 1 end)
    sender_of(w, {})
    local service <close> = service_of(dir:file "box.db")
    local row = wait_for_state(service, "PO-1", "delivered")
    assert.equal(w.sb:log()[1].id, row.message_id)
    assert.same({ "one" }, w.ran)
  end))

  it("what did not arrive is sent again, once", world(function(w)
    logged_before(w)
    local dir <close> = process.tempdir()
    killed_during(w, dir, "runtime:stall=10m", happened(w))
    sender_of(w, {})
    local service <close> = service_of(dir:file "box.db")
    wait_for_state(service, "PO-1", "delivered")
    assert.same({ "one" }, w.ran)
  end))

  it("what failed is a dead letter with the log's text", world(function(w)
    local dir <close> = process.tempdir()
    w.process = function() error("no such customer", 0) end
    killed_during(w, dir, "runtime:late=10m", function() return #w.ran == 1 end)
    local told
    sender_of(w, { on_rejected = function(msg, err) told = { msg.id, err.code } end })
    local service <close> = service_of(dir:file "box.db")
    local row = wait_for_state(service, "PO-1", "rejected")
    assert.matches("no such customer", row.error)
    process.wait_for("the callback", function() return told end)
    assert.same({ "PO-1", "call.flow_failed" }, told)
    assert.same({ "one" }, w.ran)
  end))

  it("what waited for its confirmation is decided by the log", world(function(w)
    local dir <close> = process.tempdir()
    w.process = function(exchange)
      exchange:set_status "PROCESSING"
      return 202, {}, ""
    end
    killed_during(w, dir, nil, function() return #w.ran == 1 end, "confirm")
    assert(w.sb:set_status(w.sb:log()[1].id, "COMPLETED"))
    sender_of(w, { confirm = true })
    local service <close> = service_of(dir:file "box.db")
    wait_for_state(service, "PO-1", "delivered")
    assert.same({ "one" }, w.ran)
  end))

  it("nothing is sent again without a log or a policy", world(function(w)
    local dir <close> = process.tempdir()
    killed_during(w, dir, "runtime:late=10m", function() return #w.ran == 1 end)
    sender_of(w, { api = w.key })
    local service <close> = service_of(dir:file "box.db")
    process.wait_for("the warning", function()
      return core.log.captured():find "stays in doubt[^\n]* id=PO%-1"
    end)
    wait_for_state(service, "PO-1", "in_doubt")
    assert.same({ "one" }, w.ran)
  end))

  it("the policy repeats or rejects", world(function(w)
    local dir <close> = process.tempdir()
    killed_during(w, dir, "runtime:late=10m", function() return #w.ran == 1 end)
    sender_of(w, { api = false, in_doubt = { policy = "repeat" } })
    local service <close> = service_of(dir:file "box.db")
    wait_for_state(service, "PO-1", "delivered")
    assert.same({ "one", "one" }, w.ran)
  end))
end)
