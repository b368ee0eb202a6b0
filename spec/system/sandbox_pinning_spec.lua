-- Pin Certificate of external keys (sap-reference 2.3): on, only the very certificate; off, any of
-- the same names, but never back to an older one; conflicts are found when somebody calls.
local async = require "spec.support.async"
local core = require "iflow.core"
local support = require "spec.support.sandbox"

local HOUR = 3600

-- An authority both lists know: issue(name, not_before) -> { chain, leaf, key_pem }.
local function authority(sb)
  local now = math.floor(core.task.now())
  local ca_key = assert(core.authority.keypair { type = "ec" })
  local ca = assert(core.authority.issue { subject = { { "CN", "Partner root" } }, key = ca_key,
    ca = true, not_before = now - 1000 * HOUR, not_after = now + 1000 * HOUR })
  assert(sb:trust(ca, "both"))
  return function(name, not_before)
    local key = assert(core.authority.keypair { type = "ec" })
    local leaf = assert(core.authority.issue { subject = { { "O", "Partner" }, { "CN", name } },
      key = key, client_auth = true, issuer = ca, issuer_key = ca_key,
      not_before = not_before or now - 10 * HOUR, not_after = now + 100 * HOUR })
    return { chain = leaf, leaf = leaf, key_pem = key:private_pem() }
  end, now
end

local function external(sb, own, pin)
  return (support.key(sb, "external", { x509 = own.leaf, pin = pin }))
end

local function call(sb, own)
  return assert(support.request(sb, "runtime", { method = "POST", path = "/http/echo", body = "x",
    identity = support.identity(own), headers = { Accept = "application/json" } }))
end

local function token_status(sb, own, document)
  local id = document.oauth.clientid:gsub("[^%w-]", function(c)
    return ("%%%02X"):format(c:byte())
  end)
  return support.ask_token(sb, "token_cert", { identity = support.identity(own),
    form = "grant_type=client_credentials&client_id=" .. id }).status
end

local function refused(answer)
  assert.equal(401, answer.status)
  assert.equal("invalid_client", core.json.decode(answer.body).error)
end

describe("a key with pinning", function()
  it("takes its certificate and no renewed one", async(function()
    local sb <close> = support.start()
    support.echo(sb, { csrf = false })
    local issue, now = authority(sb)
    local first, renewed = issue "a", issue("a", now - HOUR)
    local key = external(sb, first)
    assert.equal(200, call(sb, first).status)
    refused(call(sb, renewed))
    assert.same({ 200, 401 }, { token_status(sb, first, key), token_status(sb, renewed, key) })
  end))
end)

describe("a key without pinning", function()
  it("takes a newer certificate of the same names, which ends the older", async(function()
    local dir <close> = require "spec.support.process".tempdir()
    local first, renewed, older
    do
      local sb <close> = support.start { dir = dir:file "sb" }
      support.echo(sb, { csrf = false })
      local issue, now = authority(sb)
      first, renewed, older = issue "a", issue("a", now - HOUR), issue("a", now - 20 * HOUR)
      external(sb, first, false)
      refused(call(sb, older))
      for _ = 1, 2 do assert.equal(200, call(sb, first).status) end
      for _ = 1, 2 do assert.equal(200, call(sb, renewed).status) end
      refused(call(sb, first))
      refused(call(sb, issue "b"))
    end
    local sb <close> = support.start { dir = dir:file "sb" } -- a restart does not forget
    support.echo(sb, { csrf = false })
    assert.equal(200, call(sb, renewed).status)
    refused(call(sb, first))
  end))

  it("does the same at the token server, where a fresh one is always taken", async(function()
    local sb <close> = support.start()
    local issue, now = authority(sb)
    local first, renewed, fresh = issue "a", issue("a", now - HOUR), issue("a", now - 300)
    local newest = issue("a", now - 200)
    local key = external(sb, first, false)
    assert.equal(200, token_status(sb, renewed, key))
    assert.equal(401, token_status(sb, first, key))
    assert.equal(200, token_status(sb, newest, key))
    assert.equal(200, token_status(sb, fresh, key)) -- older, but not ten minutes old
    assert.equal(401, token_status(sb, renewed, key))
    assert.equal(401, token_status(sb, issue "b", key))
  end))

  it("conflicts with another of its names, pinned or not", async(function()
    local sb <close> = support.start()
    support.echo(sb, { csrf = false })
    local issue, now = authority(sb)
    for _, pin in ipairs { true, false } do
      local name = "clone " .. tostring(pin)
      local first, second = issue(name), issue(name, now - HOUR)
      external(sb, first, false)
      assert.equal(200, call(sb, first).status)
      external(sb, second, pin)
      refused(call(sb, first))
      refused(call(sb, second))
    end
    local a, b = issue "both pinned", issue("both pinned", now - HOUR)
    external(sb, a, true)
    external(sb, b)
    assert.same({ 200, 200 }, { call(sb, a).status, call(sb, b).status })
  end))
end)

describe("the lists of roots", function()
  it("can be shown, and roots taken off again", async(function()
    local sb <close> = support.start()
    support.echo(sb, { csrf = false })
    local own = support.foreign_identity(sb, "both")
    support.key(sb, "external", { x509 = own.leaf })
    assert.equal(200, call(sb, own).status)
    local root = sb:trust().balancer[2]
    assert.matches("root", root.subject)
    assert.is_false(root.own)
    assert.same({ root.subject }, sb:untrust(root.sha256, "balancer"))
    assert.equal(401, call(sb, own).status)
    assert.same({ 1, 1 }, { #sb:trust().balancer, #sb:trust().token })
    for _, wrong in ipairs { { root.sha256, "balancer" }, { root.sha256, "else" },
                             { sb:trust().balancer[1].sha256, "both" } } do
      assert.equal("sandbox.refused", select(2, sb:untrust(wrong[1], wrong[2])).code)
    end
  end))

  it("do not matter to a trial tenant, which takes no certificate", async(function()
    local sb <close> = support.start { settings = { trial = true } }
    support.echo(sb, { csrf = false })
    local key = support.key(sb, "certificate")
    local answer = assert(support.request(sb, "runtime", { method = "POST", path = "/http/echo",
      body = "x", identity = support.identity(key), headers = { Accept = "application/json" } }))
    refused(answer)
  end))

  it("drop an expired certificate or refuse it, as it is set while running", async(function()
    local sb <close> = support.start()
    local now = math.floor(core.task.now())
    local function ask() -- with a certificate of its own, so that no handshake is spared
      local own = support.foreign_identity(sb, "both", { not_before = now - 999,
                                                         not_after = now - 9 })
      return support.request(sb, "runtime", { method = "POST", path = "/http/echo", body = "x",
                                              identity = support.identity(own) })
    end
    assert.equal("tls.credentials_refused", select(2, ask()).code)
    assert(sb:settings { expired_certificate = "drop" })
    assert.equal(401, assert(ask()).status)
    assert(sb:settings { expired_certificate = "" })
    assert.equal("tls.credentials_refused", select(2, ask()).code)
  end))
end)
