-- The ring of decisions: what is kept of a request, and who waits for the next one.
local async = require "spec.support.async"
local core = require "iflow.core"
local decisions = require "iflow.sandbox.decisions"

local function request(fields)
  local all = { kind = "runtime", method = "POST", target = "/http/a?secret=1" }
  for name, value in pairs(fields or {}) do all[name] = value end
  return all
end

local function noted(log, fields, answer)
  log:note(request(fields), answer or { status = 200, rule = "flow: ran" }, core.task.monotonic())
  return log:since(log.last - 1)[1]
end

describe("decisions", function()
  it("keep what happened, without the query", function()
    local log = decisions.new(function() return 1000 end)
    local event = noted(log, { caller = { client_id = "c" }, flow = { name = "f" },
                               message_id = "m" })
    assert.is_true(event.seconds >= 0)
    event.seconds = nil
    assert.same({ number = 1, time = 1000, host = "runtime", method = "POST", path = "/http/a",
                  status = 200, rule = "flow: ran", client_id = "c", flow = "f",
                  message_id = "m" }, event)
    assert.is_nil(noted(log, {}, { abort = true, rule = "x", status = 500 }).status)
  end)

  it("are one line of UTF-8 each, whatever a client sends", function()
    local log = decisions.new(os.time)
    assert.equal("/?[31m?", noted(log, { target = "/\27[31m\n" }).path)
    assert.equal("/????", noted(log, { target = "/\xff\xfe\x80\xc3" }).path)
    assert.equal("ä?b", noted(log, {}, { status = 404, rule = "ä\nb" }).rule)
    assert.equal(500, #noted(log, { target = ("/"):rep(5000) }).path)
  end)

  it("leave out the admin path, and forget the oldest", function()
    local log = decisions.new(os.time)
    log:note(request { private = true }, { status = 200 }, 0)
    assert.same({}, log:since(0))
    for _ = 1, 1234 do noted(log) end
    local kept = log:since(0)
    assert.same({ 1000, 235, 1234 }, { #kept, kept[1].number, kept[1000].number })
    assert.same({}, log:since(1234))
    assert.same({}, log:since(99999))
    local count = 0
    for _ in pairs(log.events) do count = count + 1 end
    assert.equal(1000, count)
  end)

  it("wake who waits for the next one", async(function()
    local log = decisions.new(os.time)
    local waiters = {}
    for i = 1, 3 do
      waiters[i] = core.task.spawn(function()
        log:wait(0, 60)
        return log.last
      end)
    end
    core.task.sleep(0)
    noted(log)
    for _, waiter in ipairs(waiters) do assert.equal(1, (waiter:join(60))) end
    log:wait(0, 60) -- there is one already
    log:wait(1, 0.01) -- none comes
    assert.equal(0, log.waiters)
    local last = core.task.spawn(function() log:wait(1, 60) end)
    core.task.sleep(0)
    log:close()
    assert(last:join(60) == nil)
    log:wait(1, 60) -- nothing will come any more
  end))

  it("do not wake who has given up", async(function()
    local log = decisions.new(os.time)
    local waiter = core.task.spawn(function() log:wait(0, 60) end)
    core.task.sleep(0)
    waiter:cancel()
    core.task.sleep(0)
    noted(log)
    assert.equal(0, log.waiters)
  end))
end)
