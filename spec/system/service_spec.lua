-- A service over a real outbox and a sandbox tenant: what was accepted arrives, whatever happens,
-- and nothing arrives twice that must not. The tenant's log is the judge.
local async = require "spec.support.async"
local core = require "iflow.core"
local fresh = require "spec.support.fresh"
local iflow = require "iflow"
local landscape = require "spec.support.landscape"
local outbox = require "iflow.outbox"
local outbox_service = require "spec.support.outbox_service"
local process = require "spec.support.process"
local registry = require "iflow.registry"
local sandbox = require "spec.support.sandbox"
local size = require "spec.support.size"

local COUNT = size.of(200, 5000)

before_each(fresh.begin)
after_each(fresh.finish)

local function id_of(number) return ("order-%05d"):format(number) end

local function define(land, options)
  options.to = "/http/orders"
  options.transform = iflow.transform.to_json {}
  options.message_id = function(msg) return id_of(msg.data.number) end
  return iflow.sender "orders" (land:tenant_options("secret", options))
end

local function numbers(count, keys)
  local number = 0
  return function()
    number = number + 1
    return number <= count and { number = number, key = keys and number % keys } or nil
  end
end

-- How often the flow ran to its end for each id, by the tenant's log; and for all of them.
local function runs(sb)
  local found, all = {}, 0
  for _, entry in ipairs(sb:log()) do
    if entry.status == "COMPLETED" then
      found[entry.application_id] = (found[entry.application_id] or 0) + 1
      all = all + 1
    end
  end
  return found, all
end

describe("a service over a tenant on a bad day", function()
  it("delivers everything, in the order of keys, and knows what it has had", async(function()
    local arrived = {}
    local land <close> = landscape.open { settings = { log_size = 4 * COUNT, clock_leeway = 0 },
      process = function(exchange)
        local order = core.json.decode(exchange.body)
        local list = arrived[order.key] or {}
        if list[#list] ~= order.number then list[#list + 1] = order.number end
        arrived[order.key] = list
        return 200, {}, ""
      end }
    for _, fault in ipairs { "runtime:503@5%,seed=1", "runtime:429=1s@1%,seed=2",
      "runtime:reset=after@2%,seed=3", "token:expires=2s" } do assert(land.sb:fault(fault)) end
    local orders = define(land, { idempotent = true, order_by = function(msg)
      return msg.data.key end, breaker = false,
      retry = iflow.retry { first = "10ms", max = "50ms", attempts = 20 } })
    local running <close> = outbox_service.open()
    local summary = assert(orders:enqueue_all(numbers(COUNT, 7)))
    assert.equal(COUNT, summary.accepted)
    assert.is_true(running.service:drain "10m")
    assert.equal(COUNT, assert(running.box:counts()).delivered)
    for key, list in pairs(arrived) do
      for i = 2, #list do assert.is_true(list[i] > list[i - 1], "key " .. key) end
    end
    local found, all = runs(land.sb)
    for number = 1, COUNT do assert.is_truthy(found[id_of(number)], id_of(number)) end
    summary = assert(orders:enqueue_all(numbers(COUNT, 7)))
    assert.same({ 0, COUNT }, { summary.accepted, summary.known })
    assert.is_true(running.service:drain "10m")
    assert.equal(all, select(2, runs(land.sb)))
  end, { limit = 900 }))

  it("leaves in doubt what an answer was lost for, and sends nothing twice", async(function()
    local land <close> = landscape.open { settings = { log_size = 4 * COUNT } }
    assert(land.sb:fault "runtime:reset=after@10%,seed=3")
    local orders = define(land, { breaker = false })
    local running <close> = outbox_service.open()
    assert(orders:enqueue_all(numbers(COUNT)))
    assert.is_true(running.service:drain "10m")
    local found = runs(land.sb)
    local counts = assert(running.box:counts())
    assert.equal(COUNT, counts.delivered + counts.in_doubt)
    assert.is_true(counts.in_doubt > 0)
    for number = 1, COUNT do
      local row = running:row("orders", id_of(number))
      if row.state == "delivered" then
        assert.equal(1, found[row.id])
      else
        assert.equal("in_doubt", row.state)
        assert.is_true((found[row.id] or 0) <= 1)
      end
    end
  end, { limit = 900 }))
end)

describe("a tenant that is gone for a while", function()
  it("gets everything when it is back, more messages than there are attempts", async(function()
    local land <close> = landscape.open {}
    local path = land.sb.dir
    local port = land:port "token"
    local orders = define(land, { retry = iflow.retry { attempts = 2 } })
    local running <close> = outbox_service.open()
    assert(orders:enqueue { number = 1 })
    assert.is_true(running.service:drain(30))
    local kept = process.tempdir()
    assert(os.execute(("cp -a %s/. %s/"):format(process.quote(path), process.quote(kept.path))))
    land.sb:close()
    assert(orders:enqueue_all(numbers(30)))
    process.wait_for("a pause", function()
      return running.service.box:list { sender = "orders", state = "ready" }[1].code
    end)
    local sb <close> = sandbox.start { dir = kept.path, port = port }
    assert(sb:deploy { name = "orders", address = "/orders", role = "ESBMessaging.send",
      csrf = false, allowed_headers = "*", process = function() return 200, {}, "" end })
    assert.is_true(running.service:drain "5m")
    assert.equal(30, assert(running.box:counts()).delivered)
    for number = 2, 30 do
      assert.equal(1, running:row("orders", id_of(number)).attempts)
      assert.equal(1, runs(sb)[id_of(number)])
    end
    kept:close()
  end, { limit = 600 }))
end)

-- A program with a service of its own, which enqueues a message and goes on until it is killed.
local PROGRAM = [[
local core = require "iflow.core"
local iflow = require "iflow"
local options = assert(core.json.decode(arg[1]))
iflow.run(function()
  local orders = iflow.sender "orders" (options.sender)
  local service = assert(iflow.service.new { outbox = options.outbox })
  assert(service:start())
  for number = 1, options.count do
    assert(orders:enqueue(iflow.message.new { id = "m" .. number, body = "x" }))
  end
  assert(core.file.write(options.enqueued, "all"))
  iflow.sleep(300)
end)
]]

-- Starts it, and kills it when all is enqueued and its calls are under way.
local function kill_under_way(dir, options, under_way)
  local program = dir:write("program.lua", PROGRAM)
  options.outbox, options.enqueued = dir:file "box.db", dir:file "enqueued"
  local child <close> = process.start { process.lua, program,
    (assert(core.json.encode(options))) }
  process.wait_for("the calls", function()
    if not child:alive() then error(child:output(), 0) end
    return dir:read "enqueued" == "all" and under_way()
  end)
  child:signal "KILL"
  child:wait()
  return options.outbox
end

describe("a process that is killed while calls are under way", function()
  local function open(options)
    local self = { begun = 0, hold = true, seen = {} }
    self.land = landscape.open { process = function(exchange)
      self.begun = self.begun + 1
      local id = exchange:header "SAP_ApplicationID"
      self.seen[id] = (self.seen[id] or 0) + 1
      while self.hold do core.task.sleep(0.005) end
      return 200, {}, ""
    end }
    self.sender = self.land:tenant_options("secret", options)
    self.sender.to, self.sender.concurrency = "/http/orders", 2
    return self
  end

  it("leaves these in doubt, and nothing else", async(function()
    local flow = open {}
    local _ <close> = flow.land
    local dir <close> = process.tempdir()
    local path = kill_under_way(dir, { sender = flow.sender, count = 6 },
      function() return flow.begun == 2 end)
    flow.hold = false
    do
      local box <close> = assert(outbox.open { path = path })
      local counts = assert(box:counts())
      assert.same({ 2, 4 }, { counts.in_doubt, counts.ready })
    end
    iflow.sender "orders" (flow.sender)
    local running <close> = outbox_service.open { path = path, start = "all" }
    assert.is_true(running.service:drain(60))
    local counts = assert(running.box:counts())
    assert.same({ 2, 4, 0 }, { counts.in_doubt, counts.delivered, counts.ready })
    for id, times in pairs(flow.seen) do assert.equal(1, times, id) end
    running:stop(10)
  end, { limit = 120 }))

  it("has them sent again, with the same ids, when the sender is idempotent", async(function()
    local flow = open { idempotent = true }
    local _ <close> = flow.land
    local dir <close> = process.tempdir()
    local path = kill_under_way(dir, { sender = flow.sender, count = 6 },
      function() return flow.begun == 2 end)
    flow.hold = false
    iflow.sender "orders" (flow.sender)
    local running <close> = outbox_service.open { path = path, start = "all" }
    assert.is_true(running.service:drain(60))
    assert.equal(6, assert(running.box:counts()).delivered)
    local twice = 0
    for number = 1, 6 do
      local times = flow.seen["m" .. number]
      assert.is_true(times == 1 or times == 2)
      twice = twice + times - 1
    end
    assert.equal(2, twice)
    running:stop(10)
  end, { limit = 120 }))
end)

describe("service:start", function()
  local function refused(trigger)
    registry.add_trigger(trigger, 1)
    local dir <close> = process.tempdir()
    local service = assert(iflow.service.new { outbox = dir:file "box.db" })
    local ok, err = service:start()
    assert.is_nil(ok)
    assert.is_nil(registry.current().service)
    return err
  end

  it("says which trigger names no sender", async(function()
    local err = refused { kind = "relay", name = "r", place = "x.lua:1", sender = "order",
      start = error }
    assert.equal("usage.invalid", err.code)
    assert.matches("relay 'r' %(x.lua:1%)", err.message)
  end))

  it("starts and stops triggers, and tells of them", async(function()
    local events = {}
    local function trigger(name)
      return { kind = "test", name = name, place = "x", start = function()
        events[#events + 1] = name .. " starts"
        return { stop = function(_, limit)
          events[#events + 1] = name .. (limit > 0 and " stops" or " ends")
        end, status = function() return { lines = 7 } end }
      end }
    end
    registry.add_trigger(trigger "a", 1)
    assert.error_matches(function() registry.add_trigger(trigger "a", 1) end, "is defined twice")
    local running <close> = outbox_service.open { start = "all" }
    assert.same({ { kind = "test", name = "a", lines = 7 } }, running.service:status().triggers)
    running:stop(5)
    assert.same({ "a starts", "a stops" }, events)
    assert.is_false(running.service:status().ready)
  end))

  it("ends what it has begun when a trigger cannot start", async(function()
    local stopped = false
    registry.add_trigger({ kind = "test", name = "a", place = "x", start = function()
      return { stop = function() stopped = true end }
    end }, 1)
    local failure = iflow.error { code = "usage.invalid", message = "no" }
    assert.equal(failure, refused { kind = "test", name = "b", place = "x",
      start = function() return nil, failure end })
    assert.is_true(stopped)
  end))

  it("needs a tenant that can be opened", async(function()
    iflow.sender "orders" { to = "/x", service_key = "no-such-key.json" }
    local dir <close> = process.tempdir()
    local service = assert(iflow.service.new { outbox = dir:file "box.db" })
    local ok, err = service:start()
    assert.is_nil(ok)
    assert.equal("file.not_found", err.code)
  end))

  it("tells who waits when the time is over", async(function()
    local land <close> = landscape.open {}
    define(land, {})
    local running <close> = outbox_service.open { start = "all" }
    local answer, err = running.service:wait("orders", "nobody", 0.5)
    assert.is_nil(answer)
    assert.equal("task.timeout", err.code)
    running:stop(5)
  end))
end)
