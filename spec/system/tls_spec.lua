-- TLS as nginx and OpenSSL's own server speak it, over 1.2 and 1.3: whom the client refuses, how it
-- is told that it is refused, sessions counted by the server, and what happens in the middle of
-- bodies. spec/unit/net/tls_spec.lua has the same questions for Python's servers.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"

local VERSIONS = { "1.2", "1.3" }
local DAY = 86400
local now = os.time()
local authority = core.authority
local dir = process.tempdir()

-- Certificates -----------------------------------------------------------------------------------

local LOCAL = { "DNS:localhost", "IP:127.0.0.1" }
local made = {}

--- Issues a certificate and writes NAME.pem, NAME.key, and NAME.chain with those in `chain`.
local function certificate(name, options)
  local signer = options.issuer and made[options.issuer]
  local key = options.key and made[options.key].key or assert(authority.keypair { type = "ec" })
  local wanted = {
    subject = options.subject or { { "O", "Example" }, { "CN", name } }, key = key,
    issuer = signer and signer.pem, issuer_key = signer and signer.key,
  }
  for _, field in ipairs { "ca", "sans", "server_auth", "client_auth", "not_before",
    "not_after" } do wanted[field] = options[field] end
  made[name] = { pem = assert(authority.issue(wanted)), key = key }
  local chain = made[name].pem
  for _, other in ipairs(options.chain or {}) do chain = chain .. made[other].pem end
  dir:write(name .. ".pem", made[name].pem)
  dir:write(name .. ".chain", chain)
  dir:write(name .. ".key", key:private_pem())
end

local function server_certificate(name, over)
  local options = { issuer = "Middle", chain = { "Middle" }, sans = LOCAL, server_auth = true }
  for option, value in pairs(over or {}) do options[option] = value end
  certificate(name, options)
end

local function client_certificate(name, over)
  local options = { issuer = "Middle", chain = { "Middle" }, client_auth = true }
  for option, value in pairs(over or {}) do options[option] = value end
  certificate(name, options)
end

local past = { not_before = now - 10 * DAY, not_after = now - DAY }
local later = { not_before = now + DAY, not_after = now + 10 * DAY }

local function make_certificates()
  certificate("Root", { ca = true })
  certificate("Other", { ca = true })
  certificate("Old", { ca = true, not_before = now - 20 * DAY, not_after = now - DAY })
  certificate("Middle", { ca = true, issuer = "Root" })
  certificate("Old Middle", { ca = true, issuer = "Root", not_before = past.not_before,
                              not_after = past.not_after })
  certificate("Leaf Middle", { issuer = "Root", server_auth = true })
  -- Root once more, by an authority that has expired: what Let's Encrypt's servers sent for years.
  certificate("Cross", { ca = true, key = "Root", issuer = "Old",
                         subject = { { "O", "Example" }, { "CN", "Root" } } })
  server_certificate("good")
  server_certificate("elsewhere", { sans = { "DNS:elsewhere.example" } })
  server_certificate("expired", past)
  server_certificate("future", later)
  server_certificate("stranger", { issuer = "Other", chain = { "Other" } })
  server_certificate("short", { chain = {} })
  server_certificate("behind-old", { issuer = "Old Middle", chain = { "Old Middle" } })
  server_certificate("behind-leaf", { issuer = "Leaf Middle", chain = { "Leaf Middle" } })
  server_certificate("for-clients", { server_auth = false, client_auth = true })
  server_certificate("crossed", { chain = { "Middle", "Cross", "Old" } })
  certificate("alone", { sans = LOCAL, server_auth = true })
  client_certificate("one")
  client_certificate("two")
  client_certificate("late", past)
  client_certificate("early", later)
  client_certificate("unknown", { issuer = "Other", chain = {} })
  client_certificate("unfit", { client_auth = false, server_auth = true })
end

make_certificates()

local function identity(name)
  return assert(core.identity.open { cert = dir:file(name .. ".chain"),
                                     key = dir:file(name .. ".key") })
end

-- nginx with a port for everything ---------------------------------------------------------------

local HEAD = [[
daemon off; worker_processes 1; pid $dir/pid; error_log $dir/error.log;
events { worker_connections 256; }
http {
  log_format told '$server_port $ssl_protocol $ssl_session_reused $ssl_client_s_dn';
  access_log $dir/access.log told;
  client_body_temp_path $dir/t1; proxy_temp_path $dir/t2; fastcgi_temp_path $dir/t3;
  uwsgi_temp_path $dir/t4; scgi_temp_path $dir/t5;
]]

local SERVER = [[
  server {
    listen 127.0.0.1:$port ssl; ssl_protocols $protocols; $more
    ssl_certificate "$dir/$cert.chain"; ssl_certificate_key "$dir/$cert.key";
    location / { return 200 fine; }
  }
]]

local FLAWED = { "elsewhere", "expired", "future", "stranger", "short", "behind-old", "behind-leaf",
  "for-clients", "crossed", "alone" }

local function fill(template, values)
  return (template:gsub("%$(%l+)%f[^%l_]", function(name) return values[name] end))
end

local function start_nginx()
  local ports, conf = {}, { fill(HEAD, { dir = dir.path }) }
  local function add(name, cert, protocols, more)
    ports[name] = process.free_port()
    conf[#conf + 1] = fill(SERVER, { port = ports[name], cert = cert, protocols = protocols,
                                     dir = dir.path, more = more or "" })
  end
  for _, name in ipairs(FLAWED) do add(name, name, "TLSv1.2 TLSv1.3") end
  for _, version in ipairs(VERSIONS) do
    local asks = ('ssl_client_certificate "%s"; ssl_verify_depth 3; '):format(dir:file "Root.pem")
    local cache = " ssl_session_cache shared:x:1m; ssl_session_tickets "
    local optional = asks .. "ssl_verify_client optional;" .. cache
    add("insists " .. version, "good", "TLSv" .. version, asks .. "ssl_verify_client on;")
    add("asks " .. version, "good", "TLSv" .. version, optional .. "on;")
    add("by ticket " .. version, "good", "TLSv" .. version, optional .. "on;")
    add("by number " .. version, "good", "TLSv" .. version, optional .. "off;")
  end
  conf[#conf + 1] = "}\n"
  local helper = process.start { "nginx", "-p", dir.path, "-e", "stderr", "-c",
    dir:write("nginx.conf", table.concat(conf)) }
  for _, port in pairs(ports) do process.wait_port(port, helper) end
  return helper, ports
end

-- The client -------------------------------------------------------------------------------------

local function get(port, over)
  local options = { url = ("https://localhost:%d/"):format(port), cacert = dir:file "Root.pem" }
  for name, value in pairs(over or {}) do options[name] = value end
  return core.http.request(options)
end

local function refuses(code, port, over)
  local answer, err = get(port, over)
  assert.is_nil(answer)
  assert.equal(code, err.code, err.message)
  assert.equal("nothing", err.sent)
  return err
end

local function names(err, ...)
  for _, name in ipairs { ... } do
    assert.is_truthy(err.message:find(name, 1, true), err.message)
  end
end

describe("with nginx", function()
  local nginx, ports

  setup(function() nginx, ports = start_nginx() end)
  teardown(function() nginx:stop() end)

  describe("the client refuses a certificate", function()
    it("for another name", async(function()
      refuses("tls.wrong_name", ports.elsewhere)
    end))

    it("out of its time, and says whose", async(function()
      names(refuses("tls.server_expired", ports.expired), "CN=expired")
      names(refuses("tls.server_expired", ports.future), "CN=future")
      names(refuses("tls.server_expired", ports["behind-old"]), "CN=Old Middle")
    end))

    it("by an unknown root, which it names with its fingerprint", async(function()
      local root = assert(core.cert.parse(made.Other.pem)).certificates[1]
      names(refuses("tls.untrusted", ports.stranger), "CN=stranger", "CN=Other",
        root.sha256:upper():gsub(":", ""), dir:file "Root.pem")
      names(refuses("tls.untrusted", ports.alone), "CN=alone")
    end))

    it("without its intermediate, which it names", async(function()
      names(refuses("tls.chain", ports.short), "CN=short", "CN=Middle")
    end))

    it("that is not for servers, or by one that is no authority", async(function()
      names(refuses("tls.untrusted", ports["for-clients"]), "CN=for-clients")
      names(refuses("tls.untrusted", ports["behind-leaf"]), "CN=Leaf Middle")
    end))

    it("but not for a surplus one that has expired", async(function()
      assert.equal("fine", assert(get(ports.crossed)).body)
    end))
  end)

  -- What nginx wrote down of its connections; the requests must have been answered.
  local function lines(port)
    local list = {}
    for line in (dir:read "access.log" or ""):gmatch "[^\n]+" do
      local rest = line:match("^" .. port .. " TLSv[%d.]+ (.*)")
      if rest then list[#list + 1] = rest end
    end
    return list
  end

  for _, version in ipairs(VERSIONS) do
    describe("over TLS " .. version, function()
      it("a certificate that is asked for is shown, none is fine", async(function()
        local port = ports["asks " .. version]
        local before = #lines(port) -- other tests come here, too, and may have left sessions
        assert.equal("fine", assert(get(port, { identity = identity "one" })).body)
        assert.equal("fine", assert(get(port)).body)
        process.wait_for("the log", function() return #lines(port) >= before + 2 end)
        local shown = {}
        for i, line in ipairs { table.unpack(lines(port), before + 1, before + 2) } do
          shown[i] = line:match "^[.r] (.*)$"
        end
        assert.same({ "CN=one,O=Example", "-" }, shown)
      end))

      it("one that nginx does not take is answered with 400", async(function()
        local port = ports["insists " .. version]
        for _, name in ipairs { "late", "early", "unknown", "unfit" } do
          assert.equal(400, assert(get(port, { identity = identity(name) })).status)
        end
        assert.equal(400, assert(get(port)).status)
        assert.equal(200, assert(get(port, { identity = identity "one" })).status)
      end))

      for _, kind in ipairs { "by ticket", "by number" } do
        it("sessions go on within an identity, never beyond: " .. kind, async(function()
          local port = ports[kind .. " " .. version]
          local expected, known = {}, {}
          for i, name in ipairs { "one", "one", "two", "one", "none", "two", "none" } do
            assert(get(port, { identity = name ~= "none" and identity(name) or nil }))
            core.http.drop_idle()
            expected[i] = (known[name] and "r " or ". ") ..
              (name == "none" and "-" or ("CN=%s,O=Example"):format(name))
            known[name] = true
          end
          process.wait_for("the log", function() return #lines(port) == #expected end)
          assert.same(expected, lines(port))
        end))
      end

      it("a session does not carry trust to another trust file", async(function()
        local port = ports["asks " .. version]
        for _ = 1, 2 do
          assert(get(port))
          core.http.drop_idle()
        end
        refuses("tls.untrusted", port, { cacert = dir:file "Other.pem" })
        refuses("tls.wrong_name", port, { url = ("https://a.localhost:%d/"):format(port) })
        assert(get(port))
      end))
    end)
  end
end)

describe("with openssl s_server", function()
  local function start(version, ...)
    local port = process.free_port()
    local helper = process.start { "openssl", "s_server", "-accept", "127.0.0.1:" .. port, "-cert",
      dir:file "good.pem", "-key", dir:file "good.key", "-cert_chain", dir:file "Middle.pem",
      "-CAfile", dir:file "Root.pem", "-tls1_" .. version:sub(-1), "-www", ... }
    process.wait_port(port, helper)
    helper.port = port
    return helper
  end

  for _, version in ipairs(VERSIONS) do
    describe("over TLS " .. version, function()
      it("a refused certificate is told as such, and nothing was sent", async(function()
        local server <close> = start(version, "-Verify", "3", "-verify_return_error")
        local bodies = { "x", ("x"):rep(3000000) }
        for _, name in ipairs { "late", "early", "unknown", "unfit" } do
          for _, body in ipairs(bodies) do
            refuses("tls.credentials_refused", server.port, { identity = identity(name),
              method = "POST", body = body })
          end
        end
        for _, body in ipairs(bodies) do
          refuses("tls.credentials_refused", server.port, { method = "POST", body = body })
        end
        assert.equal(200, assert(get(server.port, { identity = identity "one" })).status)
      end))

      it("a certificate that is asked for may be missing", async(function()
        local server <close> = start(version, "-verify", "3", "-verify_return_error")
        assert.equal(200, assert(get(server.port)).status)
        assert.matches("CN=one", assert(get(server.port, { identity = identity "one" })).body)
      end))
    end)
  end

  it("an older version is refused", async(function()
    local server <close> = start("1.1", "-cipher", "ALL:@SECLEVEL=0")
    refuses("tls.failed", server.port)
  end))
end)

describe("in the middle of bodies", function()
  local program

  setup(function()
    program = dir:file "tls_events"
    local built = process.run { "cc", "-O1", "-o", program, "spec/support/tls_events.c", "-lssl",
      "-lcrypto" }
    assert(built.code == 0, built.err)
  end)

  local function start(version, up, down, ...)
    local helper = process.start { program, dir:file "good.chain", dir:file "good.key",
      version:sub(-1), up, down, ... }
    helper.port = process.wait_for("the port", function()
      return (helper.dir:read "out" or ""):match "^(%d+)\n"
    end)
    return helper
  end

  local parts = {}
  for i = 1, 400000 // 6 do parts[i] = ("%06d"):format(i) end
  local BODY = table.concat(parts)

  for _, events in ipairs { "t", "k", "K", "tkKttK.", "...K" } do
    for _, way in ipairs { "up", "down", "both" } do
      it(("TLS 1.3 goes on with %s: %s"):format(events, way), async(function()
        local server <close> = start("1.3", way == "down" and "." or events,
          way == "up" and "." or events)
        local answer, err = get(server.port, { method = "POST", body = BODY })
        assert.equal(200, answer and answer.status, err and err.message)
        assert.is_true(answer.body == BODY)
        core.http.drop_idle()
        assert.matches("fine", server:wait().out)
      end))
    end
  end

  it("TLS 1.2 goes on", async(function()
    local server <close> = start("1.2", ".", ".")
    assert.is_true(assert(get(server.port, { method = "POST", body = BODY })).body == BODY)
  end))

  -- Apache asks for a certificate that way when only some paths want one.
  it("a renegotiation is refused; what was sent is in doubt", async(function()
    local body = BODY:sub(1, 20000)
    for _, name in ipairs { "one", "none" } do
      for sent, events in pairs { some = { "r", "." }, answered = { ".", "r" } } do
        local server <close> = start("1.2", events[1], events[2], dir:file "Root.pem")
        local answer, err = get(server.port, { method = "POST", body = body,
          identity = name == "one" and identity "one" or nil })
        assert.is_nil(answer)
        assert.equal("tls.failed " .. sent, err.code .. " " .. err.sent)
        assert.is_false(err.retryable)
        assert.matches("no renegotiation", server:wait().err)
      end
    end
  end))
end)
