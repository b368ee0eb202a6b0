-- iflow serve at SIGHUP: what scripts define anew takes the place of what was served, what is wrong
-- with them leaves that as it was, and no message is lost or sent twice by either.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local serve = require "spec.support.serve"

local function occurrences(text, pattern) return select(2, text:gsub(pattern, "")) end

-- Reloads and waits for its outcome: that of /ready.
local function reload(service)
  local pattern = "serve: [^\n]-reload[^\n]-[:,]" -- "reloaded: …", "the reload failed, …"
  local before = occurrences(service:log(), pattern)
  service:signal "HUP"
  process.wait_for("the reload", function()
    return occurrences(service:log(), pattern) > before
  end)
  local status, value = service:get "/ready"
  assert.equal(200, status, core.json.encode(value))
  return value.reload, value
end

local function text_log() return { IFLOW_LOG_FORMAT = "text" } end

local function wait_received(place, count)
  process.wait_for(count .. " messages", function() return #place.received >= count end)
end

local function wait_delivered(service, count)
  process.wait_for(count .. " deliveries", function()
    local _, value = service:get "/ready"
    return value.outbox.delivered == count
  end)
end

local function assert_each_once(expected, received)
  local seen = {}
  for _, id in ipairs(received) do
    assert.is_nil(seen[id], "twice: " .. id)
    seen[id] = true
  end
  for _, id in ipairs(expected) do assert.is_true(seen[id], "lost: " .. id) end
  assert.equal(#expected, #received)
end

-- A script with a sender "orders" to that path, and what else is said.
local function sender(path, more)
  return ([[
local iflow = require "iflow"
iflow.sender "orders" { to = %q, idempotent = true }
%s]]):format(path, more or "")
end

local function relay(port, more)
  return ('iflow.relay { listen = "127.0.0.1:%d", path = "/orders", sender = "orders"%s }')
    :format(port, more or "")
end

local function post(port, id, path)
  return core.http.request { url = ("http://127.0.0.1:%d%s"):format(port, path or "/orders"),
    method = "POST", body = "order " .. id, proxy = "",
    headers = { SAP_ApplicationID = id, ["Content-Type"] = "text/plain" } }
end

local function fine(service, answer, err)
  assert(answer, tostring(err) .. "\n" .. service:log())
  assert.equal(202, answer.status)
end

describe("a reload that fails", function()
  for what, case in pairs {
    ["a syntax error"] = { "\n\nlocal x = = 1", "orders.lua:3" },
    ["an error of the script"] = { "\nerror 'no luck'", "orders.lua:2" },
    ["an error that is no text"] = { "error {}", "table" },
    ["an option that nobody knows"] =
      { "local iflow = require 'iflow'\niflow.sender 'orders' { too = '/x' }", "orders.lua:2" },
    ["nothing defined"] = { "return true", "orders.lua" },
    ["a service key that is missing"] = { sender("/x"):gsub("idempotent = true",
      "service_key = 'gone.json'"), "gone.json" },
    ["a trigger without its sender"] =
      { sender("/x", 'iflow.files { "*.csv", done = "d", failed = "f", sender = "nobody" }'),
        "orders.lua:3" },
    ["a script without end"] = { "\nwhile true do pcall(error) end", "orders.lua:2" },
    ["a module with an error"] = { "require 'broken'", "broken.lua:2" },
  } do
    it("loses nothing, and says where: " .. what, async(function()
      local place <close> = serve.place()
      local port = process.free_port()
      place:script("orders.lua", sender("/http/orders", relay(port)))
      place:script("broken.lua", "\nx = =")
      local service <close> = place:serve("orders.lua", "--script-time", "500ms", text_log())
      fine(service, post(port, "m-1"))
      place:script("orders.lua", case[1])
      local outcome = reload(service)
      assert.is_false(outcome.ok)
      assert.is_truthy(outcome.error:find(case[2], 1, true), outcome.error)
      assert.is_truthy(service:log():find(case[2], 1, true))
      fine(service, post(port, "m-2"))
      wait_received(place, 2)
      place:script("orders.lua", sender("/http/orders", relay(port)))
      assert.is_true(reload(service).ok)
      fine(service, post(port, "m-3"))
      wait_received(place, 3)
      assert.equal(0, service:stop().code)
      assert_each_once({ "m-1", "m-2", "m-3" }, place.received)
    end))
  end

  it("keeps all scripts when one of them is wrong", async(function()
    local place <close> = serve.place()
    place:script("a.lua", sender "/http/a")
    place:script("b.lua", "local iflow = require 'iflow' iflow.sender 'b' { to = '/http/b' }")
    local service <close> = place:serve("a.lua", "b.lua", text_log())
    place:script("a.lua", (sender("/http/a"):gsub("orders", "renamed")))
    place:script("b.lua", "x = = 1")
    local outcome, status = reload(service)
    assert.is_false(outcome.ok)
    assert.is_truthy(status.senders.orders)
    assert.is_nil(status.senders.renamed)
  end))

  it("that would change how an address listens leaves it", async(function()
    local place <close> = serve.place()
    local port = process.free_port()
    place:script("orders.lua", sender("/http/orders", relay(port)))
    local service <close> = place:serve("orders.lua", text_log())
    place:script("orders.lua", sender("/http/orders", relay(port, ", max_connections = 5")))
    local outcome = reload(service)
    assert.is_truthy(outcome.error:find "max_connections")
    fine(service, post(port, "m-1"))
  end))
end)

describe("a reload under load", function()
  it("loses and doubles no message, and refuses no connection", async(function()
    local targets = {}
    local place <close> = serve.place { runtime = function(req)
      targets[req.target] = true
      core.task.sleep(0.005)
      req:answer(200, { ["Content-Type"] = "text/plain" }, "ok")
    end }
    local port = process.free_port()
    place:script("orders.lua", sender("/http/0", relay(port)))
    local service <close> = place:serve("orders.lua", text_log())
    local sent, done, tasks = {}, false, {}
    for client = 1, 6 do
      tasks[client] = core.task.spawn(function()
        local n = 0
        while not done do
          n = n + 1
          local id = ("c%d-%d"):format(client, n)
          if n % 10 == 0 then core.task.drop_idle() end -- new connections, too
          local answer = assert(post(port, id))
          assert.equal(202, answer.status, answer.body)
          sent[#sent + 1] = id
        end
      end)
    end
    for round = 1, 8 do
      local before = #sent
      process.wait_for("load", function() return #sent >= before + 30 end)
      place:script("orders.lua", round % 3 == 0 and "x = =" or
        sender("/http/" .. round, relay(port)))
      assert.equal(round % 3 ~= 0, reload(service).ok)
    end
    done = true
    for _, task in ipairs(tasks) do
      task:join()
      assert.equal("returned", task:state())
    end
    wait_received(place, #sent)
    assert.equal(0, service:stop().code)
    assert_each_once(sent, place.received)
    assert.is_true(targets["/http/0"] and targets["/http/8"])
    place:with_box(function(box) assert.equal(#sent, box:counts().delivered) end)
  end))
end)

describe("what a reload changes", function()
  it("senders: one is added, one changed, one removed with its messages kept", async(function()
    local targets = {}
    local place <close> = serve.place { runtime = function(req)
      targets[req.target] = (targets[req.target] or 0) + 1
      req:answer(200, { ["Content-Type"] = "text/plain" }, "ok")
    end }
    local two = [[
local iflow = require "iflow"
iflow.sender "%s" { to = "/http/%s" }
iflow.sender "%s" { to = "/http/%s" }
iflow.files { "in/*", done = "done", failed = "failed", settle = "0s", rescan = "500ms",
  sender = function(file) return file.name:match "%%a+" end }
]]
    os.execute("mkdir " .. place.dir:file "in")
    place:script("s.lua", two:format("old", "old", "same", "first"))
    local service <close> = place:serve("s.lua", text_log())
    place:script("in/same.1", "x")
    process.wait_for("the first", function() return targets["/http/first"] end)
    place:script("s.lua", two:format("same", "second", "new", "new"))
    local outcome, status = reload(service)
    assert.is_true(outcome.ok, outcome.error)
    assert.is_nil(status.senders.old)
    place:script("in/same.2", "x")
    place:script("in/new.2", "x")
    process.wait_for("both", function() return targets["/http/second"] and targets["/http/new"] end)
    assert.equal(0, service:stop().code)
    assert.same({ 1, 1, 1 }, { targets["/http/first"], targets["/http/second"],
      targets["/http/new"] })
  end))

  it("messages of a sender that is gone wait in the outbox until it is back", async(function()
    local held = true
    local place <close> = serve.place { runtime = function(req)
      req:answer(held and 503 or 200, { ["Retry-After"] = "1" }, "")
    end }
    place:script("s.lua", sender "/http/orders")
    place:store(3)
    local service <close> = place:serve("s.lua", text_log())
    wait_received(place, 1)
    place:script("s.lua", (sender("/http/orders"):gsub('"orders"', '"other"')))
    assert.is_true(reload(service).ok)
    process.wait_for("the warning", function() return service:log():find "'orders' is gone; 3" end)
    held = false
    place:script("s.lua", sender "/http/orders")
    assert.is_true(reload(service).ok)
    wait_delivered(service, 3)
    assert.equal(0, service:stop().code)
  end))

  it("jobs: what is under way goes on, and is done once", async(function()
    local place <close> = serve.place()
    local job = [[
iflow.every "slow" { interval = "1s", run = function()
  local log <close> = io.open("log", "a")
  log:write("%s begins\n")
  log:flush()
  while not io.open "go" do iflow.sleep(0.05) end
  log:write("%s ends\n")
end }]]
    place:script("s.lua", sender("/http/orders", (job:gsub("%%s", "old"))))
    local service <close> = place:serve("s.lua", text_log())
    local function log() return place.dir:read "log" or "" end
    process.wait_for("the run", function() return log():find "old begins" end)
    place:script("s.lua", sender("/http/orders", (job:gsub("%%s", "new"))))
    assert.is_true(reload(service).ok)
    assert.equal("old begins\n", log())
    place:script("go", "")
    process.wait_for("the next run", function() return log():find "new ends" end)
    assert.equal("old begins\nold ends\nnew begins\nnew ends\n",
      log():match "^old.-new ends\n")
    assert.is_nil(service:log():find("cut off", 1, true))
    place:script("s.lua", sender "/http/orders") -- the job is removed
    local outcome, status = reload(service)
    assert.is_true(outcome.ok)
    assert.equal(0, #status.triggers)
    assert.equal(0, service:stop().code)
  end))

  it("senders: a run that is under way still has the one that is removed", async(function()
    local place <close> = serve.place()
    place:script("s.lua", sender("/http/orders", [[
iflow.every "slow" { interval = "1s", run = function()
  io.open("began", "w"):close()
  while not io.open "go" do iflow.sleep(0.05) end
  local result, err = iflow.sender "orders":enqueue("late", { ids = "late" })
  local log <close> = io.open("log", "a")
  log:write(result and result.state or tostring(err), "\n")
end }]]))
    local service <close> = place:serve("s.lua", text_log())
    process.wait_for("the run", function() return place.dir:read "began" end)
    place:script("s.lua", "local iflow = require 'iflow' iflow.sender 'other' { to = '/http/x' }")
    assert.is_true(reload(service).ok)
    place:script("go", "")
    process.wait_for("its end", function() return place.dir:read "log" end)
    assert.equal("accepted", place.dir:read "log":match "^%S+")
    place:script("s.lua", sender "/http/orders")
    assert.is_true(reload(service).ok)
    wait_received(place, 1)
    assert.equal(0, service:stop().code)
  end))

  it("credentials: the files of the new senders are watched", async(function()
    local place <close> = serve.place()
    place:script("s.lua", sender "/http/orders")
    local service <close> = place:serve("s.lua", { IFLOW_LOG_FORMAT = "json" })
    os.execute("mkdir " .. place.dir:file "keys")
    place:script("keys/key.json", place.dir:read "key.json")
    place:script("s.lua", (sender("/http/orders"):gsub("idempotent = true",
      "service_key = 'keys/key.json'")))
    service:signal "HUP"
    process.wait_for("the reload", function() return service:log():find "reloaded" end)
    local key = core.json.decode(place.dir:read "key.json")
    key.oauth.clientid = "another"
    place:script("keys/key.json.new", core.json.encode(key))
    assert(os.rename(place.dir:file "keys/key.json.new", place.dir:file "keys/key.json"))
    process.wait_for("the new key", function()
      return service:log():find '"event":"credentials_renewed"'
    end)
    assert.equal(0, service:stop().code)
  end))

  it("modules are read again, tasks of the script before end, and calls go on", async(function()
    local open = false
    local place <close> = serve.place { runtime = function(req)
      if req.target == "/http/first" then
        process.wait_for("the gate", function() return open end)
      end
      req:answer(200, { ["Content-Type"] = "text/plain" }, "ok")
    end }
    local task = [[
iflow.spawn(function()
  while true do
    local log <close> = io.open("log", "a")
    log:write(require "address", "\n")
    iflow.sleep(0.02)
  end
end)]]
    place:script("address.lua", "return '/http/first'")
    place:script("s.lua", (sender("ADDRESS", task):gsub('"ADDRESS"', 'require "address"')))
    place:store(1)
    local service <close> = place:serve("s.lua", text_log())
    wait_received(place, 1)
    place:script("address.lua", "return '/http/second'")
    assert.is_true(reload(service).ok)
    os.remove(place.dir:file "log")
    process.wait_for("the new task", function()
      return occurrences(place.dir:read "log" or "", "second") > 3
    end)
    assert.equal(0, occurrences(place.dir:read "log", "first"))
    open = true
    wait_delivered(service, 1)
    assert.equal(0, service:stop().code)
    assert.same({ "m-1" }, place.received)
  end))

  it("a relay that is removed, and one that is added", async(function()
    local place <close> = serve.place()
    local first, second = process.free_port(), process.free_port()
    place:script("s.lua", sender("/http/orders", relay(first)))
    local service <close> = place:serve("s.lua", text_log())
    fine(service, post(first, "m-1"))
    place:script("s.lua", sender("/http/orders", relay(second)))
    assert.is_true(reload(service).ok)
    fine(service, post(second, "m-2"))
    process.wait_for("the end of the first", function() return not process.listening(first) end)
    wait_received(place, 2)
    assert.equal(0, service:stop().code)
  end))
end)

describe("SIGHUP", function()
  it("ends nothing, also while it starts and stops", async(function()
    local place <close> = serve.place { runtime = function(req)
      core.task.sleep(0.5)
      req:answer(200, { ["Content-Type"] = "text/plain" }, "ok")
    end }
    place:script("s.lua", sender("/http/orders",
      "local file <close> = io.open('loads', 'a') file:write 'x' iflow.sleep(0.3)"))
    place:store(2)
    local service <close> = place:start({ "serve", "s.lua" }, text_log())
    process.wait_for("the start", function() return place.dir:read "loads" end)
    service:signal "HUP"
    process.wait_for("the reload", function() return service:log():find "reloaded" end)
    assert.equal("xx", place.dir:read "loads")
    service:signal "TERM"
    for _ = 1, 50 do
      service:signal "HUP"
      core.task.sleep(0.01)
    end
    assert.equal(0, service:wait().code)
    assert.is_truthy(service:log():find "nothing is reloaded")
  end))

  it("many times a second loses and doubles nothing", async(function()
    local place <close> = serve.place()
    local port = process.free_port()
    place:script("s.lua", sender("/http/orders", relay(port)))
    local service <close> = place:serve("s.lua", text_log())
    local sent = {}
    for i = 1, 15 do
      service:signal "HUP"
      for part = 1, 4 do
        local id = ("m-%d-%d"):format(i, part)
        fine(service, post(port, id))
        sent[#sent + 1] = id
        core.task.sleep(0.025)
      end
    end
    wait_received(place, #sent)
    assert.equal(0, service:stop().code)
    assert_each_once(sent, place.received)
  end))

  it("in a crowd is a reload or two", async(function()
    local place <close> = serve.place()
    place:script("s.lua", sender "/http/orders")
    local service <close> = place:serve("s.lua", text_log())
    for _ = 1, 20 do service:signal "HUP" end
    process.wait_for("a reload", function() return service:log():find "reloaded" end)
    assert.equal(200, (service:get "/ready"))
    assert.equal(0, service:stop().code)
  end))
end)
