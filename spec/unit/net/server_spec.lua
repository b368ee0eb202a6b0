-- The server as foreign clients see it: bytes by Python, curl. TLS is in server_tls_spec.lua,
-- hostile clients and limits in server_limits_spec.lua.
local async = require "spec.support.async"
local core = require "iflow.core"
local http_server = require "spec.support.http_server"
local process = require "spec.support.process"
local raw = require "spec.support.raw_client"
local size = require "spec.support.size"

local start, curl, later = http_server.start, http_server.curl, http_server.later

describe("server.new", function()
  it("raises for unknown options and wrong types", async(function()
    assert.error_matches(function() start { prot = 1 } end, "port")
    assert.has_error(function() core.server.new { port = 0 } end)
    assert.has_error(function() start { port = 70000 } end)
    assert.has_error(function() start { min_tls = "1.1" } end)
    assert.has_error(function() start { identity = "x" } end)
  end))

  it("works outside iflow.run, too: the next one serves it", function()
    local server <close> = start { request = function(request) request:answer(204) end }
    core.task.run(function()
      local url = ("http://127.0.0.1:%d/"):format(server:port())
      assert.equal(204, assert(core.http.request { url = url }).status)
      server:close()
    end)
  end)

  it("returns what the system refuses", async(function()
    local server <close> = start()
    local second, err = core.server.new { port = server:port(), request = print }
    assert.is_nil(second)
    assert.equal("system.failed", err.code)
    second, err = core.server.new { host = "192.0.2.1", request = print }
    assert.is_nil(second)
    assert.equal("system.failed", err.code)
    second, err = core.server.new { tls = true, request = print }
    assert.is_nil(second)
    assert.equal("cert.missing", err.code)
  end))

  it("listens on IPv6", async(function()
    local server <close> = start { host = "::1" }
    local result = process.run { "curl", "-sS", "-d", "six",
      ("http://[::1]:%d/"):format(server:port()) }
    assert.equal("six", result.out)
  end))
end)

describe("a request", function()
  it("shows what the client sent", async(function()
    local set, get = later()
    local server <close> = start { request = function(req)
      local body = req:body()
      req:answer(204)
      set { method = req.method, target = req.target, host = req.headers.host,
        x = req.headers["x-a"], length = req.length, has_body = req.has_body,
        tls = req.tls_version, peer = req.peer, body = body, chain = req:client_chain() }
    end }
    curl(server, "/a%20b?c=d", "-X", "PUT", "-H", "X-A: one", "-H", "X-a: two", "-d", "text")
    local seen = get()
    assert.matches("^127%.0%.0%.1:%d+$", seen.peer)
    seen.peer = nil
    assert.same({ method = "PUT", target = "/a%20b?c=d", host = "127.0.0.1:" .. server:port(),
      x = "one, two", length = 4, has_body = true, tls = "", body = "text" }, seen)
  end))

  it("has no body when none was sent", async(function()
    local server <close> = start { request = function(req)
      req:answer(200, nil, ("%s %s %q"):format(req.has_body, req.length, req:read()))
    end }
    assert.equal("false nil nil", curl(server, "/").out)
  end))

  it("reads a chunked body piece by piece, and refuses more than asked for", async(function()
    local server <close> = start { request = function(req)
      if req.target == "/pieces" then
        local n = 0
        for piece in function() return req:read() end do n = n + #piece end
        return req:answer(200, nil, tostring(n))
      end
      local body, err = req:body(1000)
      req:answer(body and 200 or 413, nil, body or err.code)
    end }
    local dir <close> = process.tempdir()
    local file = "@" .. dir:write("data", ("x"):rep(300000))
    local chunked = { "-H", "Transfer-Encoding: chunked", "--data-binary", file }
    assert.equal("300000", curl(server, "/pieces", table.unpack(chunked)).out)
    assert.equal("limit.exceeded", curl(server, "/limit", table.unpack(chunked)).out)
  end))

  it("ignores the extensions of chunks", async(function()
    local server <close> = start()
    assert.equal("hello", raw(server:port(), [[
chunks = (b"1;a\r\nh\r\n1; a=b\r\ne\r\n1 ;a = b;c\r\nl\r\n"
          b"1;a=b;c=\"d;\\\"e\"\r\nl\r\n1;a=b;c=d\r\no\r\n")
got = ask(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
          + chunks + b"0;f=g;h\r\n\r\n")
print(got[-5:].decode())]]))
  end))

  it("has any host that can be one", async(function()
    local server <close> = start()
    assert.equal("200 200 200 200 200 200 200 200", raw(server:port(), [[
request = b"GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
hosts = b"", b"a", b"a.b-c_d", b"a:80", b"a:", b"[::1]", b"[::1]:80", b"%61!$&'(x)"
print(" ".join(statuses(ask(request % host)) for host in hosts))]]))
  end))

  it("is over when it was answered", async(function()
    local set, get = later()
    local server <close> = start { request = function(req)
      assert(req:answer(200))
      set(pcall(req.answer, req, 200), pcall(req.read, req), req.target)
    end }
    curl(server, "/t")
    local again, read, target = get()
    assert.is_false(again)
    assert.is_false(read)
    assert.equal("/t", target)
  end))

  it("is over for a task that still reads it when another one answers", async(function()
    local set, get = later()
    local server <close> = start { request = function(req)
      core.task.spawn(function()
        core.task.sleep(0)
        req:answer(504)
      end)
      local body, err = req:body()
      set(body, err.code, pcall(req.read, req))
    end }
    local seen = raw(server:port(), [[
s = connect()
s.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
print(statuses(until(s, b"\r\n\r\n")))]])
    assert.equal("504", seen)
    local body, code, again = get()
    assert.same({ false, "object.closed", false }, { body ~= nil, code, again })
  end))

  it("runs its handler in a task of its own", async(function()
    local waiting = 0
    local server <close> = start { request = function(req)
      waiting = waiting + 1
      process.wait_for("the other", function() return waiting == 2 end)
      req:answer(200, nil, "both")
    end }
    local url = ("http://127.0.0.1:%d/"):format(server:port())
    assert.equal("bothboth",
      process.run { "curl", "-sS", "-Z", "--parallel-immediate", url, url }.out)
  end))
end)

describe("a handler that fails", function()
  it("answers 500, says why in the log only, and harms nobody else", async(function()
    core.log.capture(true)
    local server <close> = start { request = function(req)
      if req.target == "/error" then error "the reason" end
      if req.target == "/table" then error {} end
      if req.target == "/fine" then req:answer(200, nil, "fine") end
    end }
    local got = raw(server:port(), [[
get = b"GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n"
got = ask(get % (b"/error", b"") + get % (b"/nothing", b"") + get % (b"/table", b"")
          + get % (b"/fine", b"Connection: close\r\n"))
print(statuses(got), b"reason" in got)]])
    local log = core.log.captured()
    core.log.capture(false)
    assert.equal("500 500 500 200 False", got)
    assert.matches("the reason", log)
    assert.matches("without an answer", log)
  end))

  it("cuts an answer that it had begun", async(function()
    core.log.capture(true)
    local server <close> = start { request = function(req)
      req:begin(200)
      req:write "half"
      error "here"
    end }
    assert.equal("True", raw(server:port(), [[
print(ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").endswith(b"half\r\nRESET"))]]))
    core.log.capture(false)
  end))
end)

describe("answers", function()
  it("carry headers, and those of the server only once", async(function()
    local server <close> = start { request = function(req)
      req:answer(201, { ["Set-Cookie"] = { "a=1", "b=2" }, ["Content-Length"] = "7", Date = "never",
        ["Transfer-Encoding"] = "chunked", ["X-A"] = "ä" }, "body")
    end }
    local text = curl(server, "/", "-i").out
    assert.matches("^HTTP/1.1 201 Created\r\n", text)
    assert.matches("Set%-Cookie: a=1\r\nSet%-Cookie: b=2\r\n", text)
    assert.matches("X%-A: ä\r\n", text)
    assert.matches("Content%-Length: 4\r\n", text)
    assert.matches("Date: %u%l%l, %d%d %u%l%l %d%d%d%d %d%d:%d%d:%d%d GMT\r\n", text)
    assert.is_nil(text:find "never")
    assert.is_nil(text:find "Transfer%-Encoding")
    assert.matches("\r\n\r\nbody$", text)
  end))

  it("refuse headers that would split them, and statuses that are none", async(function()
    local server <close> = start { request = function(req)
      local codes = {}
      local function try(...)
        local ok, err = req:answer(...)
        codes[#codes + 1] = ok and "ok" or err.code
      end
      try(200, { ["X-A"] = "a\r\nX-B: b" })
      try(200, { ["X A"] = "a" })
      try(99)
      try(101)
      try(600)
      req:answer(200, nil, table.concat(codes, " "))
    end }
    assert.equal("http.header http.header usage.invalid usage.invalid usage.invalid",
      curl(server, "/").out)
  end))

  it("have no body for HEAD, 204 and 304", async(function()
    local server <close> = start { request = function(req)
      req:answer(tonumber(req.target:sub(2)), nil, "body")
    end }
    local got = raw(server:port(), [[
ask1 = b"%s /%d HTTP/1.1\r\nHost: a\r\n%s\r\n"
got = ask(ask1 % (b"HEAD", 200, b"") + ask1 % (b"GET", 204, b"") + ask1 % (b"GET", 304, b"")
          + ask1 % (b"HEAD", 404, b"Connection: close\r\n"))
print(statuses(got), got.count(b"Content-Length: 4"), b"body" in got)]])
    assert.equal("200 204 304 404 2 False", got)
  end))

  it("stream in chunks, with a length, and until the end for HTTP/1.0", async(function()
    local server <close> = start { request = function(req)
      req:begin(200, nil, req.target == "/length" and 6 or nil)
      req:write "abc"
      req:write ""
      req:write "def"
      req:finish()
    end }
    assert.equal("abcdef", curl(server, "/length").out)
    assert.equal("abcdef", curl(server, "/chunks").out)
    assert.equal("abcdef", curl(server, "/chunks", "-0").out)
    local got = raw(server:port(), [[
print(ask(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").split(b"\r\n\r\n", 1)[1])
print(ask(b"GET / HTTP/1.0\r\n\r\n").split(b"\r\n\r\n", 1)[1])]])
    assert.equal([[b'3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n']] .. "\n" .. [[b'abcdef']], got)
  end))

  it("keep to the length they declared", async(function()
    local set, get = later()
    local server <close> = start { request = function(req)
      req:begin(200, nil, 3)
      local ok, err = req:write "abcd"
      local short, short_err = req:finish()
      set(ok, err.code, short, short_err.code)
    end }
    assert.equal("True", raw(server:port(), [[
print(ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").endswith(b"RESET"))]]))
    assert.same({ nil, "usage.invalid", nil, "usage.invalid", n = 4 }, table.pack(get()))
  end))

  it("wait for a client that reads slowly, in bounded memory", async(function()
    local total, written = size.of(24 << 20, 256 << 20), 0
    local piece = ("x"):rep(1 << 20)
    local server <close> = start { request = function(req)
      req:begin(200)
      while written < total do
        assert(req:write(piece))
        written = written + #piece
      end
      req:finish()
    end }
    local client <close> = process.start { "python3", "spec/support/raw_client.py",
      tostring(server:port()), [[
s = connect()
s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
s.recv(1)
print("waits", flush=True)
time.sleep(0.2)
rest(s)]] }
    process.wait_for("the first byte", function() return client:output():find "waits" end)
    assert.is_true(written < total)
    assert.equal(0, client:wait().code)
    assert.equal(total, written)
  end))

  it("of many megabytes leave at once", async(function()
    local body = ("0123456789abcdef"):rep(1 << 20)
    local server <close> = start { request = function(req) req:answer(200, nil, body) end }
    local dir <close> = process.tempdir()
    curl(server, "/", "-o", dir:file "out")
    assert.equal(core.crypto.sha256(body), core.crypto.sha256(dir:read "out"))
  end))

  it("end by RST when the handler aborts", async(function()
    local server <close> = start { request = function(req) req:abort() end }
    assert.equal("b'RESET'", raw(server:port(), [[
print(ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))]]))
  end))
end)

describe("keep-alive", function()
  it("takes pipelined requests one after the other, in order", async(function()
    local at_work, most = 0, 0
    local server <close> = start { request = function(req)
      at_work = at_work + 1
      most = math.max(most, at_work)
      local body = req:body()
      core.task.sleep(0.002)
      req:answer(200, nil, req.target .. body .. ";")
      at_work = at_work - 1
    end }
    local got = raw(server:port(), [[
get = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
post = b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
chunked = (b"POST /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
           b"2;x=y\r\ncd\r\n0\r\nT: u\r\n\r\n")
data = b"".join([get, post, chunked][i % 3] % i for i in range(30))
got = ask(data + b"GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
print(" ".join(re.findall(r"/\w+;|/\d+(?:ab|cd);", got.decode())).count("; "), statuses(got))]])
    assert.equal("30 " .. ("200 "):rep(30) .. "200", got)
    assert.equal(1, most)
    assert.equal(1, server:stats().accepted)
    assert.equal(31, server:stats().requests)
  end))

  it("takes a request that comes byte by byte", async(function()
    local server <close> = start()
    assert.equal("200 200 b'abcde'", raw(server:port(), [[
s = connect()
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for extra in b"", b"Connection: close\r\n":
    for byte in (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + extra
                 + b"\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"):
        s.send(bytes([byte]))
got = rest(s)
print(statuses(got), got[-5:])]]))
  end))

  it("ends when either side says so, and for HTTP/1.0", async(function()
    local server <close> = start { request = function(req)
      req:answer(200, req.target == "/close" and { Connection = "close" } or nil)
    end }
    assert.equal("200 200 200 200 200 200", raw(server:port(), [[
get = b"GET %s HTTP/1.%d\r\nHost: a\r\n%s\r\n"
print(statuses(ask(get % (b"/close", 1, b"") + get % (b"/", 1, b""))),
      statuses(ask(get % (b"/", 1, b"Connection: x, CLOSE\r\n") + get % (b"/", 1, b""))),
      statuses(ask(get % (b"/", 0, b"Connection: keep-alive\r\n") + get % (b"/", 0, b"")
                   + get % (b"/", 0, b""))),
      statuses(ask(get % (b"/", 0, b"Connection: keep-alive, close\r\n") + get % (b"/", 0, b""))),
      statuses(ask(get % (b"/", 0, b""))))]]))
  end))

  it("answers a client that has ended its side, then ends", async(function()
    local server <close> = start { request = function(req)
      core.task.sleep(0.05)
      req:answer(200)
    end }
    assert.equal("200 200", raw(server:port(), [[
s = connect()
s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
s.shutdown(socket.SHUT_WR)
print(statuses(rest(s)))]]))
  end))

  it("ignores offers to speak another protocol", async(function()
    local server <close> = start()
    assert.equal("x", curl(server, "/", "--http2", "-d", "x").out)
  end))
end)

describe("a body that nobody reads", function()
  local function early(req) req:answer(413, nil, "no") end

  it("is thrown away when small, and the connection goes on", async(function()
    local server <close> = start { request = early }
    assert.equal("413 413 413", raw(server:port(), [[
small = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50000
chunked = (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nc350\r\n"
           + b"x" * 50000 + b"\r\n0\r\n\r\n")
last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
print(statuses(ask(small + chunked + last)))]]))
  end))

  it("ends the connection when large, and the answer still arrives", async(function()
    local server <close> = start { request = early }
    assert.equal("413 True 413 False", raw(server:port(), [[
def send_all(head, piece):
    s = connect()
    s.sendall(head)
    try:
        for _ in range(200):
            s.sendall(piece)
    except OSError:
        pass
    return rest(s)
post = b"POST / HTTP/1.1\r\nHost: a\r\n"
long = send_all(post + b"Content-Length: 100000000\r\n\r\n", b"x" * 65536)
chunked = send_all(post + b"Transfer-Encoding: chunked\r\n\r\n",
                   b"10000\r\n" + b"x" * 65536 + b"\r\n")
print(statuses(long), b"Connection: close" in long, statuses(chunked), b"RESET" in chunked)]]))
    assert.equal("413", curl(server, "/", "-o", "/dev/null", "-w", "%{http_code}", "-T",
      "/usr/bin/python3", "-H", "Expect:").out)
  end))

  it("holds the client back until it is read", async(function()
    local total, go = size.of(32 << 20, 256 << 20), false
    local server <close> = start { request = function(req)
      process.wait_for("the word", function() return go end)
      local n = 0
      for piece in function() return req:read() end do n = n + #piece end
      req:answer(200, nil, tostring(n))
    end }
    local client <close> = process.start { "python3", "spec/support/raw_client.py",
      tostring(server:port()), ([[
s = connect()
s.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n")
s.settimeout(0.3)
n, piece = 0, b"x" * 65536
try:
    while n < %d:
        n += s.send(piece)
except socket.timeout:
    print("held", flush=True)
s.settimeout(15)
while n < %d:
    n += s.send(piece)
print(rest(s).split(b"\r\n\r\n")[1].decode())]]):format(total, total, total) }
    process.wait_for("the client to be held", function() return client:output():find "held" end)
    go = true
    assert.equal("held\n" .. total .. "\n", client:wait().out)
  end))
end)

describe("Expect: 100-continue", function()
  local head = [[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n]]
    .. [[Expect: 100-continue\r\n\r\n"]]

  it("is granted by the first read, once", async(function()
    local server <close> = start()
    assert.equal("100 200 True", raw(server:port(), ([[
s = connect()
s.sendall(%s)
first = until(s, b"\r\n\r\n")
s.sendall(b"abc")
second = until(s, b"abc")
print(statuses(first), statuses(second), second.startswith(b"HTTP/1.1 200"))]]):format(head)))
  end))

  it("is refused by answering without reading, and the connection ends", async(function()
    local server <close> = start { request = function(req) req:answer(401) end }
    assert.equal("401", raw(server:port(), ("print(statuses(ask(%s)))"):format(head)))
  end))

  it("is not sent to a client that sends without waiting", async(function()
    local server <close> = start()
    assert.equal("200", raw(server:port(), ([[
s = connect()
s.sendall(%s + b"abc")
print(statuses(until(s, b"abc")))]]):format(head)))
  end))

  it("refuses other expectations", async(function()
    local server <close> = start()
    assert.equal("417", raw(server:port(), [[
print(statuses(ask(b"GET / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n")))]]))
  end))
end)

describe("server:recycle", function()
  it("ends idle connections, and the others after their answer", async(function()
    local at_work, go
    local server <close> = start { request = function(req)
      at_work = req.target == "/slow"
      process.wait_for("the word", function() return go or not at_work end)
      req:answer(200)
    end }
    local client <close> = process.start { "python3", "spec/support/raw_client.py", server:port(),
      [[
idle, busy = connect(), connect()
idle.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
until(idle, b"\r\n\r\n")
busy.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
print(rest(idle), b"Connection: close" in rest(busy))]] }
    process.wait_for("both", function() return at_work end)
    server:recycle()
    go = true
    assert.equal("b'' True\n", client:wait().out)
    assert.equal("200", raw(server:port(), [[
s = connect()
s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
print(statuses(until(s, b"\r\n\r\n")))]]))
  end))
end)

describe("server:close", function()
  it("lets a request at work finish, and ends idle connections at once", async(function()
    local at_work, client
    local server = start { request = function(req)
      at_work = true
      core.task.sleep(0.2)
      req:answer(200, nil, "done")
    end }
    client = process.start { "curl", "-sSi", ("http://127.0.0.1:%d/"):format(server:port()) }
    process.wait_for("the request", function() return at_work end)
    server:close "10s"
    local result = client:wait()
    assert.matches("Connection: close", result.out)
    assert.matches("done$", result.out)
    client:stop()
    assert.has_error(function() server:stats() end)
    server:close()
  end))

  it("cuts what takes longer than the grace", async(function()
    local at_work, cut
    local server = start { request = function(req)
      at_work = true
      core.task.sleep(0.5)
      local _, err = req:answer(200)
      cut = err and err.code
    end }
    local client <close> = process.start { "curl", "-sS",
      ("http://127.0.0.1:%d/"):format(server:port()) }
    process.wait_for("the request", function() return at_work end)
    server:close(0.05)
    assert.not_equal(0, client:wait().code)
    process.wait_for("the handler", function() return cut end)
    assert.equal("net.reset", cut)
  end))

  it("happens by itself when the run ends with an error", function()
    local port
    local ok = pcall(core.task.run, function()
      port = start():port()
      core.task.sleep(0)
      error "out"
    end)
    assert.is_false(ok)
    assert.is_false(process.listening(port))
    assert.equal(0, core.task.counts().sockets)
  end)
end)
