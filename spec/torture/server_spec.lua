-- Torture of the server: the n-th C allocation, the n-th growth of Lua's memory, the n-th send, the
-- n-th receive fails while one TLS client with a certificate is served, for every n until nothing
-- is left to fail. The client may get anything; the server must neither crash nor leave anything
-- open. Needs the interpreter of the sanitizer build (spec/torture/lua.c).
local core = require "iflow.core"
local fault = require "fault"
local process = require "spec.support.process"

local authority = core.authority

-- For each port on standard input one exchange, for each exchange a line.
local snippet = [[
for line in sys.stdin:
    port = int(line)
    try:
        with connect(%q, %q) as s:
            s.settimeout(3)
            s.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            print(statuses(rest(s)) or "nothing", flush=True)
    except OSError:
        print("failed", flush=True)]]

local function issue(dir, name, over)
  local key = assert(authority.keypair { type = "ec" })
  local wanted = { subject = { { "CN", name } }, key = key }
  for option, value in pairs(over) do wanted[option] = value end
  local pem = assert(authority.issue(wanted))
  dir:write(name .. ".pem", pem .. key:private_pem())
  return pem, key
end

-- A client in another process: client.ask(port), then client.answer() once it is there.
local function start_client(dir)
  local root, root_key = issue(dir, "root", { ca = true })
  local server, server_key = issue(dir, "server", { server_auth = true, issuer = root,
    issuer_key = root_key, sans = { "DNS:localhost" } })
  issue(dir, "client", { client_auth = true })
  dir:write("ca.pem", root)
  local out, asked = dir:file "out", 0
  local words = snippet:format(dir:file "ca.pem", dir:file "client.pem")
  local pipe = assert(io.popen(("python3 spec/support/raw_client.py 0 %s >%s"):format(
    process.quote(words), out), "w"))
  local client = {
    identity = assert(core.identity.open { cert_pem = server, key_pem = server_key:private_pem() }),
  }
  function client.ask(port)
    pipe:write(port, "\n")
    pipe:flush()
    asked = asked + 1
  end
  local function answers()
    local lines = {}
    for line in (process.read(out) or ""):gmatch "[^\n]+" do lines[#lines + 1] = line end
    return lines
  end
  function client.answer() return answers()[asked] end
  function client.idle() return #answers() == asked end
  function client.stop() pipe:close() end
  return client
end

local function handler(req)
  local body, err = req:body()
  if not body then return nil, err end
  req:client_chain()
  req:begin(200, { ["X-A"] = "b" })
  req:write(body)
  req:finish()
end

-- Everything once: a server, a handshake, a request with a body in pieces, a streamed answer.
local function whole_path(client)
  local server <close>, err = core.server.new { tls = true, identity = client.identity,
    ask_client = true, refuse_without_eku = true, request = handler }
  if not server then return nil, err end
  client.ask(server:port())
  while not client.answer() do core.task.sleep(0.005) end
  return client.answer()
end

local function assert_nothing_open(what)
  for _ = 1, 20 do -- sockets end over a few turns of the loop
    collectgarbage()
    collectgarbage()
    local counts = core.task.counts()
    if counts.operations + counts.sockets + counts.timers == 0 then break end
    core.task.run(core.task.sleep, 0.001)
  end
  for kind, n in pairs(core.task.counts()) do
    assert.equal(0, n, ("%s open after %s"):format(kind, what))
  end
end

-- Lets the n-th event of the kind fail, for n = 1, 2, … until none of them happens. Returns n.
local function torture(client, kind)
  local n, fired = 1, true
  while fired do
    local what = ("failing %s %d"):format(kind, n)
    local ok, answer, err = pcall(function()
      fault.arm(kind, n)
      return core.task.run(whole_path, client)
    end)
    fired = fault.disarm()
    if not ok then assert.is_truthy(answer, what) end
    if ok and not answer then assert.is_string(err.code, what) end
    answer, err = nil, nil -- luacheck: ignore
    assert_nothing_open(what)
    process.wait_for("the client after " .. what, client.idle)
    n = n + 1
  end
  assert.equal("200", core.task.run(whole_path, client))
  return n
end

describe("a server", function()
  local dir, client

  setup(function()
    dir = process.tempdir()
    client = start_client(dir)
    core.log.capture(true)
  end)

  teardown(function()
    core.log.capture(false)
    client.stop()
    dir:close()
  end)

  -- Far fewer events than this and the path is not the whole one.
  local at_least = { malloc = 15, lua = 60, send = 3, recv = 3 }
  for kind, n in pairs(at_least) do
    it("survives failing " .. kind, function()
      assert.is_true(torture(client, kind) >= n)
    end)
  end
end)
