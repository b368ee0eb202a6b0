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
end)
