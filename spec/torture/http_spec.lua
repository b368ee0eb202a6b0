-- Torture of the HTTP client by itself: the n-th C allocation, the n-th growth of Lua's memory, the
-- n-th send, the n-th receive fails, for every n until nothing is left to fail. Whatever happens,
-- it must be an answer or an error: no crash, no hang, nothing left open. The sanitizers watch, so
-- this needs the interpreter of the sanitizer build (spec/torture/lua.c); the server is another
-- process.
local core = require "iflow.core"
local fault = require "fault"
local openssl = require "spec.support.openssl"
local process = require "spec.support.process"
local wire = require "spec.support.wire"

local LONGEST = 60 -- seconds that one attempt may take; the timeouts in it are shorter

local function zipped()
  local run = process.run { "python3", "-c",
    "import gzip, sys; sys.stdout.buffer.write(gzip.compress(b'0123456789abcdef' * 30000))" }
  return run.out
end

-- An interim answer to everything, then chunks of gzip; connections are kept.
local function start_server(pki)
  openssl.pair(pki, { name = "root", subject = "/CN=Root",
                      extensions = { "basicConstraints = critical,CA:TRUE" } })
  openssl.pair(pki, { name = "server", issuer = "root", subject = "/CN=localhost",
                      extensions = { "subjectAltName = DNS:localhost" } })
  local answer = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
  return wire.start({ { { "repeat", { { "head" }, { "send", "HTTP/1.1 100 Continue\r\n\r\n" },
    { "all" }, { "send", answer .. wire.chunked(zipped(), 1000, "T: x\r\n") } } } } },
    { tls = { cert = pki:file "server.pem", key = pki:file "server.key" } })
end

-- Every kind of body and of answer once, on connections that are kept.
local function whole_path(server, pki)
  local function request(options)
    options.url, options.cacert = server.url, pki:file "root.pem"
    options.connect_timeout, options.timeout, options.stall_timeout = 2, 3, 2
    options.headers = { Authorization = "Bearer " .. ("t"):rep(1000), ["X-Many"] = { "a", "b" } }
    return core.http.request(options)
  end
  local answer, err = request { method = "POST", body = { file = pki:file "body" },
                                save = pki:file "out" }
  if not answer then return nil, err end
  local pieces = 0
  answer, err = request { method = "POST", expect_continue = true, body = function()
    pieces = pieces + 1
    return pieces <= 3 and ("piece %d;"):format(pieces) or nil
  end }
  if not answer then return nil, err end
  return request { method = "PUT", body = "small", idempotent = true }
end

local function open_now()
  core.task.drop_idle()
  collectgarbage()
  collectgarbage()
  local counts = core.task.counts()
  return counts.operations + counts.sockets + counts.timers, counts
end

local function assert_nothing_open(what)
  for _ = 1, 50 do -- sockets end over a few turns of the loop, threads when they are done
    if open_now() == 0 then break end
    core.task.run(core.task.sleep, 0.002)
  end
  local _, counts = open_now()
  for kind, n in pairs(counts) do assert.equal(0, n, ("%s open after %s"):format(kind, what)) end
  assert.equal(0, core.http.stats().in_flight, what)
  assert.equal(0, core.http.stats().waiting, what)
end

local function assert_sane(what, ok, answer, err)
  if not ok then
    assert.is_truthy(answer, what)
  elseif answer then
    assert.equal(480000, #answer.body, what)
  else
    assert.is_string(err.code, what)
    assert.not_equal("system.internal", err.code, what .. ": " .. tostring(err.message))
  end
end

-- Lets the n-th event of the kind fail, for n = 1, 2, … until none of them happens. Returns n.
local function torture(kind, ...)
  local n, fired = 1, true
  while fired do
    local what = ("failing %s %d"):format(kind, n)
    local began = core.task.monotonic()
    local function attempt(...)
      fault.arm(kind, n)
      return core.task.run(whole_path, ...)
    end
    local ok, answer, err = pcall(attempt, ...)
    fired = fault.disarm()
    assert_sane(what, ok, answer, err)
    answer, err = nil, nil -- luacheck: ignore
    assert_nothing_open(what)
    assert.is_true(core.task.monotonic() - began < LONGEST, what .. " took too long")
    n = n + 1
  end
  assert.equal(200, assert(core.task.run(whole_path, ...)).status)
  return n
end

describe("an HTTP request", function()
  local pki, server

  setup(function()
    pki = process.tempdir()
    pki:write("body", ("x"):rep(600000))
    server = start_server(pki)
  end)

  teardown(function()
    server:stop()
    pki:close()
  end)

  -- Far fewer events than this and the path is not the whole one.
  local at_least = { malloc = 50, lua = 30, send = 10, recv = 10 }
  for kind, n in pairs(at_least) do
    it("survives failing " .. kind, function()
      assert.is_true(torture(kind, server, pki) >= n)
    end)
  end
end)
