-- Bodies of answers: compressed ones, and files both ways, in constant memory.
local core = require "iflow.core"
local async = require "spec.support.async"
local process = require "spec.support.process"
local size = require "spec.support.size"
local wire = require "spec.support.wire"

local function request(server, options)
  local o = { url = server.url }
  for k, v in pairs(options or {}) do o[k] = v end
  return core.http.request(o)
end

--- What python3 makes of bytes: an expression in which `data` is standard input.
local function python(expression, data)
  local dir <close> = process.tempdir()
  local run = process.run { "python3", "-c", "import sys, zlib, gzip\n" ..
    "data = sys.stdin.buffer.read()\nsys.stdout.buffer.write(" .. expression .. ")",
    stdin = data, dir = dir.path }
  assert(run.code == 0, run.err)
  return run.out
end

local RAW = "(lambda c: c.compress(data) + c.flush())(zlib.compressobj(wbits=-15))"

local function memory_of(pid)
  local status = process.read(("/proc/%s/status"):format(pid))
  return tonumber(status:match "VmHWM:%s+(%d+) kB") * 1024
end

describe("a compressed answer", function()
  local text = ("Bestellung 4711 für Müller\n"):rep(20000)
  local function get(bytes, encoding, options)
    local server <close> = wire.start { { { "head" }, { "send",
      wire.answer(bytes, "Content-Encoding: " .. encoding .. "\r\n") }, { "close" } } }
    return request(server, options)
  end

  it("is decoded: gzip, several members, x-gzip", async(function()
    local zipped = python("gzip.compress(data)", text)
    assert.equal(text, assert(get(zipped, "gzip")).body)
    assert.equal(text .. text, assert(get(zipped .. zipped, "GZIP")).body)
    assert.equal(text, assert(get(zipped, "x-gzip")).body)
  end))

  it("is decoded: deflate, with and without its frame", async(function()
    assert.equal(text, assert(get(python("zlib.compress(data)", text), "deflate")).body)
    assert.equal(text, assert(get(python(RAW, text), "deflate")).body)
    assert.equal("a", assert(get(python(RAW, "a"), "deflate")).body)
  end))

  it("is decoded when it comes in chunks, byte by byte", async(function()
    local zipped = python("gzip.compress(data)", "hello hello hello")
    local head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n" ..
      "Transfer-Encoding: chunked\r\n\r\n"
    local bytes = head .. wire.chunked(zipped, 1)
    local server <close> = wire.start { { { "head" }, { "drip", bytes } } }
    assert.equal("hello hello hello", assert(request(server)).body)
  end))

  it("that is empty is empty", async(function()
    assert.equal("", assert(get("", "gzip")).body)
    assert.equal("", assert(get(python("gzip.compress(data)", ""), "gzip")).body)
  end))

  it("of another coding is left as it is", async(function()
    assert.equal("as is", assert(get("as is", "br")).body)
    assert.equal("as is", assert(get("as is", "identity")).body)
  end))

  it("that is damaged, cut or followed by something is refused", async(function()
    local zipped = python("gzip.compress(data)", text)
    local wrong = zipped:sub(1, 100) .. "XXXX" .. zipped:sub(105)
    for _, bytes in ipairs { wrong, zipped:sub(1, -3), zipped:sub(1, 5), zipped .. "tail",
      "no gzip at all" } do
      local answer, err = get(bytes, "gzip")
      assert.is_nil(answer)
      assert.equal("http.protocol", err.code)
      assert.equal("answered", err.sent)
    end
  end))

  it("that is a bomb hits the ceiling", async(function()
    local bomb = python("gzip.compress(bytes(200000000))", "")
    local answer, err = get(bomb, "gzip", { max_body = 1000000 })
    assert.is_nil(answer)
    assert.equal("http.limit", err.code)
  end))
end)

describe("save", function()
  it("writes a good answer to the file, another into memory", async(function()
    local dir <close> = process.tempdir()
    local server <close> = wire.start { { { "head" }, { "send", wire.answer "kept" },
      { "head" }, { "send", wire.answer("why", nil, "500 No") } } }
    local answer = assert(request(server, { save = dir:file "out" }))
    assert.equal(4, answer.saved)
    assert.equal("", answer.body)
    assert.equal("kept", dir:read "out")
    assert.equal("why", assert(request(server, { save = dir:file "out" })).body)
    assert.equal("", dir:read "out")
  end))

  it("decodes into the file", async(function()
    local dir <close> = process.tempdir()
    local text = ("0123456789abcdef"):rep(500000)
    local zipped = python("gzip.compress(data)", text)
    local server <close> = wire.start { { { "head" }, { "send",
      wire.answer(zipped, "Content-Encoding: gzip\r\n") } } }
    assert.equal(#text, assert(request(server, { save = dir:file "out" })).saved)
    assert.is_true(dir:read "out" == text)
  end))

  it("fails when the disk is full", async(function()
    local server <close> = wire.start { { { "head" },
      { "send", "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" }, { "fill", 3000000, "x" } } }
    local answer, err = request(server, { save = "/dev/full" })
    assert.is_nil(answer)
    assert.equal("file.io", err.code)
    assert.equal("answered", err.sent)
    assert.equal(200, err.status)
  end))

  it("fails when the file cannot be opened, before anything is sent", async(function()
    local answer, err = core.http.request { url = "http://127.0.0.1:1/", save = "/nowhere/out" }
    assert.is_nil(answer)
    assert.equal("file.not_found", err.code)
  end))
end)

describe("a file as body", function()
  it("that is missing or no file fails before anything is sent", async(function()
    for path, code in pairs { ["/nowhere/in"] = "file.not_found", ["/dev/null"] = "usage.invalid",
      ["/"] = "usage.invalid" } do
      local answer, err = core.http.request { url = "http://127.0.0.1:1/", method = "POST",
                                              body = { file = path } }
      assert.is_nil(answer)
      assert.equal(code, err.code)
    end
  end))

  it("that becomes shorter on the way fails, in doubt", async(function()
    local dir <close> = process.tempdir()
    local path = dir:write("body", ("x"):rep(5000000))
    local server <close> = wire.start(function(d)
      return { { { "head" }, { "body", 100 }, { "wait", d:file "go" }, { "all" } } }
    end)
    local answer, err
    local task = core.task.spawn(function()
      answer, err = request(server, { method = "POST", body = { file = path } })
    end)
    core.task.sleep(0.1)
    dir:write("body", "short")
    server:signal "go"
    task:join()
    assert.is_nil(answer)
    assert.equal("file.io", err.code)
    assert.equal("some", err.sent)
  end))
end)

describe("large bodies", function()
  local bytes = size.of(1 << 27, 1 << 30)

  it("go up from a file and down to a file in constant memory", async(function()
    local dir <close> = process.tempdir()
    os.execute(("truncate -s %d %s"):format(bytes, dir:file "up"))
    local server <close> = wire.start { { { "head" }, { "all" }, { "send", wire.answer "" },
      { "head" }, { "send", ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(bytes) },
      { "fill", bytes // 16, "0123456789abcdef" } } }
    local before = memory_of "self"
    assert(request(server, { method = "PUT", body = { file = dir:file "up" }, timeout = 300 }))
    local answer = assert(request(server, { save = dir:file "down", timeout = 300 }))
    assert.equal(bytes, answer.saved)
    local grown = memory_of "self" - before
    assert.is_true(grown < (16 << 20), "grew by " .. grown)
  end, { limit = 600 }))
end)
