-- What `iflow service-key check` finds, item by item.
local checks = require "iflow.cli.key_checks"
local core = require "iflow.core"
local openssl = require "spec.support.openssl"
local process = require "spec.support.process"

local dir, pki

setup(function()
  dir = process.tempdir()
  pki = openssl.pki(dir, "ec")
  pki.leaf = openssl.pair(dir, { name = "leaf", issuer = "intermediate", days = 20,
    subject = "/CN=leaf", extensions = { "extendedKeyUsage = clientAuth" } })
end)

teardown(function() dir:close() end)

local function key_of(certificate, key, tokenurl)
  local fields = { clientid = "sb-1!b2", certificate = certificate, key = key,
    clientsecret = not certificate and "s" or nil, url = "https://a.example",
    tokenurl = tokenurl or "https://b.example/oauth/token" }
  return assert(core.service_key.parse(core.json.encode { oauth = fields }))
end

-- { check = result } and { check = code } of a key.
local function judge(key, own)
  local pem = key:certificate_pem()
  local chain = pem and assert(core.cert.parse(pem)).certificates or {}
  local results, codes = {}, {}
  for _, item in ipairs(checks(key, chain, own or {})) do
    assert.is_string(item.message)
    results[item.check], codes[item.check] = item.result, item.code
  end
  return results, codes
end

local function leaf(over)
  local o = { name = "other", issuer = "intermediate", subject = "/CN=other",
    extensions = { "extendedKeyUsage = clientAuth" } }
  for name, value in pairs(over or {}) do o[name] = value or nil end
  return openssl.pair(dir, o)
end

describe("a service key", function()
  it("with a secret has little to check", function()
    assert.same({ document = "ok" }, (judge(key_of())))
  end)

  it("with a good certificate passes", function()
    local results, codes = judge(key_of(pki.leaf.cert .. pki.intermediate.cert, pki.leaf.key))
    assert.same({ document = "ok", dates = "warning", usage = "ok", chain = "ok",
      ["private key"] = "ok" }, results)
    assert.same({}, codes)
    local fresh = leaf { days = 100 }
    assert.equal("ok", judge(key_of(fresh.cert .. pki.intermediate.cert, fresh.key)).dates)
  end)

  it("warns of a token host without .cert.", function()
    assert.equal("warning", judge(key_of(pki.leaf.cert, pki.leaf.key,
      "https://a.authentication.eu10.example.com/oauth/token")).fields)
  end)

  it("fails when the certificate is over", function()
    local over = leaf { days = -1 }
    local results, codes = judge(key_of(over.cert .. pki.intermediate.cert, over.key))
    assert.equal("failed", results.dates)
    assert.equal("cert.expired", codes.dates)
  end)

  it("fails without the usage clientAuth", function()
    for _, extension in ipairs { "extendedKeyUsage = serverAuth", "basicConstraints = CA:FALSE" } do
      local other = leaf { extensions = { extension } }
      local results, codes = judge(key_of(other.cert .. pki.intermediate.cert, other.key))
      assert.equal("failed", results.usage)
      assert.equal("cert.invalid", codes.usage)
    end
  end)

  it("warns when the chain is incomplete or has strangers in it", function()
    assert.equal("warning", judge(key_of(pki.leaf.cert, pki.leaf.key)).chain)
    local stranger = leaf { name = "stranger", issuer = false }
    assert.equal("warning", judge(key_of(pki.leaf.cert .. stranger.cert, pki.leaf.key)).chain)
  end)

  it("fails when it is self-signed", function()
    local own = leaf { issuer = false }
    local results, codes = judge(key_of(own.cert, own.key))
    assert.equal("failed", results.chain)
    assert.equal("cert.chain", codes.chain)
    assert.equal("failed", judge(key_of(own.cert)).chain)
  end)

  it("fails when key and certificate do not belong together", function()
    local results, codes = judge(key_of(pki.leaf.cert .. pki.intermediate.cert, pki.root.key))
    assert.equal("failed", results["private key"])
    assert.equal("cert.key_mismatch", codes["private key"])
    assert.equal("warning", results.fields)
  end)
end)

describe("a service key with an external certificate", function()
  local function own(certificates, pair)
    return { cert = dir:write("own.pem", certificates), key = dir:write("own.key", pair.key) }
  end

  it("cannot tell about the private key alone", function()
    assert.equal("skipped", judge(key_of(pki.leaf.cert))["private key"])
  end)

  it("is checked together with the user's files", function()
    local files = own(pki.leaf.cert .. pki.intermediate.cert, pki.leaf)
    local results = judge(key_of(pki.leaf.cert), files)
    assert.same({ document = "ok", dates = "warning", usage = "ok", chain = "ok",
      ["private key"] = "ok", pinning = "ok" }, results)
    assert.equal("ok", judge(key_of(pki.leaf.cert), { key = dir:file "leaf.key" }).pinning)
  end)

  it("notices another certificate", function()
    local other = leaf()
    local files = own(other.cert .. pki.intermediate.cert, other)
    local results, codes = judge(key_of(pki.leaf.cert), files)
    assert.equal("failed", results.pinning)
    assert.equal("cert.key_mismatch", codes.pinning)
    local renewed = leaf { name = "renewed", serial = "9" }
    assert.equal("warning", judge(key_of(renewed.cert), files).pinning)
  end)

  it("fails with what is wrong with the files", function()
    local key = key_of(pki.leaf.cert)
    local _, codes = judge(key, { cert = dir:file "missing.pem" })
    assert.equal("file.not_found", codes["private key"])
    local p12 = dir:write("own.p12", openssl.pkcs12(dir, pki.leaf.key, pki.leaf.cert, "secret"))
    _, codes = judge(key, { cert = p12 })
    assert.equal("cert.passphrase", codes["private key"])
    assert.equal("ok", judge(key, { cert = p12, passphrase = "secret" })["private key"])
  end)
end)
