-- The server as foreign clients see it: bytes by Python, curl. TLS is in server_tls_spec.lua.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local raw = require "spec.support.raw_client"
local size = require "spec.support.size"

local function echo(req)
  local body = req:body()
  if body then req:answer(200, nil, body) end
end

-- A server that echoes bodies, unless the options say otherwise.
local function start(options)
  local wanted = { request = echo }
  for name, value in pairs(options or {}) do wanted[name] = value end
  return assert(core.server.new(wanted))
end

local function curl(server, path, ...)
  local command = { "curl", "-sS", "--max-time", "50", ... }
  command[#command + 1] = ("http://127.0.0.1:%d%s"):format(server:port(), path)
  return process.run(command)
end

-- What a handler's waiting function returned, once it has.
local function later()
  local values
  return function(...) values = table.pack(...) end, function()
    process.wait_for("the handler", function() return values end)
    return table.unpack(values, 1, values.n)
  end
end

describe("server.new", function()
  it("raises for unknown options and wrong types", async(function()
    assert.error_matches(function() start { prot = 1 } end, "port")
    assert.has_error(function() core.server.new { port = 0 } end)
    assert.has_error(function() start { port = 70000 } end)
    assert.has_error(function() start { min_tls = "1.1" } end)
    assert.has_error(function() start { identity = "x" } end)
  end))

  it("raises outside iflow.run", function()
    assert.has_error(function() start() end)
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
    assert.equal("200 200 200 200 200", raw(server:port(), [[
get = b"GET %s HTTP/1.%d\r\nHost: a\r\n%s\r\n"
print(statuses(ask(get % (b"/close", 1, b"") + get % (b"/", 1, b""))),
      statuses(ask(get % (b"/", 1, b"Connection: x, CLOSE\r\n") + get % (b"/", 1, b""))),
      statuses(ask(get % (b"/", 0, b"Connection: keep-alive\r\n") + get % (b"/", 0, b"")
                   + get % (b"/", 0, b""))),
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
    ["a fragment"] = [[b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"]],
    ["no host"] = [[b"GET / HTTP/1.1\r\n\r\n"]],
    ["two hosts"] = [[b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"]],
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
print(first, statuses(rest(s)), time.monotonic() - began < 10)]]))
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
