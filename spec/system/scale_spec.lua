-- Many calls: thousands that wait at once, many one after the other, and one that is cancelled at
-- each of its turns. Clients and servers are processes of their own where memory is measured.
local core = require "iflow.core"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local size = require "spec.support.size"

-- The address sanitizer holds back what was freed and needs more for everything.
local sanitized = os.getenv "ASAN_OPTIONS" ~= nil
local MIB = 1024 -- the kernel counts in KiB

-- A server that tells its ports, plain and TLS, then the targets in the order they came when it is
-- asked for /seen. /slow answers after a while, /close closes, /never does not answer soon.
local SERVER = [[
local core, cert, key = require "iflow.core", ...
local seen, open, most = {}, 0, 0
local function answer(req)
  local target = req.target
  if target == "/seen" then
    return req:answer(200, nil, core.json.encode { seen = seen, most = most })
  end
  if target:find "^/slow" then
    seen[#seen + 1] = tonumber(target:match "%d+")
    open = open + 1
    most = math.max(most, open)
    core.task.sleep(0.02)
    open = open - 1
  elseif target == "/never" then
    core.task.sleep(2) -- the server keeps a client that may only have ended its own side
  end
  req:answer(200, target == "/close" and { Connection = "close" } or nil, req:body(1 << 20))
end
core.task.run(function()
  local identity = assert(core.identity.open { cert = cert, key = key })
  local plain = assert(core.server.new { tls = false, request = answer })
  local tls = assert(core.server.new { tls = true, identity = identity, request = answer })
  io.stdout:write(plain:port(), " ", tls:port(), "\n")
  io.stdout:flush()
  core.task.sleep(3600)
end)
]]

-- What the clients' scripts begin with.
local CLIENT = [[
local core, plain, tls, cacert, n = require "iflow.core", ...
n = tonumber(n)
local function status(name)
  for line in io.lines "/proc/self/status" do
    local value = line:match("^" .. name .. ":%s*(%d+) kB")
    if value then return tonumber(value) end
  end
end
-- Of this process, without popen's own pipe; and the sockets among them that a program inherits.
local function descriptors()
  local list <close> = assert(io.popen "ls -l /proc/$PPID/fd | grep -vc pipe:; ls -l /proc/self/fd")
  local n, inherited = list:read "n", 0
  for line in list:lines() do
    if line:find "socket:" then inherited = inherited + 1 end
  end
  return n, inherited
end
local function get(base, path, over)
  local options = { url = base .. path, cacert = cacert, timeout = 60 }
  for name, value in pairs(over or {}) do options[name] = value end
  return core.http.request(options)
end
local function report(result) print(core.json.encode(result)) end
]]

local WAITING = CLIENT .. [[
core.task.run(function()
  local tasks, failed = {}, 0
  for i = 1, n do
    tasks[i] = core.task.spawn(function()
      local answer = get(tls, "/slow/" .. i)
      if not answer or answer.status ~= 200 then failed = failed + 1 end
    end)
  end
  core.task.sleep(0.1)
  local waiting = core.http.stats().waiting
  for _, task in ipairs(tasks) do task:join() end
  local stats = core.http.stats()
  report { failed = failed, waiting = waiting, opened = stats.opened, peak = status "VmHWM",
           server = core.json.decode(get(tls, "/seen").body) }
end)
]]

-- Of a hundred calls most reuse a connection; the others end in every way a call can end.
local SEQUENCE = CLIENT .. [[
local body = ("x"):rep(1000)
local dead = "http://127.0.0.1:1"
local ways = {
  function() assert(get(plain, "/close")) end,
  function() assert(get(tls, "/close")) end,
  function() assert(not get(dead, "/")) end,
  function() assert(not get(plain, "/never", { timeout = 0.002 })) end,
  function() assert(not get(tls, "/", { cacert = "/nowhere" })) end,
  function() assert(not get(plain, "/", { method = "POST", body = body, max_body = 10 })) end,
  function()
    local task = core.task.spawn(get, plain, "/never")
    core.task.sleep(0)
    task:cancel()
    task:join()
  end,
  function()
    local pieces = 0
    assert(get(plain, "/", { method = "POST", body = function()
      pieces = pieces + 1
      return pieces < 4 and body or nil
    end }))
  end,
}
local function calls(count)
  for i = 1, count do
    local way = ways[i % 100]
    if way then way()
    else assert(get(i % 2 == 0 and plain or tls, "/", { method = "POST", body = body })) end
  end
end
local function now()
  core.http.drop_idle()
  core.task.sleep(0.05)
  collectgarbage()
  collectgarbage()
  local n, inherited = descriptors()
  return { memory = status "VmRSS", descriptors = n, inherited = inherited }
end
core.task.run(function()
  calls(n // 10)
  local before = now()
  calls(n)
  report { before = before, after = now(), counts = core.task.counts(), stats = core.http.stats() }
end)
]]

describe("at scale", function()
  local dir, server, plain, tls, cacert

  setup(function()
    dir = process.tempdir()
    local ca = pki.authority(dir, "Root")
    local leaf = ca:issue { name = "localhost", usage = "serverAuth", sans = "DNS:localhost" }
    cacert = ca.cert
    server = process.start { process.lua, dir:write("server.lua", SERVER), leaf.cert, leaf.key }
    local ports = process.wait_for("the server", function()
      return (server.dir:read "out" or ""):match "^(.*)\n"
    end)
    plain = "http://localhost:" .. ports:match "^%d+"
    tls = "https://localhost:" .. ports:match "%d+$"
  end)
  teardown(function()
    server:stop()
    dir:close()
  end)

  local function run(script, n)
    local result = process.run { process.lua, dir:write("client.lua", script), plain, tls, cacert,
      tostring(n), timeout = 1800 }
    assert.equal("", result.err)
    return assert(core.json.decode(result.out))
  end

  describe("10,000 calls wait for 64 connections", function()
    local N, CONNECTIONS = 10000, 64
    local result

    setup(function() result = run(WAITING, N) end)

    it("and all are answered", function()
      assert.equal(0, result.failed)
      assert.equal(CONNECTIONS, result.opened)
      assert.is_true(result.server.most <= CONNECTIONS)
      assert.is_true(result.waiting > N // 2)
    end)

    it("in less than 100 MB", function()
      if not sanitized then assert.is_true(result.peak < 100000, result.peak .. " KiB") end
    end)

    it("in the order of asking", function()
      -- The first ones wait for connections that are opened at the same time, in any order.
      local at, ahead = 0, 0
      for _, i in ipairs(result.server.seen) do
        if i > CONNECTIONS then
          at = at + 1
          ahead = math.max(ahead, math.abs(i - CONNECTIONS - at))
        end
      end
      assert.equal(N - CONNECTIONS, at)
      assert.is_true(ahead <= CONNECTIONS, "one was " .. ahead .. " places off")
    end)
  end)

  it("calls one after the other leave nothing behind", function()
    local result = run(SEQUENCE, size.of(20000, 1000000))
    assert.equal(result.before.descriptors, result.after.descriptors)
    assert.same({ operations = 0, sockets = 0, timers = 0, tasks = 1 }, result.counts)
    for _, name in ipairs { "in_flight", "waiting", "idle" } do
      assert.equal(0, result.stats[name])
    end
    local grown = result.after.memory - result.before.memory
    if not sanitized then assert.is_true(grown < 2 * MIB, grown .. " KiB more") end
  end)

  -- Every state of connection and exchange is met by some turn.
  describe("a call that is cancelled at each of its turns", function()
    local SPREE = CLIENT .. [[
      local body = ("x"):rep(300000)
      local file <close> = assert(io.open(cacert .. ".body", "wb"))
      file:write(body)
      file:flush()
      local ways = {
        { tls, "/" }, { plain, "/close" }, { tls, "/close" },
        { tls, "/", { method = "POST", body = body } },
        { plain, "/", { method = "POST", body = body, expect_continue = true } },
        { tls, "/", { method = "POST", body = { file = cacert .. ".body" } } },
        { plain, "/", { method = "POST", body = body, save = cacert .. ".saved" } },
        { plain, "/", { method = "POST", body = function() return core.task.sleep(0) or "x" end } },
        { "http://nobody.invalid", "/" }, { "http://127.0.0.1:1", "/" },
        { tls, "/never", { connections = 1 } },
      }
      local function spree(turns)
        for _, way in ipairs(ways) do
          for turn = 0, turns do
            local alone = way[3] and way[3].connections
            local busy = alone and core.task.spawn(get, table.unpack(way))
            local task = core.task.spawn(get, table.unpack(way))
            for _ = 1, turn do core.task.sleep(turn % 3 == 0 and 0.0005 or 0) end
            task:cancel()
            task:join()
            if busy then busy:cancel() end
            if busy then busy:join() end
            local stats = core.http.stats()
            assert(stats.in_flight == 0 and stats.waiting == 0)
          end
        end
      end
      core.task.run(function()
        assert(not get("http://nobody.invalid", "/")) -- what the resolver opens once
        core.http.drop_idle()
        local before, inherited = descriptors()
        assert(get(tls, "/"))
        local _, more = descriptors() -- now that a connection is open
        spree(30)
        core.http.drop_idle()
        local after -- a resolver's thread that was left alone ends in its own time
        for _ = 1, 100 do
          core.task.sleep(0.05)
          after = descriptors()
          if after == before then break end
        end
        report { before = before, after = after, inherited = more - inherited,
                 counts = core.task.counts(), stats = core.http.stats() }
      end)
    ]]

    it("frees everything", function()
      local result = run(SPREE, 0)
      assert.equal(result.before, result.after)
      assert.same({ operations = 0, sockets = 0, timers = 0, tasks = 1 }, result.counts)
      assert.equal(0, result.stats.idle)
      assert.equal(0, result.inherited) -- by programs that are started meanwhile
    end)
  end)
end)
