-- The doctor on the way to a token: rows of sap-reference 8.1 about the network, TLS, certificates
-- and the token server, each made to happen.
local async = require "spec.support.async"
local core = require "iflow.core"
local doctor = require "spec.support.doctor"
local iflow = require "iflow"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"
local roots = require "iflow.roots"
local sandbox = require "spec.support.sandbox"
local tinyproxy = require "spec.support.tinyproxy"

-- body(land, first): first(kind, more, options) -> what is wrong, and the report
local function with(body, opts)
  return async(function()
    local land <close> = landscape.open(opts)
    local function first(kind, more, options)
      local report = doctor.run(land, kind, options, more)
      return doctor.first(report), report
    end
    body(land, first)
  end)
end

-- The tenant options of a key whose document was changed.
local function changed(land, kind, change)
  local key = land:key(kind)
  local oauth = {}
  for name, value in pairs(key.oauth) do oauth[name] = value end
  change(oauth)
  local path = land.dir:write("changed.json", core.json.encode { oauth = oauth })
  return { service_key = path, cacert = land.cacert, token_cache = false, cert = key.cert,
    key = key.key, proxy = "" }
end

local function is_private(path) assert(process.run { "chmod", "600", path }.code == 0) end

describe("iflow check", function()
  for _, kind in ipairs { "secret", "certificate" } do
    it("finds nothing wrong with a good key of type " .. kind, with(function(land)
      is_private(land:key(kind).path)
      local report = doctor.run(land, kind, { to = "/http/orders", role = "ESBMessaging.send" })
      assert.same({ fine = true, unknown = true }, doctor.verdicts(report))
      assert.same({ "unknown", 0 }, { report.verdict, report.exit_code })
      assert.is_nil(land.sb:counters().flows.orders) -- nothing ran
    end))
  end

  it("goes the direct way with a certificate, and with Basic", with(function(land)
    local report = doctor.run(land, "certificate", { auth = "certificate" })
    assert.equal("fine", doctor.step(report, "runtime")[1].verdict)
    assert.same({}, doctor.step(report, "token"))
    report = doctor.run(land, "secret", { auth = "basic" })
    assert.equal("fine", doctor.step(report, "runtime")[1].verdict)
    assert.equal(1, #doctor.step(report, "tls"))
  end))

  it("skips what needs a step that failed, and says which", with(function(land)
    local report = doctor.run(land, "secret", nil, { cacert = land.dir:write("other.pem",
      process.read(land:authority().cert)) })
    local skipped = doctor.step(report, "token server")[1]
    assert.equal("skipped", skipped.verdict)
    assert.truthy(skipped.evidence:find("tls", 1, true))
    assert.equal(2, report.exit_code)
  end))

  it("raises for options that are none", with(function(land)
    local tenant <close> = assert(iflow.tenant(land:tenant_options "secret"))
    assert.error_matches(function() tenant:check { two = "/http/x" } end, "'to'")
    assert.error_matches(function() tenant:check { to = 5 } end, "'to'")
    assert.error_matches(function() tenant:check { auth = "none" } end, "'auth'")
  end))
end)

describe("iflow check names, before TLS:", function()
  it("files that others can read", with(function(land)
    assert(process.run { "chmod", "644", land:key("secret").path }.code == 0)
    assert.equal("readable_by_others",
      doctor.step(doctor.run(land, "secret"), "configuration")[2].cause)
  end))

  it("a host name that is none", with(function(land, first)
    local options = changed(land, "secret", function(oauth)
      oauth.tokenurl = "https://acme.authentication.invalid/oauth/token"
    end)
    assert.same({ "dns", "name_unknown", "net.dns" }, first(nil, options))
  end))

  it("a port where nobody listens", with(function(land, first)
    local options = changed(land, "secret", function(oauth)
      oauth.url = "https://localhost:" .. process.free_port()
    end)
    assert.same({ "tcp", "unreachable", "net.connect" }, first(nil, options))
  end))

  it("a proxy that is not there, and one that wants a password", with(function(land, first)
    local gone = ("http://127.0.0.1:%d"):format(process.free_port())
    assert.same({ "proxy", "proxy", "net.proxy" }, first("secret", { proxy = gone }))
    local proxy <close> = tinyproxy.start { dir = land.dir, auth = { "joe", "secret" } }
    assert.same({ "proxy", "proxy_credentials", "net.proxy_auth" },
      first("secret", { proxy = proxy.url }))
    proxy:stop()
  end))

  it("a proxy on the way", with(function(land)
    local proxy = tinyproxy.start { dir = land.dir }
    local report = doctor.run(land, "secret", nil, { proxy = proxy.url })
    assert.truthy(doctor.step(report, "proxy")[1].evidence:find(tostring(proxy.port), 1, true))
    assert.equal("fine", doctor.step(report, "runtime")[1].verdict)
    proxy:stop()
  end, { hostname = "localhost" }))
end)

describe("iflow check names, of the server's TLS:", function()
  it("a root that is missing, and its SHA-256 or its name", with(function(land)
    local report = doctor.run(land, "secret", nil, { cacert = land:authority().cert })
    local result = doctor.step(report, "tls")[1]
    assert.truthy(result.cause == "root_missing" or result.cause == "intermediate_missing")
    assert.truthy(result.evidence:find("SAP Cloud Root CA (iflow sandbox)", 1, true))
    assert.truthy(result.next_step:find("iflow cert fetch", 1, true))
  end))

  it("nothing, when its root is trusted beside the system's", with(function(land)
    local options = land:tenant_options("secret", { trust = land.cacert })
    options.cacert = nil
    local report = doctor.run(land, nil, { to = "/http/orders" }, options)
    assert.equal("fine", doctor.step(report, "tls")[1].verdict)
    assert.equal("fine", doctor.step(report, "runtime")[1].verdict)
    assert.equal(0, report.exit_code)
  end))

  for fault, cause in pairs { expired = "server_expired", ["wrong-name"] = "wrong_name" } do
    it("a certificate that is " .. fault, with(function(land, first)
      assert(land.sb:fault("runtime:certificate=" .. fault))
      local found, report = first "secret"
      assert.same({ "tls", cause }, { found[1], found[2] })
      -- The token server is another place, and goes on.
      assert.equal("fine", doctor.step(report, "token")[1].verdict)
    end))
  end
end)

describe("iflow check names, of the client certificate:", function()
  local function external(land, over)
    local own = sandbox.foreign_identity(land.sb, "both", over)
    local document = assert(land.sb:create_key { instance = "orders", name = "own",
      type = "external", x509 = own.leaf })
    return { service_key = land.dir:write("own.json", core.json.encode(document)),
      cert = land.dir:write("own.pem", own.chain), key = land.dir:write("own.key", own.key_pem),
      cacert = land.cacert, token_cache = false }, own.root
  end

  it("a missing clientAuth, here and in the handshake", with(function(land)
    local options = external(land, { client_auth = false, server_auth = true })
    local report = doctor.run(land, nil, { auth = "certificate" }, options)
    local seen = {}
    for _, result in ipairs(doctor.step(report, "client certificate")) do
      seen[result.cause] = true
    end
    assert.is_true(seen.certificate_usage and seen.client_certificate_refused)
    assert.equal(2, report.exit_code) -- what is wrong with the file comes first
  end))

  it("an authority that is in none of SAP's lists, though this tenant takes it", with(
    function(land)
      local options, root = external(land)
      options.cert = land.dir:write("all.pem", process.read(options.cert) .. root)
      for auth, list in pairs { certificate = "load balancer", token = "token server" } do
        local report = doctor.run(land, nil, { auth = auth }, options)
        local lists = {}
        for _, result in ipairs(doctor.step(report, "client certificate")) do
          if result.cause == "certificate_list" then lists[#lists + 1] = result.evidence end
        end
        assert.equal(1, #lists)
        assert.truthy(lists[1]:find(list, 1, true))
        assert.equal("fine", doctor.step(report, "runtime")[1].verdict)
      end
      -- A list of one's own has it.
      local row = { subject = "CN=own", sha256 = core.cert.parse(root).certificates[1].sha256 }
      local path = land.dir:write("roots.json", core.json.encode { name = "own", roots = { row } })
      local lists = assert(roots.load { load_balancer = path, token_server = path })
      local report = doctor.run(land, nil, { roots = lists, offline = true }, options)
      assert.equal("fine", doctor.step(report, "client certificate")[1].verdict)
    end))

  it("one that has expired", with(function(land)
    local now = math.floor(core.task.now())
    local options = external(land, { not_before = now - 2000, not_after = now - 1000 })
    local report = doctor.run(land, nil, { auth = "certificate" }, options)
    assert.same({ "validity", "ended", "cert.expired" }, doctor.first(report))
    assert.equal("skipped", doctor.step(report, "client certificate")[1].verdict)
  end))

  it("a load balancer that drops it, since it cannot build the chain", with(function(land)
    local options = external(land)
    options.cert = land.dir:write("leaf.pem", process.read(options.cert):match
      "^.-%-%-%-%-%-END CERTIFICATE%-%-%-%-%-\n")
    local report = doctor.run(land, nil, { auth = "certificate" }, options)
    assert.equal("certificate_not_forwarded", doctor.step(report, "runtime")[1].cause)
  end))

  it("a certificate that is in no key, and a trial tenant", with(function(land)
    assert(land.sb:fault "runtime:deleted")
    local report = doctor.run(land, "certificate", { auth = "certificate" })
    assert.equal("certificate_in_no_key", doctor.step(report, "runtime")[1].cause)
    assert.equal(3, report.exit_code)
  end))

  it("that there is none for a direct call", with(function(_, first)
    assert.same({ "client certificate", "client_certificate_missing", "cert.missing" },
      first("secret", nil, { auth = "certificate" }))
  end))
end)

describe("iflow check names, of the token server:", function()
  local function at_cert_host(land)
    return changed(land, "secret", function(oauth)
      oauth.tokenurl = land.sb.endpoints.token_cert:match "^https://[^/]+" .. "/oauth/token"
    end)
  end

  for _, way in ipairs { "401", "reset" } do
    it("a secret at the host for certificates: " .. way, with(function(land, first)
      assert.equal("secret_at_certificate_host", first(nil, at_cert_host(land))[2])
    end, { settings = { secret_at_cert_host = way } }))
  end

  it("a certificate at the host for secrets", with(function(land, first)
    local options = changed(land, "certificate", function(oauth)
      oauth.tokenurl = land.sb.endpoints.token:match "^https://[^/]+" .. "/oauth/token"
    end)
    assert.same({ "token server", "certificate_at_plain_host", "token.rejected" },
      first(nil, options))
  end))

  it("a secret that was changed, and a key that was deleted", with(function(land, first)
    local options = changed(land, "secret", function(oauth) oauth.clientsecret = "other" end)
    assert.same({ "token server", "secret_refused", "token.rejected" }, first(nil, options))
    assert(land.sb:fault "token_cert:deleted")
    assert.equal("certificate_unknown", first("certificate")[2])
  end))

  it("a grant type that the instance lacks", with(function(land, first)
    local key = land:other_key { "ESBMessaging.send" }
    local document = sandbox.key(land.sb, "secret", { grant_types = { "password" } })
    assert.is_string(key.clientid)
    local path = land.dir:write("grant.json", core.json.encode(document))
    assert.same({ "token server", "grant_type", "token.grant_type" },
      first(nil, { service_key = path, cacert = land.cacert, token_cache = false }))
  end))

  it("a scope that is not owned", with(function(_, first)
    assert.same({ "token server", "scope", "token.scope" }, first("secret", { scope = "x.y" }))
  end))

  it("another subdomain", with(function(land, first)
    local options = changed(land, "secret", function(oauth)
      oauth.tokenurl = oauth.tokenurl:gsub("acme%-dev", "other-dev")
    end)
    local found = first(nil, options)
    assert.truthy(found[2] == "tenant_unknown" or found[1] == "dns" or found[1] == "tls")
  end))

  it("too many requests, a server that is down, a page instead of a token", with(
    function(land, first)
      for fault, cause in pairs { ["429=0s"] = "token_limit", html = "no_token_answer",
                                  ["500"] = "token_server_down", ["503"] = "token_server_down", } do
        land.sb:clear_faults()
        assert(land.sb:fault("token:" .. fault))
        assert.equal(cause, first("secret")[2])
      end
    end))
end)
