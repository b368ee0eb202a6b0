-- core.probe against openssl's server, tinyproxy and servers that are none.
local async = require "spec.support.async"
local core = require "iflow.core"
local openssl = require "spec.support.openssl"
local process = require "spec.support.process"
local tinyproxy = require "spec.support.tinyproxy"

local dir = process.tempdir()
local pki = openssl.pki(dir, "ec")
local server = { "serverAuth", "subjectAltName = DNS:localhost, IP:127.0.0.1" }

local function leaf(name, usage, extra, days)
  local extensions = { "basicConstraints = CA:FALSE", "extendedKeyUsage = " .. usage, extra }
  return openssl.pair(dir, { name = name, issuer = "intermediate", subject = "/CN=" .. name,
    extensions = extensions, days = days })
end

leaf("server", table.unpack(server))
leaf("late", server[1], server[2], "-1")
leaf("sender", "clientAuth")
openssl.pair(dir, { name = "stranger", subject = "/CN=stranger" })

-- Starts "openssl s_server"; further words are options of it.
local function serve(name, ...)
  local port = process.free_port()
  local helper = process.start { "openssl", "s_server", "-quiet", "-accept", "127.0.0.1:" .. port,
    "-cert", dir:file(name .. ".pem"), "-key", dir:file(name .. ".key"), ... }
  process.wait_port(port, helper)
  helper.port = port
  return helper
end

local function probe(helper, over)
  local options = { host = "127.0.0.1", port = helper.port, cacert = dir:file "root.pem",
    timeout = 30, proxy = "" }
  for name, value in pairs(over or {}) do options[name] = value end
  return core.probe.tls(options)
end

local function identity(name)
  return assert(core.identity.open { cert = dir:file(name .. ".pem"),
    key = dir:file(name .. ".key") })
end

local function with_chain(name) return name, "-cert_chain", dir:file "intermediate.pem" end

describe("core.probe.tls", function()
  it("sees what the server serves, stage by stage", async(function()
    local helper = serve(with_chain "server")
    local seen = assert(probe(helper))
    assert.equal("127.0.0.1:" .. helper.port, seen.address)
    assert.equal("TLSv1.3", seen.protocol)
    assert.is_string(seen.cipher)
    assert.same({ pki.intermediate.cert }, { seen.chain[2] })
    assert.equal(2, #seen.chain)
    assert.is_true(seen.verified and seen.host_matches)
    assert.is_nil(seen.verify_reason)
    assert.is_false(seen.asked_client)
    assert.same({}, seen.ca_names)
    assert.is_true(seen.times.tcp >= 0 and seen.times.tls >= 0)
    assert.is_nil(seen.times.proxy)
    assert.equal("", helper.dir:read "out") -- all that openssl got to read
    helper:stop()
  end))

  it("speaks the versions it is told", async(function()
    local helper = serve("server", "-tls1_2")
    assert.equal("TLSv1.2", assert(probe(helper)).protocol)
    local _, err = probe(helper, { min_tls = "1.3" })
    assert.same({ "tls.failed", "tls" }, { err.code, err.stage })
    assert.is_string(err.alert)
    helper:stop()
  end))

  describe("judges and goes on:", function()
    local function verdict(over, ...)
      local helper = serve(...)
      local seen = assert(probe(helper, over))
      helper:stop()
      assert.is_false(seen.verified)
      assert.is_string(seen.verify_reason)
      return seen.trust.code, #seen.chain
    end

    it("a root that is not known", async(function()
      local other = { cacert = dir:file "stranger.pem" }
      assert.same({ "tls.untrusted", 2 }, { verdict(other, with_chain "server") })
    end))

    it("an intermediate that is not served", async(function()
      assert.same({ "tls.chain", 1 }, { verdict(nil, "server") })
    end))

    it("a certificate that has expired", async(function()
      assert.same({ "tls.server_expired", 2 }, { verdict(nil, with_chain "late") })
    end))

    it("a certificate by the system's roots, when no file is named", async(function()
      local helper = serve(with_chain "server")
      local seen = assert(core.probe.tls { host = "localhost", port = helper.port, proxy = "" })
      assert.is_false(seen.verified)
      assert.is_true(seen.host_matches)
      helper:stop()
    end))

    it("a certificate of another name", async(function()
      local helper = serve(with_chain "server")
      local seen = assert(probe(helper, { server_name = "tenant.example" }))
      assert.is_true(seen.verified)
      assert.is_false(seen.host_matches)
      helper:stop()
    end))
  end)

  describe("with a server that asks for a client certificate", function()
    local asks = { "-Verify", "3", "-verify_return_error", "-CAfile", dir:file "root.pem" }
    for _, version in ipairs { "1.2", "1.3" } do
      local function start()
        local flag = "-tls" .. version:gsub("%.", "_")
        return serve("server", "-cert_chain", dir:file "intermediate.pem", flag,
          table.unpack(asks))
      end

      it("shows whom it would accept, and its refusal of none, by TLS " .. version, async(function()
        local helper = start()
        local seen, err = probe(helper)
        assert.is_nil(seen)
        assert.same({ "tls.credentials_refused", "tls" }, { err.code, err.stage })
        assert.is_string(err.alert)
        assert.equal(2, #err.seen.chain)
        assert.is_true(err.seen.asked_client and err.seen.verified)
        assert.equal(1, #err.seen.ca_names)
        assert.truthy(err.seen.ca_names[1]:find("Example Root CA", 1, true))
        helper:stop()
      end))

      it("sees that one is refused, by TLS " .. version, async(function()
        local helper = start()
        local stranger <close> = identity "stranger"
        local _, err = probe(helper, { identity = stranger })
        assert.same({ "tls.credentials_refused", true }, { err.code, err.seen.asked_client })
        helper:stop()
      end))

      it("sees that one is taken, by TLS " .. version, async(function()
        local helper = start()
        local sender <close> = assert(core.identity.open { key = dir:file "sender.key",
          cert = dir:write("sender.chain", dir:read "sender.pem" .. pki.intermediate.cert) })
        local seen = assert(probe(helper, { identity = sender }))
        assert.equal("TLSv" .. version, seen.protocol)
        assert.is_true(seen.asked_client)
        assert.equal("", helper.dir:read "out")
        helper:stop()
      end))
    end
  end)

  it("goes by a proxy, and names it", async(function()
    local helper, through = serve(with_chain "server"), tinyproxy.start { dir = dir }
    local seen = assert(probe(helper, { proxy = through.url }))
    assert.equal(("127.0.0.1:%d"):format(through.port), seen.proxy)
    assert.is_true(seen.verified and seen.times.proxy >= 0)
    through:stop()
    local _, err = probe(helper, { proxy = through.url })
    assert.same({ "net.proxy", "proxy" }, { err.code, err.stage })
    helper:stop()
  end))

  describe("says at which stage it ended:", function()
    it("a name that is none", async(function()
      local _, err = core.probe.tls { host = "nobody.invalid", timeout = 30, proxy = "" }
      assert.equal("dns", err.stage)
      assert.same({}, err.seen.chain)
    end))

    it("a port where nobody listens", async(function()
      local _, err = probe { port = process.free_port() }
      assert.same({ "net.connect", "tcp" }, { err.code, err.stage })
    end))

    local function answered(handler, over)
      local listener = assert(core.server.new { request = handler })
      local _, err = probe({ port = listener:port() }, over)
      listener:close()
      return { err.code, err.stage }
    end

    it("a server that speaks no TLS", async(function()
      assert.same({ "tls.failed", "tls" }, answered(function(req) req:answer(200) end))
    end))
  end)

  it("ends in its time, whatever the server does", async(function()
    local port = process.free_port()
    local silent = process.start { "python3", "-c", [[
import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1]))); held = []
while True: held.append(s.accept())
]], tostring(port) }
    process.wait_port(port, silent)
    local _, err = probe({ port = port }, { timeout = 0.2 })
    assert.same({ "net.connect_timeout", "tls" }, { err.code, err.stage })
    silent:stop()
  end))

  it("is given up with its task", async(function()
    local port = process.free_port()
    local silent = process.start { "python3", "-c", [[
import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1]))); held = []
while True: held.append(s.accept())
]], tostring(port) }
    process.wait_port(port, silent)
    local task = core.task.spawn(function() return probe { port = port } end)
    core.task.sleep(0.05)
    task:cancel()
    local _, err = task:join()
    assert.equal("task.canceled", err.code)
    silent:stop()
  end))

  it("raises for what is wrongly written, and returns what files have", async(function()
    assert.error_matches(function() core.probe.tls { hots = "x" } end, "host")
    assert.error_matches(function() core.probe.tls { host = "x", port = 70000 } end, "port")
    local _, err = core.probe.tls { host = "localhost", cacert = dir:file "none.pem" }
    assert.same({ "file.not_found" }, { err.code, err.stage })
  end))
end)
