-- The server's TLS side as curl, openssl and Python see it.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local raw = require "spec.support.raw_client"
local size = require "spec.support.size"

local authority = core.authority
local dir = process.tempdir()

-- Certificates ---------------------------------------------------------------------------------

local function key() return assert(authority.keypair { type = "ec" }) end

local root_key, mid_key = key(), key()
local root = assert(authority.issue { subject = { { "CN", "Root" } }, key = root_key, ca = true })
local mid = assert(authority.issue { subject = { { "CN", "Mid" } }, key = mid_key, ca = true,
  issuer = root, issuer_key = root_key })

-- Issues a leaf; its certificate with chain and its key are files NAME.pem, NAME.key and NAME.both.
local function leaf(name, over)
  local pair = key()
  local wanted = { subject = { { "CN", name } }, key = pair, issuer = mid, issuer_key = mid_key }
  for option, value in pairs(over) do wanted[option] = value end
  local pem = assert(authority.issue(wanted)) .. mid
  dir:write(name .. ".pem", pem)
  dir:write(name .. ".key", pair:private_pem())
  dir:write(name .. ".both", pem .. pair:private_pem())
  return pem, pair:private_pem()
end

local function identity(name)
  local pem, private = leaf(name, { server_auth = true,
    sans = { "DNS:localhost", "IP:127.0.0.1" } })
  return assert(core.identity.open { cert_pem = pem, key_pem = private })
end

dir:write("root.pem", root)
local now = os.time()
local server_id = identity "server"
leaf("client", { client_auth = true })
leaf("no-eku", {})
leaf("server-eku", { server_auth = true })
leaf("expired", { client_auth = true, not_before = now - 1000, not_after = now - 10 })
leaf("future", { client_auth = true, not_before = now + 1000 })

-- Servers and clients --------------------------------------------------------------------------

local function names_of(chain)
  if not chain then return "none" end
  local names = {}
  for i, pem in ipairs(chain) do
    names[i] = assert(core.cert.parse(pem)).certificates[1].subject:match "CN=([%w-]+)"
  end
  return table.concat(names, " ")
end

local function who(req)
  req:body()
  req:answer(200, nil, ("%s %s"):format(req.tls_version, names_of(req:client_chain())))
end

local function start(options)
  local wanted = { tls = true, identity = server_id, request = who }
  for name, value in pairs(options or {}) do wanted[name] = value end
  return assert(core.server.new(wanted))
end

local function curl(server, ...)
  local command = { "curl", "-sS", "--max-time", "50", "--cacert", dir:file "root.pem", ... }
  command[#command + 1] = ("https://localhost:%d/"):format(server:port())
  return process.run(command)
end

local function as(name)
  return "--cert", dir:file(name .. ".pem"), "--key", dir:file(name .. ".key")
end

-- One request by openssl s_client; further words are options.
local function s_client(server, ...)
  return process.run { stdin = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "openssl",
    "s_client", "-connect", "127.0.0.1:" .. server:port(), "-ign_eof", "-CAfile",
    dir:file "root.pem", "-servername", "localhost", ... }
end

describe("a TLS server", function()
  it("speaks 1.2 and 1.3", async(function()
    local server <close> = start()
    assert.equal("TLSv1.3 none", curl(server).out)
    assert.equal("TLSv1.2 none", curl(server, "--tls-max", "1.2").out)
    assert.equal(2, server:stats().handshakes)
  end))

  it("keeps to the versions it was given", async(function()
    local only13 <close> = start { min_tls = "1.3" }
    local only12 <close> = start { max_tls = "1.2" }
    assert.equal(35, curl(only13, "--tls-max", "1.2").code)
    assert.equal(35, curl(only12, "--tlsv1.3").code)
    assert.equal("TLSv1.2 none", curl(only12).out)
  end))

  it("carries large bodies both ways", async(function()
    local total = size.of(16 << 20, 1 << 30)
    local server <close> = start { request = function(req)
      local n = 0
      for piece in function() return req:read() end do n = n + #piece end
      req:begin(200)
      local piece = ("y"):rep(1 << 16)
      for _ = 1, total >> 16 do assert(req:write(piece)) end
      req:write(tostring(n))
      req:finish()
    end }
    local file = dir:write("upload", "")
    os.execute(("truncate -s %d %s"):format(total, file))
    for _, version in ipairs { "1.2", "1.3" } do
      local result = curl(server, "--tls-max", version, "-T", file, "-o", dir:file "download",
        "-w", "%{size_download}")
      assert.equal(tostring(total + #tostring(total)), result.out)
      local out <close> = assert(io.open(dir:file "download", "rb"))
      out:seek("end", -#tostring(total))
      assert.equal(tostring(total), out:read "a")
    end
  end, { limit = 120 }))

  it("chooses HTTP/1.1 when HTTP/2 is offered, too", async(function()
    local server <close> = start()
    assert.matches("server accepted http/1%.1", curl(server, "-v", "--http2").err)
  end))

  it("shows its new certificate to new connections", async(function()
    local server <close> = start()
    assert.matches("subject=CN = server\n", s_client(server).out)
    assert(server:set_identity(identity "renewed"))
    assert.matches("subject=CN = renewed\n", s_client(server).out)
    local plain <close> = assert(core.server.new { request = who })
    local ok, err = plain:set_identity(server_id)
    assert.is_nil(ok)
    assert.equal("usage.invalid", err.code)
  end))

  it("ends a peer that speaks something else, or nothing", async(function()
    local server <close> = start { head_timeout = "300ms" }
    assert.equal("False True", raw(server:port(), [[
print(b"HTTP" in ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ask(b"\x16\x03\x01") == b"")]]))
    assert.equal(2, server:stats().handshakes_failed)
    assert.equal("TLSv1.3 none", curl(server).out)
  end))

  it("survives peers that leave at any point", async(function()
    local long = "100s" -- none of them may be left to a time limit
    local server <close> = start { ask_client = true, head_timeout = long, idle_timeout = long,
      body_gap = long, request = function(req)
      local body = req:body()
      if not body then return end
      req:begin(200)
      repeat until not req:write(("x"):rep(65536))
    end }
    assert.equal("done", raw(server:port(), ([[
hello, out = ssl.MemoryBIO(), ssl.MemoryBIO()
context = ssl.create_default_context(cafile=%q)
tls = context.wrap_bio(hello, out, server_hostname="localhost")
try:
    tls.do_handshake()
except ssl.SSLWantReadError:
    pass
data = out.read()
for n in range(0, len(data), 7):
    s = connect()
    s.sendall(data[:n])
    reset(s) if n %% 2 else s.close()
post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"
for data in b"", b"GET / HTTP/1.1\r\n", post:
    for leave in socket.socket.close, reset:
        s = connect(%q)
        s.sendall(data)
        leave(s)
for _ in range(5):
    s = connect(%q)
    s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    s.recv(100)
    reset(s)
print("done")]]):format(dir:file "root.pem", dir:file "root.pem", dir:file "root.pem")))
    process.wait_for("the connections to end", function() return server:stats().open == 0 end)
  end))

  it("refuses renegotiation", async(function()
    local server <close> = start { request = function(req) req:read() end }
    local err = dir:file "reneg"
    local pipe <close> = io.popen(("openssl s_client -tls1_2 -connect 127.0.0.1:%d >%s 2>&1")
      :format(server:port(), err), "w")
    process.wait_for("the handshake", function() return server:stats().handshakes == 1 end)
    pipe:write "R\n"
    pipe:flush()
    process.wait_for("the refusal", function()
      return (process.read(err) or ""):find "no renegotiation"
    end)
  end))

  it("takes key updates and tickets in the middle of a body", async(function()
    local pieces = {}
    local server <close> = start { request = function(req)
      for piece in function() return req:read() end do pieces[#pieces + 1] = piece end
      req:answer(200, { Connection = "close" }, "got " .. table.concat(pieces))
    end }
    local out = dir:file "update"
    local pipe <close> = io.popen(("openssl s_client -tls1_3 -connect 127.0.0.1:%d >%s 2>&1")
      :format(server:port(), out), "w")
    local function say(text)
      pipe:write(text)
      pipe:flush()
    end
    process.wait_for("the handshake", function() return server:stats().handshakes == 1 end)
    say "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"
    process.wait_for("the first piece", function() return table.concat(pieces) == "abc" end)
    say "K\n" -- asks for an update from the other side, too
    process.wait_for("the update", function() return process.read(out):find "KEYUPDATE" end)
    say "defghij"
    process.wait_for("the answer", function() return process.read(out):find "got abcdefghij" end)
  end))
end)

describe("client certificates", function()
  it("are asked for, shown leaf first, and never needed", async(function()
    local server <close> = start { ask_client = true, ca_names = { root } }
    for _, version in ipairs { "1.2", "1.3" } do
      local tls = "TLSv" .. version
      assert.equal(tls .. " client Mid", curl(server, "--tls-max", version, as "client").out)
      assert.equal(tls .. " none", curl(server, "--tls-max", version).out)
    end
    assert.matches("Acceptable client certificate CA names\nCN = Root\n", s_client(server).out)
  end))

  it("of an unknown issuer are shown, too: what to do is the handler's business", async(function()
    local stranger = key()
    dir:write("stranger.pem", assert(authority.issue { key = stranger, client_auth = true,
      subject = { { "CN", "stranger" } } }))
    dir:write("stranger.key", stranger:private_pem())
    local server <close> = start { ask_client = true, refuse_without_eku = true,
      refuse_expired = true }
    assert.equal("TLSv1.3 stranger", curl(server, as "stranger").out)
  end))

  it("without clientAuth are refused in the handshake", async(function()
    local server <close> = start { ask_client = true, refuse_without_eku = true }
    for _, version in ipairs { "1.2", "1.3" } do
      for _, name in ipairs { "no-eku", "server-eku" } do
        local result = curl(server, "--tls-max", version, as(name))
        assert.equal("", result.out)
        assert.is_true(result.code == 35 or result.code == 56, "curl's code " .. result.code)
      end
      assert.matches("client Mid", curl(server, "--tls-max", version, as "client").out)
    end
    assert.equal(4, server:stats().handshakes_failed)
  end))

  it("out of their dates are refused with the alert that says so", async(function()
    local server <close> = start { ask_client = true, refuse_expired = true }
    for _, version in ipairs { "-tls1_2", "-tls1_3" } do
      for _, name in ipairs { "expired", "future" } do
        local result = s_client(server, version, "-cert", dir:file(name .. ".pem"), "-key",
          dir:file(name .. ".key"))
        assert.matches("alert certificate expired", result.err)
      end
    end
    local lax <close> = start { ask_client = true }
    assert.equal("TLSv1.3 expired Mid", curl(lax, as "expired").out)
  end))
end)

describe("TLS sessions", function()
  local words = { "-cert", dir:file "client.pem", "-key", dir:file "client.key", "-cert_chain",
    dir:write("mid.pem", mid) }

  it("are resumed, and a resumed connection still shows the whole chain", async(function()
    local server <close> = start { ask_client = true }
    for _, version in ipairs { "-tls1_2", "-tls1_3" } do
      local file = dir:file("session" .. version)
      local first = s_client(server, version, "-sess_out", file, table.unpack(words)).out
      local second = s_client(server, version, "-sess_in", file, table.unpack(words)).out
      assert.matches("New, TLSv", first)
      assert.matches("Reused, TLSv", second)
      assert.equal(first:match "TLSv[%d.]+ client [%w ]+", second:match "TLSv[%d.]+ client [%w ]+")
      assert.matches("client Mid", second)
    end
    assert.equal(2, server:stats().resumed)
  end))

  it("outlive a client that leaves without a word", async(function()
    local server <close> = start()
    assert.equal("False True", raw(server:port(), ([[
context = ssl.create_default_context(cafile=%q)
context.maximum_version = ssl.TLSVersion.TLSv1_2
def once(session):
    s = context.wrap_socket(socket.create_connection(("127.0.0.1", port)),
                            server_hostname="localhost", session=session)
    s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    s.recv(1000)
    reused, session = s.session_reused, s.session
    reset(s)
    return reused, session
reused, session = once(None)
print(reused, once(session)[0])]]):format(dir:file "root.pem")))
  end))

  it("do not carry a certificate over its end", async(function()
    leaf("brief", { client_auth = true, not_after = os.time() + 2 })
    local brief = { "-cert", dir:file "brief.pem", "-key", dir:file "brief.key" }
    local server <close> = start { ask_client = true, refuse_expired = true }
    local file = dir:file "brief-session"
    assert.matches("200 OK", s_client(server, "-sess_out", file, table.unpack(brief)).out)
    process.wait_for("the certificate to expire", function()
      return not s_client(server, "-sess_in", file, table.unpack(brief)).out:find "200 OK"
    end)
  end))

  it("are not shared with another server's identity", async(function()
    local server <close> = start()
    local file = dir:file "old-session"
    s_client(server, "-sess_out", file)
    assert(server:set_identity(identity "other"))
    assert.matches("New, TLSv", s_client(server, "-sess_in", file).out)
    assert.equal(0, server:stats().resumed)
  end))
end)
