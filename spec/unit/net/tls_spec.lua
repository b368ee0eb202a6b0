-- TLS as a client: whom to trust, how a refusal is told, sessions of one identity. The servers are
-- Python's ssl and openssl s_server.
local core = require "iflow.core"
local async = require "spec.support.async"
local openssl = require "spec.support.openssl"
local process = require "spec.support.process"
local wire = require "spec.support.wire"

local CA = { "basicConstraints = critical,CA:TRUE", "keyUsage = keyCertSign",
             "subjectKeyIdentifier = hash" }
local LOCAL = "subjectAltName = DNS:localhost,IP:127.0.0.1"

--- Root, intermediate, and leaves of every kind; made once.
local function make_pki(dir)
  openssl.pair(dir, { name = "root", subject = "/O=Example/CN=Wire Root", extensions = CA })
  openssl.pair(dir, { name = "middle", issuer = "root", subject = "/O=Example/CN=Wire CA",
                      extensions = CA, serial = "2" })
  openssl.pair(dir, { name = "other", subject = "/O=Other/CN=Other Root", extensions = CA })
  local function leaf(name, options)
    options.name, options.subject = name, "/O=Example/CN=" .. name
    options.issuer = options.issuer or "middle"
    openssl.pair(dir, options)
    dir:write(name .. ".chain", dir:read(name .. ".pem") .. dir:read "middle.pem")
  end
  leaf("server", { extensions = { LOCAL }, serial = "3" })
  leaf("elsewhere", { extensions = { "subjectAltName = DNS:elsewhere.example" }, serial = "4" })
  leaf("expired", { extensions = { LOCAL }, days = -1, serial = "5" })
  leaf("one", { extensions = { "extendedKeyUsage = clientAuth" }, serial = "6" })
  leaf("two", { extensions = { "extendedKeyUsage = clientAuth" }, serial = "7" })
  leaf("stranger", { issuer = "other", extensions = { "extendedKeyUsage = clientAuth" },
                     serial = "8" })
  leaf("late", { extensions = { "extendedKeyUsage = clientAuth" }, days = -1, serial = "9" })
  leaf("unfit", { extensions = { "extendedKeyUsage = serverAuth" }, serial = "10" })
  return dir
end

describe("TLS", function()
  local pki
  setup(function() pki = make_pki(process.tempdir()) end)
  teardown(function() pki:close() end)

  local function tls(options)
    local t = { cert = pki:file "server.chain", key = pki:file "server.key" }
    for k, v in pairs(options or {}) do t[k] = v end
    return t
  end

  local function serve(options, script)
    return wire.start({ script or { { "repeat", { { "head" }, { "all" },
      { "send", wire.answer "fine" } } } } }, { tls = tls(options) })
  end

  local function request(server, options)
    local o = { url = server.url, cacert = pki:file "root.pem" }
    for k, v in pairs(options or {}) do o[k] = v end
    return core.http.request(o)
  end

  local function identity(name)
    return assert(core.identity.open { cert = pki:file(name .. ".chain"),
                                       key = pki:file(name .. ".key") })
  end

  local function fails(code, server, options)
    local answer, err = request(server, options)
    assert.is_nil(answer)
    assert.equal(code, err.code)
    assert.equal("nothing", err.sent)
    return err
  end

  for _, version in ipairs { "1.2", "1.3" } do
    describe(version, function()
      local only = { min = version, max = version }
      local function with(more)
        for k, v in pairs(only) do more[k] = v end
        return more
      end

      it("works", async(function()
        local server <close> = serve(with {})
        assert.equal("fine", assert(request(server, { method = "POST", body = "x" })).body)
        assert.equal("fine", assert(request(server, { method = "POST",
          body = ("x"):rep(1000000) })).body)
      end))

      it("resumes sessions within an identity, never across", async(function()
        local server <close> = serve(with { client_ca = pki:file "root.pem" },
          { { "head" }, { "send", wire.answer("fine", "Connection: close\r\n") }, { "close" } })
        local one, two = identity "one", identity "two"
        for _, id in ipairs { one, one, two, two, one, false } do
          assert(request(server, { identity = id or nil }))
        end
        local list = server:connections(6)
        local seen = {}
        for i, c in ipairs(list) do seen[i] = (c.client or "none") .. " " .. tostring(c.resumed) end
        assert.same({ "one false", "one true", "two false", "two true", "one true", "none false" },
          seen)
      end))

      it("shows each identity's certificate on connections of its own", async(function()
        local server <close> = serve(with { client_ca = pki:file "root.pem" })
        local one, two = identity "one", identity "two"
        local before = core.http.stats().opened
        for _ = 1, 3 do
          for _, id in ipairs { one, two } do assert(request(server, { identity = id })) end
        end
        assert.equal(2, core.http.stats().opened - before)
        core.http.drop_idle()
        local list = server:connections(2)
        assert.same({ "one", "two" }, { list[1].client, list[2].client })
      end))

      it("tells a refused client certificate as such", async(function()
        local server <close> = serve(with { client_ca = pki:file "root.pem", need_client = true })
        for _, name in ipairs { "stranger", "late", "unfit" } do
          fails("tls.credentials_refused", server, { identity = identity(name), method = "POST",
                                                     body = "x" })
        end
        fails("tls.credentials_refused", server)
        fails("tls.credentials_refused", server, { method = "POST", body = ("x"):rep(3000000) })
        assert(request(server, { identity = identity "one" }))
      end))
    end)
  end

  describe("refuses a server", function()
    it("with a certificate for another name", async(function()
      local server <close> = serve { cert = pki:file "elsewhere.chain",
                                     key = pki:file "elsewhere.key" }
      fails("tls.wrong_name", server)
    end))

    it("with an expired certificate", async(function()
      local server <close> = serve { cert = pki:file "expired.chain", key = pki:file "expired.key" }
      local err = fails("tls.server_expired", server)
      assert.matches("CN=expired", err.message, 1, true)
    end))

    it("of an unknown root, which it names", async(function()
      local server <close> = serve()
      for _, trust in ipairs { pki:file "other.pem", false } do
        local answer, err = core.http.request { url = server.url, cacert = trust or nil }
        assert.is_nil(answer)
        assert.equal("tls.untrusted", err.code)
        assert.matches("CN=server", err.message, 1, true)
        assert.matches("CN=Wire Root", err.message, 1, true)
      end
    end))

    it("of an unknown root that it sends, with its fingerprint", async(function()
      local chain = pki:write("with-root.chain", pki:read "server.chain" .. pki:read "root.pem")
      local server <close> = serve { cert = chain }
      local err = fails("tls.untrusted", server, { cacert = pki:file "other.pem" })
      assert.matches("CN=Wire Root", err.message, 1, true)
      assert.matches("%x%x%x%x%x%x%x%x", err.message)
    end))

    it("that does not send its intermediate", async(function()
      local server <close> = serve { cert = pki:file "server.pem" }
      local err = fails("tls.chain", server)
      assert.matches("CN=Wire CA", err.message, 1, true)
      assert(request(server, { cacert = pki:file "middle.pem" }))
    end))

    it("that is self-signed", async(function()
      openssl.pair(pki, { name = "selfsigned", subject = "/CN=localhost", extensions = { LOCAL } })
      local server <close> = serve { cert = pki:file "selfsigned.pem",
                                     key = pki:file "selfsigned.key" }
      fails("tls.untrusted", server)
    end))

    it("that speaks no TLS", async(function()
      local server <close> = wire.start { { { "send", "HTTP/1.1 400 Bad\r\n\r\n" }, { "close" } } }
      local answer, err = core.http.request { url = server.url:gsub("^http", "https") }
      assert.is_nil(answer)
      assert.equal("tls.failed", err.code)
    end))

    it("that closes in the handshake", async(function()
      -- Not before it began: then it may be the connection that failed.
      local server <close> = wire.start { { { "body", 1 }, { "reset" } } }
      local answer, err = core.http.request { url = server.url:gsub("^http", "https") }
      assert.is_nil(answer)
      assert.equal("tls.failed", err.code)
      assert.is_true(err.retryable)
    end))
  end)

  it("says what is wrong with a trust file", async(function()
    local server <close> = serve()
    fails("file.not_found", server, { cacert = pki:file "nothing.pem" })
    fails("cert.invalid", server, { cacert = pki:write("empty.pem", "") })
    fails("cert.invalid", server, { cacert = pki:write("noise.pem", "noise\n") })
  end))

  it("offers HTTP/1.1 only", async(function()
    local server <close> = serve({ alpn = { "h2", "http/1.1" } },
      { { "head" }, { "send", wire.answer "fine" }, { "close" } })
    assert(request(server))
    assert.equal("http/1.1", server:connections(1)[1].alpn)
  end))

  it("takes an answer cut without close_notify as cut", async(function()
    local head = "HTTP/1.1 200 OK\r\n\r\nall of it"
    local good <close> = serve(nil, { { "head" }, { "send", head }, { "close" } })
    assert.equal("all of it", assert(request(good)).body)
    local cut <close> = serve(nil, { { "head" }, { "send", head }, { "abort" } })
    local answer, err = request(cut)
    assert.is_nil(answer)
    assert.equal("net.reset", err.code)
    assert.equal("answered", err.sent)
  end))

  describe("to a proxy", function()
    local function through(proxy, options)
      options.proxy, options.connect_timeout = proxy.url, 1
      return core.http.request(options)
    end

    it("never shows the client's certificate, which is for the server behind it", async(function()
      local proxy <close> = serve({ client_ca = pki:file "root.pem" }, { { "head" },
        { "send", "HTTP/1.1 200 OK\r\n\r\n" }, { "head" }, { "send", wire.answer "fine" },
        { "until_closed" } })
      for _, scheme in ipairs { "http", "https" } do
        through(proxy, { url = scheme .. "://far.example/", identity = identity "one",
                         cacert = pki:file "root.pem" })
        core.http.drop_idle()
      end
      for _, c in ipairs(proxy:connections(2)) do
        assert.is_nil(c.client)
        assert.matches("^CONNECT far%.example", c.read)
      end
    end))

    it("that is not trusted is the proxy's fault", async(function()
      local proxy <close> = serve()
      local answer, err = through(proxy, { url = "https://far.example/",
                                           cacert = pki:file "other.pem" })
      assert.is_nil(answer)
      assert.equal("net.proxy", err.code)
    end))
  end)

  it("survives key updates and tickets in the middle of bodies", async(function()
    local port = process.free_port()
    -- s_server takes what it reads from its input in one go for a command when it begins with K:
    -- new keys for both sides.
    local helper <close> = process.start { "sh", "-c", ([[
      { sleep 1; printf 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345'; sleep 1.5
        printf 'K\n'; sleep 1.5; printf '67890'; sleep 15; } |
      openssl s_server -accept %d -naccept 1 -cert %s -key %s -cert_chain %s -tls1_3 \
        -num_tickets 5 -msg
    ]]):format(port, pki:file "server.pem", pki:file "server.key", pki:file "middle.pem") }
    process.wait_port(port, helper)
    local answer, err = core.http.request { url = ("https://localhost:%d/"):format(port),
      cacert = pki:file "root.pem", method = "POST", body = ("x"):rep(100000), timeout = 30 }
    assert.equal(200, answer and answer.status, err and err.message)
    assert.equal("1234567890", answer.body)
    assert.is_truthy(helper:output():find(">>> TLS 1.3, Handshake [length 0005], KeyUpdate", 1,
      true))
  end))
end)
