-- What the server refuses and how long it waits: malformed and smuggling requests, time limits,
-- clients that leave, too many connections.
local async = require "spec.support.async"
local core = require "iflow.core"
local http_server = require "spec.support.http_server"
local process = require "spec.support.process"
local raw = require "spec.support.raw_client"
local size = require "spec.support.size"

local start, curl, later = http_server.start, http_server.curl, http_server.later

describe("malformed and smuggling requests", function()
  -- name -> bytes as a Python literal; each must get this one status and the end of the connection.
  local refused = {
    ["blank in a name"] = [[b"GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n"]],
    ["blank before the colon"] = [[b"GET / HTTP/1.1\r\nHost: a\r\nX : x\r\n\r\n"]],
    ["bare LF"] = [[b"GET / HTTP/1.1\nHost: a\n\n"]],
    ["bare LF in the head"] = [[b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"]],
    ["bare CR"] = [[b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"]],
    ["length with chunked"] = [[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n]]
      .. [[Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]],
    ["chunked with length"] = [[b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n]]
      .. [[Content-Length: 5\r\n\r\n0\r\n\r\n"]],
    ["two lengths"] = [[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n]]
      .. [[Content-Length: 6\r\n\r\nhello!"]],
    ["a list of lengths"] = [[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\nhello!"]],
    ["a signed length"] = [[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello"]],
    ["a negative length"] = [[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n"]],
    ["a huge length"] = [[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9]]
      .. [[9999999999999999999999\r\n\r\n"]],
    ["obs-fold"] = [[b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"]],
    ["NUL"] = [[b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"]],
    ["an unknown coding"] = [[b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n"]],
    ["gzip, chunked"] = [[b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n]]
      .. [[0\r\n\r\n"]],
    ["chunked in HTTP/1.0"] = [[b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]],
    ["a bad chunk size"] = [[b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n]]
      .. [[zz\r\nhello\r\n0\r\n\r\n"]],
    ["a blank behind a chunk size"] = [[b"POST / HTTP/1.1\r\nHost: a\r\n]]
      .. [[Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n"]],
    ["a control character in an extension"] = [[b"POST / HTTP/1.1\r\nHost: a\r\n]]
      .. [[Transfer-Encoding: chunked\r\n\r\n5;a\x01b\r\nhello\r\n0\r\n\r\n"]],
    ["a tab behind chunked"] = [[b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\t\r\n]]
      .. [[\r\n5\r\nhello\r\n0\r\n\r\n"]],
    ["a huge chunk size"] = [[b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n]]
      .. [[fffffffffffffffff\r\nhello"]],
    ["a chunk without its end"] = [[b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n]]
      .. [[\r\n5\r\nhelloXX0\r\n\r\n"]],
    ["HTTP/0.9"] = [[b"GET /\r\n\r\n"]],
    ["HTTP/0.9 by name"] = [[b"GET / HTTP/0.9\r\nHost: a\r\n\r\n"]],
    ["HTTP/2.0"] = [[b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"]],
    ["the preface of HTTP/2"] = [[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]],
    ["TLS"] = [[b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 500]],
    ["absolute form"] = [[b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"]],
    ["authority form"] = [[b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"]],
    ["CONNECT to a path"] = [[b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"]],
    ["a fragment"] = [[b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"]],
    ["no host"] = [[b"GET / HTTP/1.1\r\n\r\n"]],
    ["two hosts"] = [[b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"]],
    ["a blank in the host"] = [[b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"]],
    ["a path in the host"] = [[b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"]],
    ["a user in the host"] = [[b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"]],
    ["a port that is none"] = [[b"GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"]],
    ["half an address as host"] = [[b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"]],
    ["a tab in the request line"] = [[b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"]],
    ["an unknown method"] = [[b"GOT / HTTP/1.1\r\nHost: a\r\n\r\n"]],
  }

  it("are refused with 400, no handler sees them, the connection ends", async(function()
    local seen = 0
    local server <close> = start { request = function(req)
      seen = seen + 1
      req:answer(200)
    end }
    local snippet, names = { [[again = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"]] }, {}
    for name, bytes in pairs(refused) do
      names[#names + 1] = name
      snippet[#snippet + 1] = ("print(statuses(ask(%s + again)))"):format(bytes)
    end
    local got, i = raw(server:port(), table.concat(snippet, "\n")), 0
    for line in (got .. "\n"):gmatch "(.-)\n" do
      i = i + 1
      assert.equal("400", line, names[i])
    end
    assert.equal(#names, i)
    assert.equal(0, seen)
    assert.equal(#names, server:stats().malformed)
  end))

  it("are refused inside of a body, too, and the handler learns of it", async(function()
    local set, get = later()
    local server <close> = start { request = function(req)
      assert(req:read())
      local piece, err = req:read()
      local ok, answer_err = req:answer(200)
      set(piece, err.code, ok, answer_err.code)
    end }
    assert.equal("400", raw(server:port(), [[
s = connect()
s.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
time.sleep(0.1)
s.sendall(b"nonsense\r\n")
print(statuses(rest(s)))]]))
    assert.same({ nil, "http.protocol", nil, "http.protocol", n = 4 }, table.pack(get()))
  end))

  it("have limits to head and fields", async(function()
    local server <close> = start()
    assert.equal("431 431 431 200", raw(server:port(), [[
get, end = b"GET /%s HTTP/1.1\r\nHost: a\r\n%s\r\n", b"Connection: close\r\n"
print(statuses(ask(get % (b"", b"X: " + b"a" * 300000 + b"\r\n"))),
      statuses(ask(get % (b"", b"X: a\r\n" * 200))),
      statuses(ask(get % (b"a" * 70000, b""))),
      statuses(ask(get % (b"a" * 8000, b"X: " + b"a" * 60000 + b"\r\n" + end))))]]))
  end))
end)

describe("time limits", function()
  it("end a head that does not come, however slowly it drips", async(function()
    local server <close> = start { head_timeout = "300ms" }
    assert.equal("408 408 True", raw(server:port(), [[
began = time.monotonic()
first = statuses(ask(b"GET / HT"))
s = connect()
try:
    for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 50:
        s.send(bytes([byte]))
        time.sleep(0.01)
except OSError:
    pass
print(first, statuses(rest(s)), time.monotonic() - began < 60)]]))
  end))

  it("end a connection that is idle, before and between requests", async(function()
    local server <close> = start { idle_timeout = "200ms" }
    assert.equal("0 200", raw(server:port(), [[
print(len(ask(b"")), statuses(ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")))]]))
  end))

  it("end a body with too long a pause: the read fails, the answer is 408", async(function()
    local set, get = later()
    local server <close> = start { body_gap = "200ms", request = function(req)
      local body, err = req:body()
      set(body, err.code)
    end }
    assert.equal("408", raw(server:port(), [[
print(statuses(ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")))]]))
    assert.same({ nil, "net.stalled", n = 2 }, table.pack(get()))
  end))

  it("leave the choice of answer to the handler", async(function()
    local server <close> = start { body_gap = "200ms", request = function(req)
      local _, err = req:body()
      req:answer(500, nil, err.code)
    end }
    assert.equal("500 True", raw(server:port(), [[
got = ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
print(statuses(got), got.endswith(b"net.stalled"))]]))
  end))

  it("do not count the pauses of a handler that does not read", async(function()
    local server <close> = start { body_gap = "100ms", request = function(req)
      core.task.sleep(0.4)
      req:answer(200, nil, assert(req:body()))
    end }
    assert.equal("abc", curl(server, "/", "-d", "abc").out)
  end))

  it("end a request that takes too long in all", async(function()
    local set, get = later()
    local server <close> = start { total_timeout = "300ms", request = function(req)
      local body, err = req:body()
      set(body, err.code)
    end }
    assert.equal("True", raw(server:port(), [[
s = connect()
s.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
try:
    for _ in range(500):
        s.send(b"x")
        time.sleep(0.02)
    print(False)
except OSError:
    print(True)]]))
    assert.same({ nil, "net.reset", n = 2 }, table.pack(get()))
  end))

  it("end a client that takes nothing of its answer", async(function()
    local set, get = later()
    local server <close> = start { idle_timeout = "200ms", request = function(req)
      req:begin(200)
      repeat
        local ok, err = req:write(("x"):rep(1 << 20))
        if not ok then set(err.code) end
      until not ok
    end }
    local client <close> = process.start { "python3", "spec/support/raw_client.py",
      tostring(server:port()), [[
s = connect()
s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
time.sleep(30)]] }
    assert.equal("net.reset", get())
    client:stop()
  end))
end)

describe("clients that leave", function()
  it("end a read and a write of their request", async(function()
    local results = {}
    local server <close> = start { request = function(req)
      if req.target == "/read" then
        local body, err = req:body()
        results.read = body or err.code
      else
        req:begin(200)
        local ok, err
        repeat ok, err = req:write(("x"):rep(65536)) until not ok
        results.write = err.code
      end
    end }
    raw(server:port(), [[
s = connect()
s.sendall(b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
time.sleep(0.1)
reset(s)
s = connect()
s.sendall(b"GET /write HTTP/1.1\r\nHost: a\r\n\r\n")
s.recv(100)
reset(s)]])
    process.wait_for("both", function() return results.read and results.write end)
    assert.same({ read = "net.reset", write = "net.reset" }, results)
  end))

  it("within a body get 400, if they still listen", async(function()
    local set, get = later()
    local server <close> = start { request = function(req)
      local body, err = req:body()
      set(body, err.code)
    end }
    assert.equal("400", raw(server:port(), [[
s = connect()
s.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
s.shutdown(socket.SHUT_WR)
print(statuses(rest(s)))]]))
    assert.same({ nil, "net.reset", n = 2 }, table.pack(get()))
  end))

  it("may leave at any byte of a request", async(function()
    local long = "100s" -- none of them may be left to a time limit
    local server <close> = start { head_timeout = long, idle_timeout = long, body_gap = long }
    assert.equal("200", raw(server:port(), [[
data = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
for n in range(len(data)):
    s = connect()
    s.sendall(data[:n])
    reset(s) if n % 2 else s.close()
print(statuses(ask(data.replace(b"Host", b"Connection: close\r\nHost"))))]]))
    process.wait_for("the connections to end", function() return server:stats().open == 0 end)
  end))
end)

describe("many connections", function()
  it("are served at once", async(function()
    local n = size.of(300, 1000)
    local server <close> = start()
    assert.equal(tostring(n), raw(server:port(), ([[
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
all = [connect() for _ in range(%d)]
for s in all:
    s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
print(sum(until(s, b"\r\n\r\n").startswith(b"HTTP/1.1 200") for s in all))]]):format(n)))
  end))

  it("above the limit are closed, those below are served", async(function()
    local server <close> = start { max_connections = 5 }
    assert.equal("0 200", raw(server:port(), [[
all = []
for _ in range(5):
    s = connect()
    s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    until(s, b"\r\n\r\n")
    all.append(s)
extra = connect()
refused = len(rest(extra))
all[0].sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
print(refused, statuses(rest(all[0])))]]))
  end))
end)
