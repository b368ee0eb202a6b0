-- iflow inside programs with a loop of their own: luv's, as scripts/senders/embed.lua shows it, and
-- that of cqueues. The programs are processes of their own; the sandbox is here.
local async = require "spec.support.async"
local core = require "iflow.core"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"
local raw = require "spec.support.raw_client"

-- A flow that answers only when the gate is opened, and counts who came.
local function gated()
  local gate = { came = 0, open = false }
  function gate.process()
    gate.came = gate.came + 1
    while not gate.open do core.task.sleep(0.01) end
    return 200, {}, "ok"
  end
  return gate
end

-- Runs a program to its end: what it printed.
local function run(text, ...)
  local dir <close> = process.tempdir()
  local result = process.run { process.lua, dir:write("program.lua", text), ... }
  assert.equal("", result.err)
  assert.equal(0, result.code, result.out)
  return result.out
end

describe("scripts/senders/embed.lua", function()
  it("echoes and keeps time while its messages wait, and delivers every one", async(function()
    local gate = gated()
    local land <close> = landscape.open { process = gate.process }
    local program <close> = process.start { process.lua, "scripts/senders/embed.lua",
      land:key "secret".path, land.cacert }
    local port = process.wait_for("its port", function()
      return program:output():match "listening on port (%d+)"
    end)
    local echo = raw(port, [[
s = connect()
sent = b"".join(b"order %d\n" % i for i in range(50)) + b"no line"
s.sendall(sent)
got = b""
while len(got) < len(sent):
    got += s.recv(65536)
print(got == sent)]])
    assert.equal("True", echo)
    process.wait_for("the messages", function() return gate.came == 50 end)
    process.wait_for("its clock", function()
      return program:output():find("\n50 taken, 0 delivered, 0 failed\n", 1, true)
    end)
    gate.open = true
    program:signal "TERM"
    local result = program:wait()
    assert.equal("", result.err)
    assert.equal(0, result.code)
    assert.matches("\n50 taken, 50 delivered, 0 failed\n$", result.out)
    assert.equal(50, gate.came)
  end))

  it("tells how it is called", function()
    assert.equal(2, process.run({ process.lua, "scripts/senders/embed.lua" }).code)
  end)
end)

-- iflow in luv's loop, as README shows it; a wake-up that is missing raises.
local with_luv = [[
local iflow, uv = require "iflow", require "luv"
local core = require "iflow.core"

local readable, alarm = uv.new_poll(iflow.pollfd()), uv.new_timer()
local steps, look_again = 0, nil
local function step()
  steps = steps + 1
  iflow.step()
  look_again()
end
function look_again()
  local seconds = iflow.next_timeout()
  if seconds then alarm:start(math.ceil(seconds * 1000), 0, step) else alarm:stop() end
end
readable:start("r", step)
local guard = uv.new_timer()
guard:start(60000, 0, function() error "a wake-up is missing" end)
]]

-- The server is luv's, so that none of its events wakes iflow by accident.
local calls = with_luv .. [[
local server = uv.new_tcp()
server:bind("127.0.0.1", 0)
server:listen(128, function()
  local client = uv.new_tcp()
  server:accept(client)
  client:read_start(function(_, data)
    if not data then return client:close() end
    local later = uv.new_timer()
    later:start(math.random(0, 10), 0, function()
      later:close()
      client:write "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    end)
  end)
end)

local url, done, want = ("http://127.0.0.1:%d/"):format(server:getsockname().port), 0, 300
local function work()
  for _ = 1, 3 do assert(assert(core.http.request { url = url, timeout = 60 }).status == 200) end
  iflow.sleep(math.random() / 20)
  done = done + 1
  if done == want then uv.stop() end
end
for i = 1, want do
  uv.new_timer():start(i % 20, 0, function() iflow.spawn(work) look_again() end)
end
uv.run()
print(done, iflow.step())

steps = 0
iflow.spawn(function() iflow.sleep(0.2) uv.stop() end)
look_again()
uv.run()
print(steps < 10 and "idle" or steps)
]]

-- The server is iflow's, the client luv's, one thing after the other.
local serves = with_luv .. [[
local server = assert(core.server.new { tls = false, request = function(request)
  request:answer(200, nil, request:body())
end })
look_again()

local left = 20
local function visit()
  local client, text = uv.new_tcp(), ""
  client:connect("127.0.0.1", server:port(), function(err)
    assert(not err, err)
    local pause = uv.new_timer()
    pause:start(5, 0, function() -- accepted meanwhile
      pause:close()
      client:write "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
    end)
    client:read_start(function(_, data)
      text = text .. (data or "")
      if data then return end
      client:close()
      assert(text:find "hello$", text)
      left = left - 1
      if left > 0 then visit() else uv.stop() end
    end)
    local later = uv.new_timer()
    later:start(10, 0, function()
      later:close()
      client:write "hello"
    end)
  end)
end
visit()
uv.run()
print "served"
]]

-- A task that was woken watches something else than before, and waits for nothing else.
local watches = with_luv .. [[
local dir, watching = arg[1], false
iflow.spawn(function()
  iflow.sleep(0.01)
  local watcher <close> = assert(core.file.watch(dir))
  watching = true
  print(watcher:wait())
  uv.stop()
end)
look_again()
local writer = uv.new_timer()
writer:start(20, 20, function()
  if not watching then return end
  writer:stop()
  assert(io.open(dir .. "/new", "w")):close()
end)
uv.run()
]]

local with_cqueues = [[
local cqueues = require "cqueues"
local iflow = require "iflow"
local http = require "iflow.core".http
local loop, ended, sent, ticks = cqueues.new(), false, 0, 0
local started = require "cqueues.condition".new()

loop:wrap(function() -- iflow, for cqueues
  local readable = { pollfd = iflow.pollfd(), events = "r" }
  while not ended do
    cqueues.poll(readable, started, iflow.next_timeout())
    iflow.step()
  end
end)
local function start(...)
  iflow.spawn(...)
  started:signal()
end
loop:wrap(function()
  while not ended do
    cqueues.sleep(0.005)
    ticks = ticks + 1
    if ticks == 10 then start(http.request, { url = arg[1] .. "open", timeout = 60 }) end
  end
end)
for _ = 1, 20 do
  start(function()
    local answer = assert(http.request { url = arg[1], timeout = 60 })
    assert(answer.status == 200)
    sent = sent + 1
    ended = sent == 20
  end)
end
assert(loop:loop())
print(sent, ticks >= 10)
]]

describe("iflow in the loop of", function()
  it("luv misses no wake-up, and rests when there is nothing to do", function()
    assert.equal("300\tfalse\nidle\n", run(calls))
    assert.equal("served\n", run(serves))
    local dir <close> = process.tempdir()
    assert.equal("true\n", run(watches, dir.path))
  end)

  it("cqueues leaves the others their time", async(function()
    local gate = false -- until the others have had some
    local server <close> = assert(core.server.new { tls = false, request = function(request)
      gate = gate or request.target == "/open"
      while not gate do core.task.sleep(0.01) end
      request:answer(200, nil, "ok")
    end })
    assert.equal("20\ttrue\n", run(with_cqueues, ("http://127.0.0.1:%d/"):format(server:port())))
  end))
end)
