-- Client certificates at the runtime: what the load balancer passes on, drops or refuses, and who
-- the worker takes the caller for (sap-reference 1.4, 3.4).
local async = require "spec.support.async"
local core = require "iflow.core"
local support = require "spec.support.sandbox"

local DAY = 86400

local function with(body, opts)
  return async(function()
    local sb <close> = support.start(opts)
    local flow = support.echo(sb, { csrf = false })
    local function call(fields)
      local all = { method = "POST", path = "/http/echo", body = "x" }
      for name, value in pairs(fields) do all[name] = value end
      return support.request(sb, "runtime", all)
    end
    body(sb, call, flow)
  end)
end

local function reason(answer)
  return core.json.decode(answer.body).error
end

local AS_JSON = { Accept = "application/json" }

describe("a direct client certificate", function()
  it("of SAP's making is enough", with(function(sb, call, flow)
    local key = support.key(sb, "certificate")
    assert.equal(200, call({ identity = support.identity(key) }).status)
    local entry = sb:log()[1]
    assert.same({ flow.name, key.oauth.clientid }, { entry.flow, entry.sender })
  end))

  it("of one's own is enough, once its root is listed", with(function(sb, call)
    local own = support.foreign_identity(sb, "balancer")
    support.key(sb, "external", { x509 = own.leaf })
    assert.equal(200, call({ identity = support.identity(own) }).status)
  end))

  it("is told to the flow", with(function(sb, call)
    local seen
    support.echo(sb, { address = "/seen", csrf = false, process = function(exchange)
      seen = exchange
      return 200, nil, "x"
    end })
    local key = support.key(sb, "certificate")
    call { path = "/http/seen", identity = support.identity(key),
           headers = { SSL_CLIENT_CERT = "forged", ["X-SSL-Client-Verify"] = "forged" } }
    assert.equal("certificate", seen.authenticated_by)
    local der = core.crypto.unbase64(seen.headers.ssl_client_cert)
    assert.equal(support.identity(key):fingerprint(), core.crypto.sha256(der))
    assert.is_nil(seen.headers["x-ssl-client-verify"])
  end))

  it("needs the role of the channel", with(function(sb, call)
    local key = support.key(sb, "certificate", { roles = { "Other.send" } })
    assert.equal(403, call({ identity = support.identity(key) }).status)
  end))

  it("yields to a token", with(function(sb, call)
    local bearer = support.bearer(sb, support.key(sb, "secret"))
    local stranger = support.foreign_identity(sb, "balancer")
    assert.equal(200, call({ identity = support.identity(stranger),
                             headers = { Authorization = bearer } }).status)
  end))

  it("that is in no key is refused by the worker", with(function(sb, call)
    local own = support.foreign_identity(sb, "both")
    local answer = call { identity = support.identity(own), headers = AS_JSON }
    assert.same({ 401, "invalid_client" }, { answer.status, reason(answer) })
    answer = call { identity = support.identity(own) }
    assert.matches("^<InvalidClientException><error>invalid_client</error>", answer.body)
  end))

  it("is refused once its key is deleted, within one call", with(function(sb, call)
    local key, instance, name = support.key(sb, "certificate")
    local identity = support.identity(key)
    assert.equal(200, call({ identity = identity }).status)
    assert(sb:delete_key(instance, name))
    assert.equal(401, call({ identity = identity }).status)
  end))

  it("of plan api does not open the runtime", with(function(sb, call)
    local key = support.key(sb, "certificate", { plan = "api", roles = { "MonitoringDataRead" } })
    assert.equal(401, call({ identity = support.identity(key) }).status)
  end))
end)

describe("the load balancer drops silently", function()
  local function dropped(answer)
    assert.equal(401, answer.status)
    -- The worker says that there is no credential at all, not that it is wrong.
    assert.equal("unauthorized", reason(answer))
  end

  it("a certificate whose chain reaches no listed root", with(function(sb, call)
    local own = support.foreign_identity(sb, "token")
    support.key(sb, "external", { x509 = own.leaf })
    dropped(assert(call { identity = support.identity(own) }))
  end))

  it("a certificate that comes without its intermediate", with(function(sb, call)
    local own = support.foreign_identity(sb, "balancer")
    support.key(sb, "external", { x509 = own.leaf })
    dropped(assert(call { identity = support.identity {
      chain = own.leaf, key_pem = own.key_pem } }))
  end))

  it("a self-signed certificate, even when it is in a key", with(function(sb, call)
    local pair = assert(core.authority.keypair { type = "ec" })
    local now = math.floor(core.task.now())
    local leaf = assert(core.authority.issue { subject = { { "CN", "self" } }, key = pair,
      client_auth = true, not_before = now - 60, not_after = now + DAY })
    support.key(sb, "external", { x509 = leaf })
    dropped(assert(call { identity = support.identity {
      chain = leaf, key_pem = pair:private_pem() } }))
  end))

  it("an expired one, if it is set so", with(function(sb, call)
    local now = math.floor(core.task.now())
    local own = support.foreign_identity(sb, "balancer", { not_before = now - 2 * DAY,
                                                           not_after = now - DAY })
    support.key(sb, "external", { x509 = own.leaf })
    dropped(assert(call { identity = support.identity(own) }))
  end, { settings = { expired_certificate = "drop" } }))
end)

describe("the load balancer refuses by a TLS alert", function()
  local function refused(call, identity)
    local answer, err = call { identity = identity }
    assert.is_nil(answer)
    assert.equal("tls.credentials_refused", err.code)
  end

  it("a certificate without the extended key usage clientAuth", with(function(sb, call)
    local own = support.foreign_identity(sb, "balancer", { client_auth = false })
    refused(call, support.identity(own))
    local server = support.foreign_identity(sb, "balancer", { client_auth = false,
                                                              server_auth = true })
    refused(call, support.identity(server))
  end))

  it("an expired certificate", with(function(sb, call)
    local now = math.floor(core.task.now())
    refused(call, support.identity(support.foreign_identity(sb, "balancer", {
      not_before = now - 2 * DAY, not_after = now - DAY })))
  end))
end)

describe("a balancer of one's own", function()
  it("passes the certificate on in a header", with(function(sb, call)
    local own = support.foreign_identity(sb)
    support.key(sb, "external", { x509 = own.leaf })
    local escaped = own.leaf:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end)
    assert.equal(200, call({ headers = { SSL_CLIENT_CERT = escaped } }).status)
    local bare = own.leaf:gsub("%-%-%-%-%-[^-]+%-%-%-%-%-", ""):gsub("%s", "")
    assert.equal(200, call({ headers = { SSL_CLIENT_CERT = bare } }).status)
    for _, value in ipairs { "", "nonsense", "%zz" } do
      assert.equal(401, call({ headers = { SSL_CLIENT_CERT = value } }).status)
    end
  end, { settings = { balancer = "foreign" } }))

  it("is not believed unless it was announced", with(function(sb, call)
    local own = support.foreign_identity(sb)
    support.key(sb, "external", { x509 = own.leaf })
    local bare = own.leaf:gsub("%-%-%-%-%-[^-]+%-%-%-%-%-", ""):gsub("%s", "")
    assert.equal(401, call({ headers = { SSL_CLIENT_CERT = bare } }).status)
  end))
end)
