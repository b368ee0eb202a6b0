-- What waits: queue, timeouts, cancellation, and the order of things.
local core = require "iflow.core"
local all = require "iflow.all"
local async = require "spec.support.async"
local process = require "spec.support.process"
local wire = require "spec.support.wire"

local fine = { "send", wire.answer "fine" }

local function request(server, options)
  local o = { url = server.url }
  for k, v in pairs(options or {}) do o[k] = v end
  return core.http.request(o)
end

local function always(...)
  return { { { "repeat", { { "head" }, { "all" }, ... } } } }
end

--- A server that takes a request and then, perhaps after one step, stays silent.
local function silent(step)
  return { { { "head" }, { "all" }, step or { "sleep", 0 }, { "until_closed" } } }
end

local HALF = { "send", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx" }

describe("a timeout", function()
  local function fails(code, sent, server, options)
    local start = core.task.monotonic()
    local answer, err = request(server, options)
    assert.is_nil(answer)
    assert.equal(code, err.code)
    assert.equal(sent, err.sent)
    local took = core.task.monotonic() - start
    assert.is_true(took > 0.15 and took < 30, "took " .. took)
    return err
  end

  it("of the whole ends a request without an answer in doubt", async(function()
    local server <close> = wire.start(silent())
    local err = fails("net.timeout", "some", server, { timeout = 0.5 })
    assert.is_false(err.retryable)
    err = fails("net.timeout", "some", server, { timeout = 0.5, idempotent = true })
    assert.is_true(err.retryable)
  end))

  it("of the whole ends an answer that never ends", async(function()
    local server <close> = wire.start { { { "head" },
      { "send", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" },
      { "repeat", { { "send", "1\r\nx\r\n" }, { "sleep", 0.02 } } } } }
    fails("net.timeout", "answered", server, { timeout = 1, stall_timeout = 0.8 })
  end))

  it("of a stall ends silence, in the answer", async(function()
    local server <close> = wire.start(silent(HALF))
    fails("net.stalled", "answered", server, { stall_timeout = 0.5 })
  end))

  it("of a stall ends silence, in the body that nobody reads", async(function()
    local server <close> = wire.start { { { "head" }, { "sleep", 15 } } }
    fails("net.stalled", "some", server, { method = "POST", body = ("x"):rep(20000000),
                                           stall_timeout = 0.5 })
  end))

  it("of a stall does not count the script's own pauses", async(function()
    local server <close> = wire.start(always(fine))
    local n = 0
    assert(request(server, { method = "POST", stall_timeout = 0.4, body = function()
      core.task.sleep(0.5)
      n = n + 1
      return n < 4 and "piece" or nil
    end }))
  end))

  it("of the whole does count them", async(function()
    local server <close> = wire.start(always(fine))
    fails("net.timeout", "some", server, { method = "POST", timeout = 0.5, body = function()
      core.task.sleep(1)
      return "piece"
    end })
  end))

  it("of connecting: a TLS handshake that is not answered", async(function()
    local server <close> = wire.start { { { "until_closed" } } }
    local err = fails("net.connect_timeout", "nothing", { url = server.url:gsub("http", "https") },
      { connect_timeout = 0.3 })
    assert.is_true(err.retryable)
  end))

  it("of connecting: nobody accepts", async(function()
    -- A listener with a full backlog drops further connections: SYNs go unanswered.
    local helper <close> = process.start { "python3", "-c", [[
import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(0)
fill = [socket.socket() for _ in range(4)]
for f in fill:
    f.setblocking(False)
    f.connect_ex(s.getsockname())
time.sleep(0.3)
print(s.getsockname()[1], flush=True)
time.sleep(60)
]] }
    local port = process.wait_for("the port", function()
      return (helper.dir:read "out" or ""):match "^(%d+)\n"
    end)
    fails("net.connect_timeout", "nothing", { url = "http://127.0.0.1:" .. port .. "/" },
      { connect_timeout = 0.3 })
  end))

  it("of the whole also ends connecting", async(function()
    local server <close> = wire.start { { { "until_closed" } } }
    fails("net.timeout", "nothing", { url = server.url:gsub("http", "https") }, { timeout = 0.3 })
  end))

  it("of the queue has a code of its own and is never in doubt", async(function()
    local server <close> = wire.start(silent())
    local busy = core.task.spawn(function()
      return request(server, { connections = 1, timeout = 20 })
    end)
    core.task.sleep(0.05)
    local err = fails("net.queue_timeout", "nothing", server,
      { connections = 1, queue_timeout = 0.2 })
    assert.is_true(err.retryable)
    busy:cancel()
    busy:join()
  end))

  it("starts only with the connection, not in the queue", async(function()
    local server <close> = wire.start(always({ "sleep", 0.5 }, fine))
    local list = {}
    for i = 1, 4 do
      list[i] = function()
        return assert(request(server, { connections = 1, timeout = 1.5 })).status
      end
    end
    assert.same({ 200, 200, 200, 200 }, { table.unpack(assert(all(list)), 1, 4) })
  end))
end)

describe("a server that is stopped", function()
  it("during the body leaves it in doubt, during connect not", async(function()
    local server <close> = wire.start { { { "head" }, { "body", 1000 }, { "until_closed" } } }
    local answer, err
    local task = core.task.spawn(function()
      answer, err = request(server, { method = "POST", body = ("x"):rep(30000000),
                                      stall_timeout = 0.5 })
    end)
    core.task.sleep(0.1)
    server.helper:signal "STOP"
    task:join()
    assert.is_nil(answer)
    assert.equal("net.stalled", err.code)
    assert.equal("some", err.sent)
    answer, err = core.http.request { url = server.url:gsub("http", "https"),
                                      connect_timeout = 0.3 }
    assert.is_nil(answer)
    assert.equal("net.connect_timeout", err.code)
    assert.equal("nothing", err.sent)
  end))
end)

describe("the pool", function()
  it("never has more connections than it may", async(function()
    local server <close> = wire.start(always({ "sleep", 0.02 }, fine))
    local before = core.http.stats().opened
    local list = {}
    for i = 1, 40 do list[i] = function() return request(server, { connections = 4 }) end end
    local answers = assert(all(list))
    for i = 1, 40 do assert.equal(200, answers[i].status) end
    assert.equal(4, core.http.stats().opened - before)
  end))

  it("serves in the order of asking", async(function()
    local server <close> = wire.start(always(fine))
    local order, tasks = {}, {}
    for i = 1, 30 do
      tasks[i] = core.task.spawn(function()
        assert(request(server, { connections = 1 }))
        order[#order + 1] = i
      end)
    end
    for _, task in ipairs(tasks) do task:join() end
    local expected = {}
    for i = 1, 30 do expected[i] = i end
    assert.same(expected, order)
  end))

  it("gives the turn of a failed connection to the next", async(function()
    local server <close> = wire.start { { { "reset" } }, { { "reset" } },
      { { "repeat", { { "head" }, fine } } } }
    local list = {}
    for i = 1, 5 do
      list[i] = function() return (request(server, { connections = 1 })) or false end
    end
    local answers, good = assert(all(list)), 0
    for i = 1, 5 do if answers[i] then good = good + 1 end end
    assert.is_true(good >= 3)
  end))

  it("keeps apart who goes another way", async(function()
    local dir <close> = process.tempdir()
    local server <close> = wire.start(always(fine))
    local before = core.http.stats().opened
    assert(request(server))
    assert(request(server, { proxy = "" }))
    assert(request(server, { cacert = dir:write("ca.pem", "") }))
    assert.equal(3, core.http.stats().opened - before)
  end))
end)

describe("cancellation", function()
  -- Whether it was still under way then.
  local function cancel_after(delay, server, options)
    local task = core.task.spawn(function()
      request(server, options)
      return "ended"
    end)
    core.task.sleep(delay)
    task:cancel()
    local ended, err = task:join()
    if ended then return false end
    assert.equal("task.canceled", err.code)
    return true
  end

  local function nothing_left()
    local stats = core.http.stats()
    assert.equal(0, stats.in_flight)
    assert.equal(0, stats.waiting)
  end

  local function cancelled(server, options, delay)
    assert.is_true(cancel_after(delay or 0.1, server, options))
    nothing_left()
  end

  it("frees everything while the name is resolved", async(function()
    process.wait_for("the resolver to be slower than we are", function()
      return cancel_after(0, { url = "http://nobody.invalid/" })
    end)
    nothing_left()
  end))

  it("frees everything while it connects", async(function()
    local server <close> = wire.start { { { "until_closed" } } }
    cancelled({ url = server.url:gsub("http", "https") })
  end))

  it("frees everything while it waits for its turn", async(function()
    local server <close> = wire.start(silent())
    local busy = core.task.spawn(function() request(server, { connections = 1 }) end)
    core.task.sleep(0.05)
    local waiting = core.task.spawn(function() request(server, { connections = 1 }) end)
    core.task.sleep(0.05)
    assert.equal(1, core.http.stats().waiting)
    waiting:cancel()
    waiting:join()
    assert.equal(0, core.http.stats().waiting)
    busy:cancel()
    busy:join()
    assert.equal(0, core.http.stats().in_flight)
  end))

  it("frees everything while the body is sent", async(function()
    local server <close> = wire.start { { { "head" }, { "sleep", 1 } } }
    cancelled(server, { method = "POST", body = ("x"):rep(20000000) })
  end))

  it("frees everything while a file is sent", async(function()
    local dir <close> = process.tempdir()
    local server <close> = wire.start { { { "head" }, { "sleep", 1 } } }
    cancelled(server, { method = "POST", body = { file = dir:write("b", ("x"):rep(20000000)) } })
  end))

  it("frees everything while an iterator waits", async(function()
    local server <close> = wire.start(always(fine))
    cancelled(server, { method = "POST", body = function() core.task.sleep(60) end })
  end))

  it("frees everything while the answer is waited for and read", async(function()
    local server <close> = wire.start(silent())
    cancelled(server)
    local half <close> = wire.start(silent(HALF))
    cancelled(half)
  end))

  it("frees everything while the answer is written to a file", async(function()
    local dir <close> = process.tempdir()
    local server <close> = wire.start { { { "head" },
      { "send", "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" },
      { "fill", 100000000, "x" } } }
    for _, delay in ipairs { 0.01, 0.02, 0.05 } do
      cancelled(server, { save = dir:file "out" }, delay)
    end
  end))

  it("leaves the connection of others alone", async(function()
    local server <close> = wire.start(always({ "sleep", 0.2 }, fine))
    local answer
    local other = core.task.spawn(function() answer = request(server) end)
    local task = core.task.spawn(function() request(server) end)
    core.task.sleep(0.05)
    task:cancel()
    task:join()
    other:join()
    assert.equal(200, answer.status)
  end))
end)
