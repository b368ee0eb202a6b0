-- iflow serve as a process: how it starts, what it says, how it stops, and what it refuses.
local async = require "spec.support.async"
local client = require "iflow.service.client"
local core = require "iflow.core"
local process = require "spec.support.process"
local serve = require "spec.support.serve"

local SENDER = serve.SENDER

-- Answers that are given when the spec says so, or ends.
local function gate()
  local open, waiting = false, 0
  return setmetatable({
    answer = function(req)
      waiting = waiting + 1
      process.wait_for("the gate", function() return open end)
      req:answer(200, { ["Content-Type"] = "text/plain" }, "ok")
    end,
    open = function() open = true end,
    waiting = function() return waiting end,
  }, { __close = function() open = true end })
end

local function sorted(list)
  local copy = table.move(list, 1, #list, 1, {})
  table.sort(copy)
  return copy
end

local function ids(count)
  local list = {}
  for i = 1, count do list[i] = "m-" .. i end
  return sorted(list)
end

local function wait_delivered(place, count)
  process.wait_for(count .. " messages", function() return #place.received >= count end)
end

describe("iflow serve", function()
  it("says what it serves, is ready, delivers what waits, and stops", async(function()
    local place <close> = serve.place()
    place:script("orders.lua", SENDER .. [[
      iflow.every "poll" { interval = "1d", run = function() end }]])
    place:store(3)
    local service <close> = place:serve("orders.lua", "--durability", "normal")
    local started = service.started
    assert.same({ { "orders" }, { "orders.lua" }, "normal" },
      { started.senders, started.scripts, started.durability })
    assert.equal("poll", started.triggers[1].name)
    assert.equal(place.box_path, started.outbox)
    for _, text in ipairs { "orders.lua", "senders: orders", "poll", place.box_path,
      "durability normal", "http://" .. started.control } do
      assert.is_truthy(service:log():find(text, 1, true), text)
    end
    assert.equal(200, (service:get "/live"))
    wait_delivered(place, 3)
    process.wait_for("a ready service without messages", function()
      local status, value = service:get "/ready"
      return status == 200 and value.ready and value.outbox.messages == 0
    end)
    local result = service:stop()
    assert.equal(0, result.code)
    assert.same(ids(3), sorted(place.received))
    assert.is_nil(process.read(place.box_path .. "-control"))
  end))

  it("keeps the token of its control endpoint out of the log", async(function()
    local place <close> = serve.place()
    place:script("orders.lua", SENDER)
    local service <close> = place:serve("orders.lua", "--log-level", "trace")
    local token = core.json.decode(process.read(place.box_path .. "-control")).token
    local box <close> = assert(client.open(place.box_path))
    assert.equal(0, box:counts().messages)
    local result = service:stop()
    assert.is_nil((result.out .. result.err):find(token, 1, true))
  end))

  it("stops gently when it is told to while it starts", async(function()
    local dir <close> = process.tempdir()
    local path = dir:file "outbox.db"
    local script = dir:write("poll.lua", ([[
      local iflow = require "iflow"
      iflow.every "poll" { interval = "1d", run = function() end }
      iflow.spawn(function()
        while not io.open("%s-control") do iflow.sleep(0.001) end
        os.execute "kill -s TERM $PPID"
      end)]]):format(path))
    for _ = 1, 3 do
      local result = process.run { process.iflow, "serve", script, "--outbox", path }
      assert.equal(0, result.code, result.err)
      assert.is_truthy(result.err:find("stopped", 1, true))
    end
  end))

  it("ends what is in flight, and leaves the rest to its next start", async(function()
    local held <close> = gate()
    local place <close> = serve.place { runtime = held.answer }
    place:script("orders.lua", SENDER)
    place:store(20)
    local service <close> = place:serve("orders.lua")
    process.wait_for("calls in flight", function() return held.waiting() == 2 end)
    service:signal "TERM"
    process.wait_for("the stop", function() return service:log():find "stopping" end)
    assert.equal(503, (service:get "/ready"))
    assert.equal(200, (service:get "/live"))
    held.open()
    assert.equal(0, service:wait().code)
    assert.equal(2, #place.received)
    place:with_box(function(box)
      local counts = box:counts()
      assert.same({ 18, 2, 0, 0 },
        { counts.ready, counts.delivered, counts.in_doubt, counts.started })
    end)
    local again <close> = place:serve("orders.lua")
    wait_delivered(place, 20)
    assert.equal(0, again:stop().code)
    assert.same(ids(20), sorted(place.received)) -- each one once
  end))

  it("gives up calls when the grace time is over: in doubt, or again by who is idempotent", async(
    function()
      local held <close> = gate()
      local place <close> = serve.place { runtime = held.answer }
      place:script("orders.lua", SENDER .. [[
        iflow.sender "safe" { to = "/http/safe", idempotent = true }]])
      place:with_box(function(box)
        for _, name in ipairs { "orders", "safe" } do
          assert(box:enqueue { sender = name, id = "m-1", body = "x", headers = {} })
        end
      end)
      local service <close> = place:serve("orders.lua", "--grace", "500ms")
      process.wait_for("calls in flight", function() return #place.received == 2 end)
      assert.equal(0, service:stop().code)
      place:with_box(function(box)
        assert.equal("orders", box:list({ state = "in_doubt" })[1].sender)
        assert.equal("safe", box:list({ state = "ready" })[1].sender)
      end)
    end))

  it("ends at once by a second signal, and loses nothing", async(function()
    local held <close> = gate()
    local place <close> = serve.place { runtime = held.answer }
    place:script("orders.lua", SENDER)
    place:store(5)
    local service <close> = place:serve("orders.lua", "--grace", "10m")
    process.wait_for("calls in flight", function() return #place.received == 2 end)
    service:signal "TERM"
    process.wait_for("the stop", function() return service:log():find "stopping" end)
    service:signal "INT"
    assert.equal(130, service:wait().code)
    place:with_box(function(box)
      local counts = box:counts()
      assert.same({ 3, 2 }, { counts.ready, counts.in_doubt })
    end)
  end))

  it("is not ready while credentials are refused", async(function()
    local place <close> = serve.place { token = function(req)
      req:answer(401, { ["Content-Type"] = "application/json" }, '{"error":"unauthorized"}')
    end }
    place:script("orders.lua", SENDER)
    place:store(1)
    local service <close> = place:serve("orders.lua")
    process.wait_for("the pause", function() return service:get "/ready" == 503 end)
    local _, value = service:get "/ready"
    assert.is_false(value.ready)
    assert.is_truthy(value.why[1]:find "orders")
    assert.equal(0, service:stop().code)
    place:with_box(function(box) assert.equal(1, box:counts().ready) end)
  end))

  it("lets commands at its outbox, and sends at once what they give back", async(function()
    local place <close> = serve.place { runtime = function(req, n)
      req:answer(n == 1 and 400 or 200, { ["Content-Type"] = "text/plain" }, "")
    end }
    place:script("orders.lua", SENDER)
    place:store(1)
    local service <close> = place:serve("orders.lua")
    local box <close> = assert(client.open(place.box_path))
    process.wait_for("the dead letter", function() return box:counts().rejected == 1 end)
    assert.equal(1, box:requeue(box:list({ state = "rejected" })[1]))
    process.wait_for("the delivery", function() return box:counts().delivered == 1 end)
    local listed = place:run("outbox", "list", "--state", "delivered", "--json")
    assert.equal(0, listed.code, listed.err)
    assert.is_truthy(listed.out:find("m-1", 1, true))
    service:stop()
    assert.is_nil((client.open(place.box_path)))
  end))

  it("listens where it is told", async(function()
    local place <close> = serve.place()
    place:script("orders.lua", SENDER)
    local address = "127.0.0.1:" .. process.free_port()
    local service <close> = place:serve("orders.lua", { IFLOW_CONTROL = address })
    assert.equal(address, service.started.control)
    assert.equal(200, (service:get "/live"))
    place:script("other.lua", SENDER)
    local _, exit = place:fails("serve", "other.lua", "--outbox", "other.db", "--control", address)
    assert.is_true(exit ~= 0)
    assert.is_nil(process.read(place.dir:file "other.db-control"))
  end))
end)

describe("the outbox of a service", function()
  it("is held by one of them", async(function()
    local place <close> = serve.place()
    place:script("orders.lua", SENDER)
    local service <close> = place:serve("orders.lua")
    local code, exit, message = place:fails("serve", "orders.lua")
    assert.same({ "outbox.locked", 4 }, { code, exit })
    assert.is_truthy(message:find(tostring(service.started.pid), 1, true))
    assert.equal(200, (service:get "/ready")) -- the first one goes on
    assert.is_truthy(process.read(place.box_path .. "-control"))
  end))

  it("lies where the words, the environment or systemd say", async(function()
    local place <close> = serve.place()
    place:script("orders.lua", SENDER)
    for _, case in ipairs {
      { "a.db", { "--outbox", "a.db", { IFLOW_OUTBOX = "b.db", STATE_DIRECTORY = "state" } } },
      { "b.db", { { IFLOW_OUTBOX = "b.db", STATE_DIRECTORY = "state" } } },
      { "state/outbox.db", { { STATE_DIRECTORY = place.dir:file "state" .. ":/elsewhere" } } },
      { "outbox.db", {} },
    } do
      os.execute("mkdir -p " .. place.dir:file "state")
      local service <close> = place:serve("orders.lua", table.unpack(case[2]))
      assert.equal(place.dir:file(case[1]), service.started.outbox)
      assert.is_truthy(process.read(place.dir:file(case[1])))
      service:stop()
    end
  end))

  it("is opened once, also when a script enqueues while the service starts", async(function()
    local place <close> = serve.place()
    place:script("early.lua", SENDER .. [[
      for i = 1, 3 do iflow.spawn(function() assert(iflow.sender "orders":enqueue(i .. "")) end) end
    ]])
    local service <close> = place:serve "early.lua"
    wait_delivered(place, 3)
    assert.equal(0, service:stop().code)
  end))

  it("is looked at for messages whose sender no script defines any more", async(function()
    local place <close> = serve.place()
    place:script("renamed.lua", (SENDER:gsub('"orders"', '"sales"')))
    place:store(3)
    local service <close> = place:serve "renamed.lua"
    process.wait_for("the warning", function()
      return service:log():find("3 messages of the sender 'orders' wait", 1, true)
    end)
  end))

  it("keeps what a service of yesterday had accepted when it was killed", async(function()
    local held <close> = gate()
    local place <close> = serve.place { runtime = held.answer }
    place:script("orders.lua", SENDER)
    place:store(5)
    local service <close> = place:serve("orders.lua")
    process.wait_for("calls in flight", function() return #place.received == 2 end)
    service:signal "KILL"
    service:wait()
    assert.is_truthy(process.read(place.box_path .. "-control")) -- left behind
    local listed = place:run("outbox", "list", "--json")
    assert.equal(0, listed.code, listed.err)
    place:with_box(function(box)
      assert.same({ 3, 2 }, { box:counts().ready, box:counts().in_doubt })
    end)
  end))
end)

describe("scripts that are served together", function()
  it("share one outbox, and find modules in their own folders", async(function()
    local place <close> = serve.place()
    os.execute(("mkdir %s %s"):format(place.dir:file "a", place.dir:file "b"))
    place:script("a/names.lua", 'return "orders"')
    place:script("b/address.lua", 'return "/http/invoices"')
    place:script("a/orders.lua", [[
      local iflow = require "iflow"
      iflow.sender(require "names") { to = "/http/orders" }]])
    place:script("b/invoices.lua", [[
      local iflow = require "iflow"
      iflow.sender "invoices" { to = require "address" }
      iflow.every "nudge" { interval = "1s", run = function()
        return iflow.sender("orders"):enqueue("from b", { ids = "once" })
      end }]])
    local service <close> = place:serve("a/orders.lua", "b/invoices.lua")
    assert.same({ "orders", "invoices" }, service.started.senders)
    wait_delivered(place, 1)
    assert.equal(0, service:stop().code)
  end))

  local function together(first, second)
    local place <close> = serve.place()
    place:script("a.lua", first)
    place:script("b.lua", second)
    return place:fails("serve", "a.lua", "b.lua")
  end

  it("have different names: the error names both places", async(function()
    local job = [[local iflow = require "iflow"
      iflow.every "poll" { interval = "5m", run = function() end }]]
    for _, text in ipairs { SENDER, job } do
      local code, exit, message = together(text, "\n" .. text)
      assert.same({ "script.failed", 2 }, { code, exit })
      assert.is_truthy(message:find "a%.lua:%d+" and message:find "b%.lua:%d+", message)
    end
  end))

  it("are different ones", async(function()
    local place <close> = serve.place()
    place:script("a.lua", SENDER)
    local code, exit = place:fails("serve", "a.lua", "./a.lua")
    assert.same({ "usage.invalid", 2 }, { code, exit })
  end))
end)

describe("iflow serve refuses", function()
  local function refused(text, ...)
    local place <close> = serve.place()
    place:script("wrong.lua", text)
    local code, exit, message = place:fails("serve", "wrong.lua", ...)
    assert.equal(2, exit, message)
    assert.is_nil(process.read(place.box_path .. "-control"))
    return code, message, process.read(place.box_path)
  end

  it("a script that defines nothing to serve", async(function()
    local code, message, box = refused "local text = 'hello'"
    assert.equal("usage.invalid", code)
    assert.is_truthy(message:find "wrong%.lua")
    assert.is_nil(box) -- no file is left behind
  end))

  it("a script with an error, or that fails", async(function()
    assert.equal("script.failed", (refused "local x = = 1"))
    assert.equal("script.failed", (refused(SENDER .. "undeclared = 1")))
    assert.equal("script.failed", (refused(SENDER .. "return false")))
    local place <close> = serve.place()
    place:script("wrong.lua", SENDER
      .. 'return nil, iflow.error { code = "token.rejected", message = "none" }')
    local code, exit = place:fails("serve", "wrong.lua")
    assert.same({ "token.rejected", 3 }, { code, exit })
  end))

  it("a script that is not there", async(function()
    local place <close> = serve.place()
    local code, exit = place:fails("serve", "none.lua")
    assert.same({ "file.not_found", 2 }, { code, exit })
  end))

  it("a trigger of an unknown sender", async(function()
    local code, message = refused(SENDER
      .. 'iflow.relay { listen = "127.0.0.1:0", path = "/x", sender = "ordres" }')
    assert.equal("usage.invalid", code)
    assert.is_truthy(message:find "ordres" and message:find "orders'?%?", message)
  end))

  it("a sender without its key file", async(function()
    local code, message = refused([[local iflow = require "iflow"
      iflow.sender "orders" { to = "/http/orders", service_key = "missing.json" }]])
    assert.equal("file.not_found", code)
    assert.is_truthy(message:find "missing%.json")
  end))

  it("a control address that others can reach", async(function()
    assert.equal("usage.invalid", (refused(SENDER, "--control", "0.0.0.0:9000")))
  end))

  it("numbers that make no sense", async(function()
    assert.equal("usage.invalid", (refused(SENDER, "--max-messages", "0")))
    assert.equal("usage.invalid", (refused(SENDER, "--max-bytes", "-1")))
    assert.equal("usage.invalid", (refused(SENDER, "--grace", "soon")))
  end))
end)
