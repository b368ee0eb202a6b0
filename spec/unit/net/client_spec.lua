-- Requests over plain connections: framing, reuse, early ends. The servers are wire.py's scripts.
local core = require "iflow.core"
local async = require "spec.support.async"
local process = require "spec.support.process"
local wire = require "spec.support.wire"

local function request(server, options)
  local o = { url = server.url }
  for k, v in pairs(options or {}) do o[k] = v end
  return core.http.request(o)
end

--- One connection that answers every request the same.
local function always(...)
  return { { { "repeat", { { "head" }, { "all" }, ... } } } }
end

local function ok(text, fields) return { "send", wire.answer(text or "fine", fields) } end

describe("http.request sends", function()
  it("a request line, Host and what was asked for", async(function()
    local server <close> = wire.start { { { "head" }, ok() } }
    assert(request(server, { url = server.url .. "a%20b/../c?d=e#f",
                             headers = { ["X-One"] = "1", ["X-Many"] = { "a", "b" } } }))
    local head = server:connections(1)[1].read
    assert.equal("GET /a%20b/../c?d=e HTTP/1.1\r\n", head:match "^.-\r\n")
    assert.matches("\r\nHost: 127%.0%.0%.1:%d+\r\n", head)
    assert.matches("\r\nX%-One: 1\r\n", head)
    assert.matches("\r\nX%-Many: a\r\nX%-Many: b\r\n", head)
    assert.matches("\r\nAccept%-Encoding: gzip, deflate\r\n", head)
    assert.is_nil(head:match "Content%-Length")
    assert.is_nil(head:match "Transfer%-Encoding")
  end))

  it("a head of 120 KB, but no larger one than a server may send", async(function()
    local server <close> = wire.start(always(ok()))
    local fields = {}
    for i = 1, 120 do fields["X-" .. i] = ("v"):rep(1000) end
    assert.equal(200, assert(request(server, { headers = fields })).status)
    fields["X-Last"] = ("v"):rep(20000)
    local answer, err = request(server, { headers = fields })
    assert.is_nil(answer)
    assert.equal("limit.exceeded", err.code)
  end))

  it("a length of 0 with a POST that has no body", async(function()
    local server <close> = wire.start { { { "head" }, ok() } }
    assert(request(server, { method = "POST" }))
    assert.matches("\r\nContent%-Length: 0\r\n", server:connections(1)[1].read)
  end))

  it("bodies of any size from memory", async(function()
    for _, size in ipairs { 0, 1, 100, 16384, 16385, 100000, 3000000 } do
      local server <close> = wire.start(always(ok(), { "close" }))
      local body = ("0123456789abcdef"):rep(size // 16 + 1):sub(1, size)
      local answer = assert(request(server, { method = "POST", body = body }))
      assert.equal(200, answer.status)
      local read = server:connections(1)[1].read
      assert.equal(("Content-Length: %d"):format(size), read:match "Content%-Length: %d+")
      if size < 1000000 then assert.equal(body, read:match "\r\n\r\n(.*)$") end
    end
  end))

  it("a file, also an empty one", async(function()
    local dir <close> = process.tempdir()
    for _, size in ipairs { 0, 1, 20000, 262144, 600001 } do
      local body = ("fedcba9876543210"):rep(size // 16 + 1):sub(1, size)
      local server <close> = wire.start(always(ok(), { "close" }))
      local path = dir:write("body", body)
      assert(request(server, { method = "PUT", body = { file = path } }))
      assert.equal(body, server:connections(1)[1].read:match "\r\n\r\n(.*)$")
    end
  end))

  it("an iterator's pieces as chunks", async(function()
    local server <close> = wire.start(always(ok(), { "close" }))
    local pieces, i = { "one", "", "two", ("x"):rep(70000) }, 0
    assert(request(server, { method = "POST", body = function()
      i = i + 1
      core.task.sleep(0.001)
      return pieces[i]
    end }))
    local read = server:connections(1)[1].read
    assert.matches("\r\nTransfer%-Encoding: chunked\r\n", read)
    assert.equal("3\r\none\r\n3\r\ntwo\r\n11170\r\n" .. pieces[4] .. "\r\n0\r\n\r\n",
      read:match "\r\n\r\n(.*)$")
  end))

  it("small head and body in one segment", async(function()
    local dir <close> = process.tempdir()
    local path = dir:write("body", "from a file")
    local server <close> = wire.start(always(ok()))
    for _, body in ipairs { "from memory", { file = path } } do
      assert(request(server, { method = "POST", body = body }))
    end
  end))
end)

describe("http.request refuses", function()
  local function fails(options, code)
    options.url = options.url or "http://127.0.0.1:1/"
    local answer, err = core.http.request(options)
    assert.is_nil(answer)
    assert.equal(code, err.code)
  end

  it("header fields that could smuggle", async(function()
    fails({ headers = { ["A b"] = "x" } }, "http.header")
    fails({ headers = { [""] = "x" } }, "http.header")
    fails({ headers = { A = "x\r\nB: y" } }, "http.header")
    fails({ headers = { A = "x\ny" } }, "http.header")
    fails({ headers = { A = "x\0y" } }, "http.header")
    for _, name in ipairs { "Host", "content-length", "Transfer-Encoding", "Connection",
      "Expect" } do
      fails({ headers = { [name] = "x" } }, "http.header")
    end
  end))

  it("methods that are none", async(function()
    fails({ method = "GE T" }, "usage.invalid")
    fails({ method = "" }, "usage.invalid")
    fails({ method = "CONNECT" }, "usage.invalid")
  end))

  it("URLs that are none", async(function()
    for _, url in ipairs { "", "localhost", "ftp://h/", "http://", "http:///x", "http://u:p@h/",
      "http://h:0/", "http://h:65536/", "http://h:x/", "http://h/a b", "http://h/\n",
      "http://[::1/", "http://[::g]/", "http://h/ä", "http://hö/", "http://a b/" } do
      fails({ url = url }, "url.invalid")
    end
    assert.has_error(function() core.http.request { url = "http://h\0/" } end)
  end))

  it("unknown options and wrong types, at the caller's line", function()
    assert.error_matches(function() core.http.request { ulr = "x" } end, "did you mean 'url'")
    assert.error_matches(function() core.http.request { url = "http://h/", body = 5 } end, "body")
    assert.error_matches(function() core.http.request { url = "http://h/", headers = 5 } end,
      "headers")
    assert.error_matches(function() core.http.request { url = "http://h/" } end, "iflow%.run")
  end)
end)

describe("an answer", function()
  --- What a client gets of these bytes; a server that then closes.
  local function get(bytes, options)
    local server <close> = wire.start { { { "head" }, { "all" }, { "send", bytes }, { "close" } } }
    return request(server, options)
  end

  it("with a length", async(function()
    local answer = assert(get(wire.answer("hello", "X-A: 1\r\nx-a:  2 \r\nX-Empty:\r\n")))
    assert.equal(200, answer.status)
    assert.equal("hello", answer.body)
    assert.equal("1, 2", answer.headers["x-a"])
    assert.equal("", answer.headers["x-empty"])
    assert.same({ "X-A", "1" }, answer.headers.raw[2])
  end))

  it("with several cookies keeps them apart", async(function()
    local answer = assert(get(wire.answer("", "Set-Cookie: a=1, 2\r\nSet-Cookie: b=2\r\n")))
    assert.equal("a=1, 2\nb=2", answer.headers["set-cookie"])
  end))

  it("in chunks, with extensions and trailers", async(function()
    local head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert.equal("hello world", assert(get(head .. wire.chunked("hello world", 3))).body)
    assert.equal("hello", assert(get(head .. "5;a=b\r\nhello\r\n0;c\r\nX-T: 1\r\n\r\n")).body)
    assert.equal("", assert(get(head .. "0\r\n\r\n")).body)
    assert.equal("hello", assert(get(head .. "5  \r\nhello\r\n0;a=b; c=\"d;e\"\r\n\r\n")).body)
  end))

  it("that ends with the connection", async(function()
    local server <close> = wire.start { { { "head" },
      { "send", "HTTP/1.0 200 OK\r\nX: y\r\n\r\nall of it" }, { "close" } } }
    assert.equal("all of it", assert(request(server)).body)
  end))

  it("without a body: HEAD, 204, 304", async(function()
    local headed = assert(get("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", { method = "HEAD" }))
    assert.equal("", headed.body)
    assert.equal("5", headed.headers["content-length"])
    assert.equal(204, assert(get "HTTP/1.1 204 No Content\r\n\r\n").status)
    assert.equal(304, assert(get "HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n").status)
  end))

  it("after interim ones", async(function()
    local answer = assert(get("HTTP/1.1 100 Continue\r\n\r\n" ..
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" .. wire.answer "late"))
    assert.equal("late", answer.body)
    assert.is_nil(answer.headers.link)
  end))

  it("of a status without a reason", async(function()
    assert.equal(299, assert(get "HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n").status)
  end))

  it("with 64 KB of headers", async(function()
    local fields = {}
    for i = 1, 100 do fields[i] = ("X-%d: %s\r\n"):format(i, ("v"):rep(640)) end
    local answer = assert(get(wire.answer("", table.concat(fields))))
    assert.equal(("v"):rep(640), answer.headers["x-100"])
  end))

  it("byte by byte, and split anywhere", async(function()
    local bytes = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" ..
      "Transfer-Encoding: chunked\r\n\r\n" .. wire.chunked("hello", 2, "T: x\r\n")
    local dripping <close> = wire.start { { { "head" }, { "drip", bytes } } }
    assert.equal("hello", assert(request(dripping)).body)
    local script = {}
    for at = 1, #bytes - 1 do
      table.move({ { "head" }, { "split", at, bytes } }, 1, 2, #script + 1, script)
    end
    local splitting <close> = wire.start { script }
    for _ = 1, #bytes - 1 do assert.equal("hello", assert(request(splitting)).body) end
    assert.equal(1, #splitting:connections(1))
  end))

  local function refused(bytes, code, options)
    local answer, err = get(bytes, options)
    assert.is_nil(answer)
    assert.equal(code, err.code)
    return err
  end

  it("that is no HTTP/1.1 is refused", async(function()
    local chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _, bytes in ipairs {
      "<html></html>\r\n\r\n", "HTTP/0.9 200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 0200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\nA: b\n\n", "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA : c\r\n\r\n", "HTTP/1.1 200 OK\r\nA: c\r\n d\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: c\rB: d\r\n\r\n", "HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
      chunked .. "x\r\n", chunked .. "1 1\r\na\r\n0\r\n\r\n", chunked .. ";a\r\n\r\n",
      chunked .. "1;a\0\r\na\r\n0\r\n\r\n", chunked .. "1;a\nb\r\na\r\n0\r\n\r\n",
      chunked .. "1\r\nab\r\n", chunked .. "1\na\r\n0\r\n\r\n",
      chunked .. "0\r\nA: b\r\n c\r\n\r\n",
    } do
      refused(bytes, "http.protocol")
    end
  end))

  it("with too much of anything is refused", async(function()
    local fields = {}
    for i = 1, 130 do fields[i] = ("X-%d: v\r\n"):format(i) end
    refused(wire.answer("", table.concat(fields)), "http.limit")
    refused(wire.answer("", "X: " .. ("v"):rep(150000) .. "\r\n"), "http.limit")
    refused(("HTTP/1.1 100 Continue\r\n\r\n"):rep(200), "http.limit")
    refused(wire.answer(("x"):rep(2000)), "http.limit", { max_body = 1999 })
    local err = refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" ..
      wire.chunked(("x"):rep(2000), 100), "http.limit", { max_body = 1999 })
    assert.equal("answered", err.sent)
    assert.equal(200, err.status)
    assert.equal(2000, #assert(get(wire.answer(("x"):rep(2000)), { max_body = 2000 })).body)
  end))

  it("that is cut is in doubt", async(function()
    for bytes, sent in pairs { [""] = "some", ["HTTP/1.1 2"] = "some",
      ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"] = "answered",
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"] = "answered",
      ["HTTP/1.1 100 Continue\r\n\r\n"] = "some" } do
      local err = refused(bytes, "net.reset")
      assert.equal(sent, err.sent)
      assert.is_false(err.retryable)
    end
  end))
end)

describe("a connection", function()
  it("is kept and used again", async(function()
    local server <close> = wire.start(always(ok()))
    local before = core.http.stats()
    for _ = 1, 5 do assert(request(server)) end
    local after = core.http.stats()
    assert.equal(1, after.opened - before.opened)
    assert.equal(4, after.reused - before.reused)
  end))

  it("is not kept after Connection: close, HTTP/1.0, or bytes behind the answer", async(function()
    for _, answer in ipairs { wire.answer("x", "Connection: close\r\n"),
      "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", wire.answer "x" .. "surplus" } do
      local server <close> = wire.start(always({ "send", answer }))
      assert(request(server))
      assert(request(server))
      assert.equal(2, #server:connections(2))
    end
  end))

  it("that the server closed while it idled is noticed", async(function()
    for _, ending in ipairs { "close", "reset" } do
      local server <close> = wire.start { { { "head" }, ok(), { ending } }, { { "head" }, ok() } }
      assert(request(server))
      server:connections(1)
      assert(request(server, { method = "POST", body = "x" }))
      assert.equal(2, #server:connections(2))
    end
  end))

  it("on which bytes came while it idled is dropped", async(function()
    local server <close> = wire.start(function(dir)
      return { { { "head" }, ok(), { "wait", dir:file "go" }, { "send", "HTTP/1.1 408 No\r\n\r\n" },
                 { "until_closed" } }, { { "head" }, ok() } }
    end)
    assert(request(server))
    server:signal "go"
    process.wait_for("the connection to be dropped", function()
      return core.http.stats().idle == 0
    end)
    assert(request(server))
  end))

  it("that dies under a request is in doubt, and repeated only for the idempotent", async(function()
    local function dying()
      return wire.start { { { "head" }, ok(), { "head" }, { "reset" } },
                          { { "head" }, ok "again" } }
    end
    local server <close> = dying()
    assert(request(server))
    local answer, err = request(server, { method = "POST", body = "x" })
    assert.is_nil(answer)
    assert.equal("net.reset", err.code)
    assert.equal("some", err.sent)
    local other <close> = dying()
    assert(request(other))
    assert.equal("again",
      assert(request(other, { method = "POST", body = "x", idempotent = true })).body)
  end))

  it("that dies on its first request is not repeated", async(function()
    local server <close> = wire.start { { { "head" }, { "reset" } }, { { "head" }, ok() } }
    local answer, err = request(server, { idempotent = true })
    assert.is_nil(answer)
    assert.equal("net.reset", err.code)
  end))

  it("is closed before the server does it, when that says how long it keeps it", async(function()
    local server <close> = wire.start(always(ok("x", "Keep-Alive: timeout=1, max=5\r\n")))
    assert(request(server))
    assert(request(server))
    assert.equal(2, #server:connections(2))
  end))
end)

describe("an early answer", function()
  local big = ("x"):rep(8 * 1024 * 1024)

  it("of refusal ends the body", async(function()
    for _, status in ipairs { "413 Too Large", "401 Who", "503 Busy", "302 Elsewhere" } do
      local server <close> = wire.start { { { "head" },
        { "send", wire.answer("no", nil, status) }, { "until_closed" } } }
      local answer = assert(request(server, { method = "POST", body = big }))
      assert.equal(tonumber(status:match "%d+"), answer.status)
      assert.equal("no", answer.body)
    end
  end))

  it("is read even when the server closes with the body unread", async(function()
    local server <close> = wire.start { { { "head" }, { "send", wire.answer("no", nil, "413 No") },
      { "reset" } } }
    local answer, err = request(server, { method = "POST", body = big })
    -- Whether the bytes survive the reset is the kernel's choice; never a hang, never a success.
    if answer then assert.equal(413, answer.status) else assert.equal("net.reset", err.code) end
  end))

  it("of success lets the body be sent to its end", async(function()
    local server <close> = wire.start { { { "head" }, { "send", wire.answer "taken" }, { "all" },
      { "head" }, ok "second" } }
    assert.equal("taken", assert(request(server, { method = "POST", body = big })).body)
    assert.equal("second", assert(request(server)).body)
  end))

  it("of success is in doubt when the body is then not taken", async(function()
    local server <close> = wire.start { { { "head" }, { "send", wire.answer "taken" },
      { "reset" } } }
    local answer, err = request(server, { method = "POST", body = big })
    assert.is_nil(answer)
    assert.equal("net.reset", err.code)
    assert.equal("answered", err.sent)
    assert.equal(200, err.status)
  end))

  it("stops an iterator", async(function()
    local server <close> = wire.start { { { "head" }, { "send", wire.answer("no", nil, "413 No") },
      { "until_closed" } } }
    local pieces = 0
    local answer = assert(request(server, { method = "POST", body = function()
      pieces = pieces + 1
      core.task.sleep(0.002)
      return pieces < 5000 and "piece" or nil
    end }))
    assert.equal(413, answer.status)
    assert.is_true(pieces < 5000)
  end))
end)

describe("Expect: 100-continue", function()
  local function post(server) return request(server, { method = "POST", body = "the body",
    expect_continue = true }) end

  it("granted: the body follows", async(function()
    local server <close> = wire.start { { { "head" }, { "send", "HTTP/1.1 100 Continue\r\n\r\n" },
      { "all" }, ok() } }
    assert.equal(200, assert(post(server)).status)
    assert.matches("\r\nExpect: 100%-continue\r\n\r\nthe body$", server:connections(1)[1].read)
  end))

  it("refused: the body stays here", async(function()
    local server <close> = wire.start { { { "head" }, { "send", wire.answer("no", nil, "401 No") },
      { "until_closed" } } }
    assert.equal(401, assert(post(server)).status)
    assert.matches("\r\n\r\n$", server:connections(1)[1].read)
  end))

  it("ignored: the body follows after a second", async(function()
    local server <close> = wire.start { { { "head" }, { "all" }, ok() } }
    local start = core.task.monotonic()
    assert.equal(200, assert(post(server)).status)
    local took = core.task.monotonic() - start
    assert.is_true(took >= 0.99 and took < 30)
  end))

  it("not understood (417): repeated without", async(function()
    local server <close> = wire.start { { { "head" }, { "send", wire.answer("", nil, "417 No") },
      { "until_closed" } }, { { "head" }, { "all" }, ok "now" } }
    assert.equal("now", assert(post(server)).body)
    local list = server:connections(2)
    assert.is_nil(list[2].read:match "Expect")
    assert.matches("\r\n\r\nthe body$", list[2].read)
  end))
end)
