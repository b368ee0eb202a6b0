-- The certificates are judged by the openssl program, not by our own reader.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"

local authority = core.authority
local rsa = assert(authority.keypair { type = "rsa" })
local ec = assert(authority.keypair { type = "ec" })
local root = assert(authority.issue { subject = { { "CN", "Root" } }, key = rsa, ca = true })

-- What the program prints about a PEM text.
local function openssl(dir, text, ...)
  local command = { "openssl", ... }
  table.move({ "-in", dir:write("in.pem", text) }, 1, 2, #command + 1, command)
  return process.run(command).out
end

local function describe_certificate(pem)
  local dir <close> = process.tempdir()
  return openssl(dir, pem, "x509", "-noout", "-text", "-nameopt", "RFC2253,-esc_msb,utf8")
end

-- openssl's verdict on a chain: leaf, intermediate (may be nil), root.
local function verified(leaf, intermediate, anchor, purpose)
  local dir <close> = process.tempdir()
  local command = { "openssl", "verify", "-CAfile", dir:write("root.pem", anchor) }
  if purpose then table.move({ "-purpose", purpose }, 1, 2, #command + 1, command) end
  if intermediate then
    table.move({ "-untrusted", dir:write("mid.pem", intermediate) }, 1, 2, #command + 1, command)
  end
  command[#command + 1] = dir:write("leaf.pem", leaf)
  return process.run(command).code == 0
end

describe("authority.keypair", function()
  it("makes RSA and EC keys that openssl reads", function()
    local dir <close> = process.tempdir()
    for _, key in ipairs { rsa, ec } do
      for _, format in ipairs { "pkcs1", "pkcs8" } do
        local out = openssl(dir, key:private_pem(format), "pkey", "-pubout")
        assert.equal(key:public_pem(), out)
      end
    end
    assert.matches("^%-%-%-%-%-BEGIN RSA PRIVATE KEY", rsa:private_pem "pkcs1")
    assert.matches("^%-%-%-%-%-BEGIN EC PRIVATE KEY", ec:private_pem "pkcs1")
    assert.matches("^%-%-%-%-%-BEGIN PRIVATE KEY", rsa:private_pem())
  end)

  it("makes them on a thread inside a task: others go on meanwhile", async(function()
    local turns, done = 0, false
    core.task.spawn(function()
      while not done do
        turns = turns + 1
        core.task.sleep(0.001)
      end
    end)
    assert(authority.keypair { type = "rsa", bits = 4096 })
    done = true
    assert.is_true(turns > 1)
  end))

  it("ends quietly when its task is cancelled", async(function()
    local task = core.task.spawn(function() authority.keypair { type = "rsa", bits = 3072 } end)
    core.task.sleep(0.001)
    task:cancel()
    task:join()
    -- The thread cannot be stopped; it ends on its own, and leaves nothing.
    process.wait_for("the thread", function() return core.task.counts().operations == 0 end)
  end))

  it("raises for unknown types, sizes and options", function()
    assert.has_error(function() authority.keypair { type = "dsa" } end)
    assert.has_error(function() authority.keypair { bits = 1024 } end)
    assert.has_error(function() authority.keypair { bits = 8192 } end)
    assert.error_matches(function() authority.keypair { typ = "rsa" } end, "type")
  end)
end)

describe("authority.keypair_from_pem", function()
  it("reads what private_pem wrote, from a string and from a secret", function()
    local pem = rsa:private_pem "pkcs1"
    assert.equal(rsa:public_pem(), assert(authority.keypair_from_pem(pem)):public_pem())
    local secret = core.secret.new(pem)
    assert.equal(rsa:public_pem(), assert(authority.keypair_from_pem(secret)):public_pem())
  end)

  it("refuses garbage and encrypted keys, and never asks for a passphrase", function()
    local dir <close> = process.tempdir()
    local sealed = openssl(dir, rsa:private_pem(), "pkey", "-aes128", "-passout", "pass:x")
    assert.matches("ENCRYPTED", sealed)
    for _, text in ipairs { "", "x", sealed, rsa:public_pem(), ("x"):rep(1 << 20) } do
      local key, err = authority.keypair_from_pem(text)
      assert.is_nil(key)
      assert.equal("cert.invalid", err.code)
    end
  end)
end)

describe("authority.issue", function()
  it("makes chains that openssl verifies for their purpose only", function()
    local mid_key = assert(authority.keypair { type = "ec" })
    local mid = assert(authority.issue { subject = { { "CN", "Mid" } }, key = mid_key, ca = true,
      issuer = root, issuer_key = rsa })
    local client = assert(authority.issue { subject = { { "CN", "c" } }, key = ec,
      client_auth = true, issuer = mid, issuer_key = mid_key })
    assert.is_true(verified(client, mid, root, "sslclient"))
    assert.is_false(verified(client, mid, root, "sslserver"))
    assert.is_false(verified(client, nil, root))
    local plain = assert(authority.issue { subject = { { "CN", "p" } }, key = ec, issuer = mid,
      issuer_key = mid_key })
    assert.is_nil(describe_certificate(plain):find "Extended Key Usage")
  end)

  it("keeps the order of the subject, umlauts and repeated fields", function()
    local pem = assert(authority.issue { key = ec, subject = { { "C", "DE" }, { "O", "SAP SE" },
      { "OU", "Eins, zwei" }, { "OU", "Übung" }, { "L", "a=b" }, { "CN", "sb-1!b2|it-rt!b3" } } })
    assert.matches([[Subject: CN=sb-1!b2|it-rt!b3,L=a=b,OU=Übung,OU=Eins\, zwei,O=SAP SE,C=DE]],
      describe_certificate(pem), 1, true)
  end)

  it("names the field of a subject that is not possible", function()
    for _, case in ipairs { { "FOO", "x" }, { "C", "Deutschland" }, { "C", "D" },
                            { "CN", ("x"):rep(65) } } do
      local pem, err = authority.issue { key = ec, subject = { case } }
      assert.same({ nil, "usage.invalid" }, { pem, err.code })
      assert.truthy(err.message:find(case[1], 1, true))
    end
  end)

  it("writes alternative names as they are, a comma adds none", function()
    local text = describe_certificate(assert(authority.issue { key = ec, server_auth = true,
      subject = { { "CN", "x" } }, sans = { "DNS:*.it.localhost", "IP:127.0.0.1", "IP:::1",
        "DNS:a,DNS:evil" } }))
    assert.matches("DNS:*.it.localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1", text, 1,
      true)
    assert.is_nil(text:find(", DNS:evil", 1, true))
  end)

  it("keeps dates beyond 2050 and in the past", function()
    local text = describe_certificate(assert(authority.issue { key = ec,
      subject = { { "CN", "x" } }, not_before = 0, not_after = 4102444800 }))
    assert.matches("Not Before: Jan  1 00:00:00 1970 GMT", text, 1, true)
    assert.matches("Not After : Jan  1 00:00:00 2100 GMT", text, 1, true)
  end)

  it("takes the public key from a PEM key or a certificate", function()
    for _, key in ipairs { ec:public_pem(), assert(authority.issue { key = ec }) } do
      local pem = assert(authority.issue { key = key, subject = { { "CN", "x" } }, issuer = root,
        issuer_key = rsa })
      local dir <close> = process.tempdir()
      assert.equal(ec:public_pem(), openssl(dir, pem, "x509", "-noout", "-pubkey"))
    end
  end)

  it("never gives the same serial number twice", function()
    local seen = {}
    for _ = 1, 5 do
      local serial = describe_certificate(assert(authority.issue { key = ec }))
        :match "Serial Number:%s+(%S+)"
      assert.is_nil(seen[serial])
      seen[serial] = true
    end
  end)

  it("returns what cannot be issued as an error", function()
    local function code(over)
      local wanted = { key = ec, subject = { { "CN", "x" } } }
      for k, v in pairs(over) do wanted[k] = v end
      local pem, err = authority.issue(wanted)
      assert.is_nil(pem)
      return err.code
    end
    assert.equal("usage.invalid", code { subject = { { "NOPE", "x" } } })
    assert.equal("usage.invalid", code { subject = { { "CN", ("x"):rep(65) } } })
    assert.equal("usage.invalid", code { sans = { "evil" } })
    assert.equal("usage.invalid", code { sans = { "IP:999.1.1.1" } })
    assert.equal("usage.invalid", code { not_before = 10, not_after = 10 })
    assert.equal("usage.invalid", code { issuer = root })
    assert.equal("cert.key_mismatch", code { issuer = root, issuer_key = ec })
    assert.equal("cert.invalid", code { key = "garbage" })
    assert.equal("cert.invalid", code { issuer = "garbage", issuer_key = rsa })
  end)

  it("raises for wrong types and unknown options", function()
    assert.has_error(function() authority.issue { key = 1 } end)
    assert.has_error(function() authority.issue { key = ec, subject = { "CN" } } end)
    assert.has_error(function() authority.issue { key = ec, subject = { { "CN", {} } } } end)
    assert.has_error(function() authority.issue { key = ec, sans = { 1 } } end)
    assert.has_error(function() authority.issue { key = ec, isuer = root } end)
  end)
end)

describe("authority.sign", function()
  it("makes RS256 signatures that verify accepts, and no others", function()
    local sig = assert(authority.sign(rsa, "header.payload"))
    assert.is_true(authority.verify(rsa, "header.payload", sig))
    assert.is_true(authority.verify(rsa:public_pem(), "header.payload", sig))
    assert.is_true(authority.verify(root, "header.payload", sig))
    assert.is_false(authority.verify(rsa, "header.payloae", sig))
    assert.is_false(authority.verify(rsa, "header.payload", sig:sub(1, -5)))
    assert.is_false(authority.verify(rsa, "header.payload", ""))
    assert.is_false(authority.verify(rsa, "header.payload", "***"))
    assert.is_false(authority.verify(ec, "header.payload", sig))
    assert.is_false(authority.verify(assert(authority.keypair {}), "header.payload", sig))
  end)

  it("agrees with openssl", function()
    local dir <close> = process.tempdir()
    dir:write("sig", core.crypto.unbase64(assert(authority.sign(rsa, "data"))))
    local result = process.run { "openssl", "dgst", "-sha256", "-verify",
      dir:write("pub.pem", rsa:public_pem()), "-signature", dir:file "sig",
      dir:write("data", "data") }
    assert.equal(0, result.code)
  end)

  it("needs an RSA key", function()
    local sig, err = authority.sign(ec, "x")
    assert.is_nil(sig)
    assert.equal("usage.invalid", err.code)
  end)
end)

describe("keypair:jwk", function()
  it("gives modulus and exponent as base64url", function()
    local jwk = assert(rsa:jwk())
    assert.equal("AQAB", jwk.e)
    local dir <close> = process.tempdir()
    local modulus = openssl(dir, root, "x509", "-noout", "-modulus"):match "=(%x+)"
    local hex = core.crypto.unbase64(jwk.n):gsub(".", function(c)
      return ("%02X"):format(c:byte())
    end)
    assert.equal(modulus, hex)
    local none, err = ec:jwk()
    assert.is_nil(none)
    assert.equal("usage.invalid", err.code)
  end)
end)
