-- A thousand connections, clients that send slowly and requests that make no sense do not disturb
-- those who call the sandbox meanwhile.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

local CROWD = [[
idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(%d)]
slow = []
for _ in range(20):
    s = connect("%s")
    s.sendall(b"POST /http/echo HTTP/1.1\r\nHost: localhost\r\nContent-Le")
    slow.append(s)
for junk in (b"\0\0\0", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"a" * 200000,
             b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"):
    s = connect("%s")
    try:
        s.sendall(junk)
        s.recv(100)
    except OSError:
        pass
print("there", flush=True)
time.sleep(60)
]]

-- Some send bodies byte by byte, some take their answers byte by byte, some never stop sending
-- nonsense, to runtime and token server; "done" when the slow ones have their answers after all.
local STORM = [[
import threading
cafile, head = "%s", b"%s"
junk = (b"\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"a" * 200000,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nA b: c\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
calm, answers = threading.Event(), []
def nonsense(port):
    n = 0
    while not calm.is_set():
        with socket.create_connection(("127.0.0.1", port)) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n") # no TLS at all
        try:
            context = ssl.create_default_context(cafile=cafile)
            with context.wrap_socket(socket.create_connection(("127.0.0.1", port), 15),
                                     server_hostname="localhost") as s:
                s.sendall(junk[n %% len(junk)])
                s.recv(100)
        except OSError:
            pass
        n += 1
        time.sleep(0.02)
def slow_body():
    s = connect(cafile)
    s.sendall(head + b"Content-Length: 20\r\n\r\n")
    for _ in range(20):
        s.sendall(b"x")
        time.sleep(0.1)
    answers.append(until(s, b"x" * 20).startswith(b"HTTP/1.1 200"))
def slow_reader():
    s = connect(cafile)
    s.sendall(head + b"Content-Length: 1000\r\n\r\n" + b"y" * 1000)
    got = b""
    while len(got) < 40:
        got += s.recv(1)
        time.sleep(0.05)
    answers.append(until(s, b"y" * 1000).endswith(b"y"))
storm = [threading.Thread(target=nonsense, args=(p,)) for p in (port, port, port - 2)]
slow = [threading.Thread(target=t) for t in (slow_body, slow_reader) * 10]
for t in storm + slow: t.start()
print("there", flush=True)
for t in slow: t.join()
print("done" if answers == [True] * 20 else answers, flush=True)
time.sleep(60)
]]

describe("a crowd", function()
  it("does not disturb the others", async(function()
    local sb <close> = support.start()
    support.echo(sb, { csrf = false })
    local bearer = support.bearer(sb, support.key(sb, "secret"))
    local port = sb.endpoints.runtime:match ":(%d+)$"
    local cacert = sb.endpoints.cacert
    local crowd <close> = process.start { "python3", "spec/support/raw_client.py", port,
      CROWD:format(1000, cacert, cacert) }
    process.wait_for("the crowd", function() return crowd:output():find "there" end)
    assert.is_true(sb:counters().listeners.runtime.open >= 1020)
    local slowest = 0
    for _ = 1, 50 do
      local began = core.task.monotonic()
      local answer = assert(support.request(sb, "runtime", { method = "POST", path = "/http/echo",
        body = "x", headers = { Authorization = bearer } }))
      assert.equal(200, answer.status)
      slowest = math.max(slowest, core.task.monotonic() - began)
    end
    assert.is_true(slowest < 30, "the slowest call took " .. slowest .. " s")
    assert.equal(50, #sb:log())
  end, { limit = 60 }))

  it("of slow and mad clients gets what it deserves, and disturbs nobody", async(function()
    local sb <close> = support.start()
    support.echo(sb, { csrf = false })
    local key = support.key(sb, "secret")
    local bearer = support.bearer(sb, key)
    local head = "POST /http/echo HTTP/1.1\\r\\nHost: localhost\\r\\nAuthorization: " .. bearer
    local crowd <close> = process.start { "python3", "spec/support/raw_client.py",
      sb.endpoints.runtime:match ":(%d+)$", STORM:format(sb.endpoints.cacert, head .. "\\r\\n") }
    process.wait_for("the crowd", function() return crowd:output():find "there" end)
    for _ = 1, 20 do
      local fresh = support.bearer(sb, key)
      assert.equal(200, assert(support.request(sb, "runtime", { method = "POST", body = "x",
        path = "/http/echo", headers = { Authorization = fresh } })).status)
    end
    process.wait_for("the slow ones", function() return crowd:output():find "done" end)
    crowd:stop()
    local stats = sb:counters().listeners
    assert.is_true(stats.runtime.malformed > 0 and stats.runtime.handshakes_failed > 0)
    assert.is_true(stats.token.malformed > 0 and stats.token.handshakes_failed > 0)
    assert.equal(40, #sb:log())
  end, { limit = 120 }))
end)
