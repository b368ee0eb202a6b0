-- Identities: a certificate and its private key from whatever files there are.
local async = require "spec.support.async"
local core = require "iflow.core"
local openssl = require "spec.support.openssl"
local process = require "spec.support.process"

local identity, secret, service_key, json = core.identity, core.secret, core.service_key, core.json

local dir, pki, fingerprint

setup(function()
  dir = process.tempdir()
  pki = openssl.pki(dir)
  dir:write("chain.pem", pki.leaf.cert .. pki.intermediate.cert .. pki.root.cert)
  fingerprint = openssl.run("x509", "-in", dir:file "leaf.pem", "-noout", "-fingerprint", "-sha256")
    :match "=([%x:]+)":gsub(":", ""):lower()
end)

teardown(function() dir:close() end)

local function opens(options)
  local id = assert(identity.open(options))
  assert.equal(fingerprint, id:fingerprint())
  return id
end

local function refused(code, options)
  local id, err = identity.open(options)
  assert.is_nil(id)
  assert.equal(code, err.code)
  return err
end

local function key_of(fields)
  return assert(service_key.parse(json.encode { oauth = fields }))
end

local function certificate_key(certificate, key)
  return key_of { clientid = "sb-1!b2", certificate = certificate, key = key,
    url = "https://a.example", tokenurl = "https://b.example/oauth/token" }
end

describe("identity.open", function()
  it("takes certificate and key from two files, or from one", function()
    opens { cert = dir:file "chain.pem", key = dir:file "leaf.key" }
    local both = dir:write("both.pem", pki.leaf.key .. dir:read "chain.pem")
    opens { cert = both }
    opens { cert = both, key = both }
  end)

  it("finds the leaf wherever it stands", function()
    local l, i, r = pki.leaf.cert, pki.intermediate.cert, pki.root.cert
    for _, text in ipairs { l, l .. i, r .. i .. l, i .. l .. r, r .. l } do
      opens { cert_pem = text, key_pem = pki.leaf.key }
    end
  end)

  it("takes of two certificates for one key the one that ends last", function()
    local newer = openssl.certificate(dir, { name = "leaf", issuer = "intermediate", days = 300,
      subject = "/CN=renewed" })
    local old = pki.leaf.cert
    for _, text in ipairs { old .. newer, newer .. old } do
      local id = assert(identity.open { cert_pem = text, key_pem = pki.leaf.key })
      assert.equal("CN=renewed", id:info().subject)
    end
  end)

  it("takes keys of every format", function()
    for _, words in ipairs { { "rsa", "-traditional" }, { "pkey", "-outform", "DER" },
      { "rsa", "-traditional", "-outform", "DER" } } do
      openssl.run(words[1], "-in", dir:file "leaf.key", "-out", dir:file "other.key",
        table.unpack(words, 2))
      opens { cert = dir:file "chain.pem", key = dir:file "other.key" }
    end
  end)

  it("takes encrypted keys", function()
    local key = dir:file "leaf.key"
    for _, words in ipairs {
      { "pkcs8", "-topk8", "-v2", "aes-256-cbc" }, { "pkcs8", "-topk8", "-v2", "des3" },
      { "pkcs8", "-topk8", "-scrypt" }, { "pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES" },
      { "pkcs8", "-topk8", "-v1", "PBE-MD5-DES", "-provider", "legacy", "-provider", "default" },
      { "rsa", "-traditional", "-aes256" }, { "rsa", "-traditional", "-des3" },
      { "pkcs8", "-topk8", "-v2", "aes-128-cbc", "-outform", "DER" },
    } do
      local command = table.move({ "-in", key, "-out", dir:file "enc.key", "-passout",
        "pass:secret" }, 1, 6, #words + 1, table.move(words, 1, #words, 1, {}))
      openssl.run(table.unpack(command))
      local options = { cert = dir:file "chain.pem", key = dir:file "enc.key" }
      refused("cert.passphrase", options)
      options.passphrase = "wrong"
      refused("cert.passphrase", options)
      options.passphrase = "secret"
      opens(options)
    end
  end)

  it("takes EC keys", function()
    local ec = openssl.pair(dir, { name = "ec", subject = "/CN=ec" })
    local id = assert(identity.open { cert_pem = ec.cert, key_pem = ec.key })
    assert.equal("EC P-256", id:info().key)
    local sec1 = openssl.run("ecparam", "-name", "prime256v1", "-genkey")
    dir:write("sec1.key", sec1)
    local cert = openssl.certificate(dir, { name = "sec1", subject = "/CN=sec1" })
    assert.is_truthy(sec1:find("EC PARAMETERS", 1, true))
    assert.is_truthy(identity.open { cert_pem = cert, key_pem = sec1 })
  end)

  it("takes PKCS#12", function()
    local bytes = openssl.pkcs12(dir, pki.leaf.key, dir:read "chain.pem", "secret")
    local path = dir:write("id.p12", bytes)
    opens { cert = path, passphrase = "secret" }
    refused("cert.passphrase", { cert = path })
    refused("cert.passphrase", { cert = path, passphrase = "wrong" })
  end)

  it("takes a service key, open or by its path", function()
    opens { service_key = certificate_key(pki.root.cert .. pki.leaf.cert, pki.leaf.key) }
    local path = dir:write("key.json", json.encode { oauth = { clientid = "sb-1!b2",
      certificate = pki.leaf.cert, key = pki.leaf.key, url = "https://a.example",
      tokenurl = "https://b.example/oauth/token" } })
    opens { service_key = path }
    refused("file.not_found", { service_key = dir:file "missing.json" })
  end)

  it("takes for an external certificate what the service key lacks", function()
    local external = certificate_key(pki.leaf.cert)
    local err = refused("cert.missing", { service_key = external })
    assert.is_truthy(err.hint:find "--key")
    opens { service_key = external, key = dir:file "leaf.key" }
    opens { service_key = external, cert = dir:file "chain.pem", key = dir:file "leaf.key" }
    opens { service_key = external, key_pem = secret.new(pki.leaf.key) }
  end)

  it("prefers files to the service key's own pair", function()
    local other = openssl.pair(dir, { name = "other", subject = "/CN=other" })
    opens { service_key = certificate_key(other.cert, other.key), cert = dir:file "chain.pem",
      key = dir:file "leaf.key" }
  end)
end)

describe("identity.open refuses", function()
  it("a key and certificates that do not belong together", function()
    local err = refused("cert.key_mismatch", { cert = dir:file "chain.pem",
      key_pem = openssl.key(dir, "stranger", "rsa") })
    assert.is_truthy(err.message:find("CN=1f0e", 1, true))
  end)

  it("a missing half", function()
    refused("cert.missing", { cert = dir:file "chain.pem" })
    refused("cert.missing", { cert = dir:file "leaf.key" })
    refused("cert.missing", { service_key = key_of { clientid = "sb-1!b2", clientsecret = "s",
      url = "https://a.example", tokenurl = "https://b.example/oauth/token" } })
  end)

  it("keys that TLS cannot use", function()
    for _, kind in ipairs { "weak", "secp256k1" } do
      local pair = openssl.pair(dir, { name = kind, kind = kind, subject = "/CN=" .. kind })
      refused("cert.invalid", { cert_pem = pair.cert, key_pem = pair.key })
    end
  end)

  it("two different private keys", function()
    refused("cert.invalid", { cert_pem = pki.leaf.cert .. pki.root.key, key_pem = pki.leaf.key })
  end)

  it("a private key damaged inside", function()
    -- Private exponent and its shortcut (the fourth and seventh number of PKCS#1): the public half
    -- stays, so the key still seems to belong to the certificate.
    openssl.run("rsa", "-traditional", "-in", dir:file "leaf.key", "-outform", "DER", "-out",
      dir:file "pkcs1.der")
    local der, n = dir:read "pkcs1.der", 0
    local numbers = openssl.run("asn1parse", "-inform", "DER", "-in", dir:file "pkcs1.der")
    for offset, head, length in numbers:gmatch "(%d+):d=%d+%s+hl=(%d+) l=%s*(%d+) prim: INTEGER" do
      n = n + 1
      local middle = offset + head + length // 2 + 1
      if n == 4 or n == 7 then
        der = der:sub(1, middle - 1) .. string.char(der:byte(middle) ~ 0xff) .. der:sub(middle + 1)
      end
    end
    assert.equal(9, n)
    refused("cert.invalid", { cert = dir:file "chain.pem", key = dir:write("damaged.der", der) })
  end)

  it("files that are not there or nothing of the kind", function()
    refused("file.not_found", { cert = dir:file "missing.pem", key = dir:file "leaf.key" })
    refused("file.not_found", { cert = dir:file "chain.pem", key = dir:file "missing.key" })
    refused("cert.invalid", { cert = dir:write("x", "hello"), key = dir:file "leaf.key" })
  end)

  it("wrong options, by raising", function()
    assert.error_matches(function() identity.open { crt = "x" } end, "did you mean 'cert'")
    assert.error(function() identity.open {} end)
    assert.error(function() identity.open { key = "x" } end)
    assert.error(function() identity.open { cert = 1 } end)
    assert.error(function() identity.open { service_key = 1 } end)
    assert.error(function() identity.open { service_key = io.stdout } end)
    assert.error(function() identity.open { cert = "x", passphrase = 1 } end)
  end)
end)

describe("a passphrase function", function()
  local path

  setup(function()
    path = dir:write("ask.p12", openssl.pkcs12(dir, pki.leaf.key, pki.leaf.cert, "secret"))
  end)

  it("is called once when something is encrypted", function()
    local calls = 0
    opens { cert = path, passphrase = function()
      calls = calls + 1
      return "secret"
    end }
    assert.equal(1, calls)
    opens { cert = path, passphrase = function() return secret.new "secret" end }
  end)

  it("is not called when nothing is", function()
    opens { cert = dir:file "chain.pem", key = dir:file "leaf.key",
      passphrase = function() error "asked" end }
  end)

  it("may give up, be wrong, or raise", function()
    refused("cert.passphrase", { cert = path, passphrase = function() end })
    refused("cert.passphrase", { cert = path, passphrase = function() return "wrong" end })
    assert.error_matches(function()
      identity.open { cert = path, passphrase = function() error "no terminal" end }
    end, "no terminal")
    assert.error(function() identity.open { cert = path, passphrase = function() return 1 end } end)
  end)

  it("may wait inside a task", async(function()
    opens { cert = path, passphrase = function()
      core.task.sleep(0.01)
      return "secret"
    end }
  end))
end)

describe("an identity", function()
  it("tells about its leaf", function()
    local id = opens { cert = dir:file "chain.pem", key = dir:file "leaf.key" }
    local info = id:info()
    assert.equal("CN=1f0e, L=sap-uaa, O=Example SE, C=DE", info.subject)
    assert.equal(fingerprint, info.sha256:lower())
    assert.same({ "clientAuth" }, info.eku)
  end)

  it("close() can be repeated and ends use", function()
    local id = opens { cert = dir:file "chain.pem", key = dir:file "leaf.key" }
    id:close()
    id:close()
    assert.error_matches(function() id:fingerprint() end, "is closed")
    assert.equal("identity (closed)", tostring(id))
  end)
end)
