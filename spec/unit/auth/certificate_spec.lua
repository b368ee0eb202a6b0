-- Reading certificates: every container, every damaged copy, and what they say. The material comes
-- from the openssl program.
local async = require "spec.support.async"
local core = require "iflow.core"
local openssl = require "spec.support.openssl"
local process = require "spec.support.process"

local cert, secret = core.cert, core.secret

local dir, pki

setup(function()
  dir = process.tempdir()
  pki = openssl.pki(dir)
end)

teardown(function() dir:close() end)

local function chain() return pki.leaf.cert .. pki.intermediate.cert .. pki.root.cert end

local function code_of(value, err) return value and "fine" or err.code end

local function certificates(text, options)
  local info = assert(cert.parse(text, options))
  return info.certificates, info
end

describe("cert.parse", function()
  it("tells what a certificate says", function()
    local list, info = certificates(pki.leaf.cert)
    assert.equal(1, #list)
    local leaf = list[1]
    assert.equal("CN=1f0e, L=sap-uaa, O=Example SE, C=DE", leaf.subject)
    assert.equal("CN=Example Client CA, O=Example SE, C=DE", leaf.issuer)
    assert.equal("4FA1B2C3D4", leaf.serial)
    assert.equal("RSA 2048", leaf.key)
    assert.same({ "DNS:sender.example", "IP:127.0.0.1", "URI:urn:x:1" }, leaf.sans)
    assert.same({ "clientAuth" }, leaf.eku)
    assert.is_false(leaf.ca)
    assert.is_false(leaf.self_signed)
    assert.equal(pki.leaf.cert, leaf.pem)
    assert.equal("PEM", info.format)
    assert.is_false(info.has_key)
    assert.equal("single", info.order)
    assert.equal(1, info.leaf)
  end)

  it("agrees with openssl on fingerprint and dates", function()
    local leaf = certificates(pki.leaf.cert)[1]
    local out = openssl.run("x509", "-in", dir:file "leaf.pem", "-noout", "-fingerprint", "-sha256",
      "-dates", "-dateopt", "iso_8601")
    assert.equal(out:match("Fingerprint=([%x:]+)"):gsub(":", ""), leaf.sha256)
    local iso = "!%Y-%m-%d %H:%M:%SZ"
    assert.equal(out:match "notBefore=([^\n]+)", os.date(iso, leaf.not_before))
    assert.equal(out:match "notAfter=([^\n]+)", os.date(iso, leaf.not_after))
  end)

  it("knows authorities", function()
    local root = certificates(pki.root.cert)[1]
    assert.is_true(root.ca)
    assert.is_true(root.self_signed)
    assert.is_false(certificates(pki.intermediate.cert)[1].self_signed)
    assert.same({}, root.eku)
    assert.same({}, root.sans)
  end)

  it("names kinds of keys and unknown usages", function()
    local ec = openssl.pair(dir, { name = "ec", subject = "/CN=ec",
      extensions = { "extendedKeyUsage = 1.2.3.4.5, serverAuth" } })
    assert.equal("EC P-256", certificates(ec.cert)[1].key)
    assert.same({ "1.2.3.4.5", "serverAuth" }, certificates(ec.cert)[1].eku)
    local ed = openssl.pair(dir, { name = "ed", kind = "ed25519", subject = "/CN=ed" })
    assert.equal("ED25519", certificates(ed.cert)[1].key)
  end)

  it("writes names in UTF-8 and without control characters", function()
    local pair = openssl.pair(dir, { name = "umlaut", subject = "/CN=Jürgen \27[31m, rot",
      extensions = { "subjectAltName = DNS:a.example" } })
    local subject = certificates(pair.cert)[1].subject
    assert.is_truthy(subject:find("Jürgen", 1, true))
    assert.is_nil(subject:find "%c")
  end)

  it("finds the order of a chain", function()
    local l, i, r = pki.leaf.cert, pki.intermediate.cert, pki.root.cert
    for _, case in ipairs {
      { l .. i .. r, "leaf first", 1 }, { l .. i, "leaf first", 1 },
      { r .. i .. l, "root first", 3 },
      { i .. l .. r, "mixed", 2 }, { l .. r, "unrelated", 1 }, { r, "single", 1 },
      { i .. r, "leaf first", 1 },
    } do
      local info = assert(cert.parse(case[1]))
      assert.equal(case[2], info.order)
      assert.equal(case[3], info.leaf)
    end
  end)

  it("takes the same certificate once", function()
    assert.equal(2, #certificates(pki.leaf.cert .. pki.root.cert .. pki.leaf.cert))
  end)

  it("sees whether a private key belongs to it", function()
    local _, info = certificates(pki.root.cert .. pki.leaf.cert .. pki.leaf.key)
    assert.is_true(info.has_key)
    assert.is_true(info.key_matches)
    assert.equal(2, info.leaf)
    _, info = certificates(pki.leaf.cert .. pki.root.key)
    assert.is_false(info.key_matches)
    assert.is_nil(info.leaf)
  end)

  it("reads DER, by content", function()
    openssl.run("x509", "-in", dir:file "leaf.pem", "-outform", "DER", "-out", dir:file "leaf.der")
    local list, info = certificates(dir:read "leaf.der")
    assert.equal(pki.leaf.cert, list[1].pem)
    assert.equal("DER", info.format)
  end)

  it("raises on an unknown option", function()
    assert.error_matches(function() cert.parse("", { pass = "x" }) end, "unknown option 'pass'")
  end)
end)

describe("a copy of PEM is repaired:", function()
  local function repaired(text)
    local list = certificates(text)
    assert.equal(3, #list)
    assert.equal(pki.leaf.cert, list[1].pem)
    assert.equal(pki.root.cert, list[3].pem)
  end

  it("literal \\n", function() repaired((chain():gsub("\n", "\\n"))) end)
  it("doubly escaped \\n", function() repaired((chain():gsub("\n", "\\\\n"))) end)
  it("literal \\r\\n", function() repaired((chain():gsub("\n", "\\r\\n"))) end)
  it("escaped slashes", function() repaired((chain():gsub("/", "\\/"))) end)
  it("\\r\\n", function() repaired((chain():gsub("\n", "\r\n"))) end)
  it("a single line", function() repaired((chain():gsub("\n", ""))) end)
  it("blanks for line breaks", function() repaired((chain():gsub("\n", " "))) end)
  it("no final line break", function() repaired((chain():gsub("\n$", ""))) end)
  it("no trailing dashes at the end", function() repaired((chain():gsub("%-+\n$", ""))) end)
  it("no trailing dashes anywhere, on a single line", function()
    repaired((chain():gsub("(END CERTIFICATE)%-+", "%1"):gsub("\n", "")))
  end)
  it("indented", function() repaired((chain():gsub("\n", "\n    "))) end)
  it("in quotes", function() repaired('"' .. chain():gsub("\n", "\\n") .. '"') end)
  it("text between blocks", function()
    repaired("Bag Attributes\n  x: y\n" .. chain():gsub("(%-%-%-%-%-BEGIN)", "subject=a\n%1"))
  end)
end)

describe("a damaged copy of PEM is refused:", function()
  local function refused(text) assert.equal("cert.invalid", code_of(cert.parse(text)), text) end

  it("without an end", function()
    refused((pki.leaf.cert:gsub("%-+END.*", "")))
    refused((pki.leaf.cert:gsub("%-+END.*", "")) .. pki.root.cert)
    refused((pki.leaf.cert:gsub("END CERTIFICATE", "END CERTIFICAT")))
    refused((pki.leaf.cert:gsub("END CERTIFICATE", "END PRIVATE KEY")))
  end)

  it("with lost or foreign characters", function()
    refused((pki.leaf.cert:gsub("\nMII", "\nMI")))
    refused((pki.leaf.cert:gsub("\nMII", "\nM*I")))
    refused((pki.leaf.cert:gsub("\nMII", "\nMII\0")))
    refused((pki.leaf.cert:gsub("\n[^\n]+\n", "\n", 1)))
  end)

  it("without a body or a label", function()
    refused "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"
    refused "-----BEGIN -----\nAAAA\n-----END -----\n"
    refused "-----BEGIN CERTIFICATE-----"
  end)

  it("with something else inside", function()
    refused "-----BEGIN CERTIFICATE-----\nMAUCAQECAQI=\n-----END CERTIFICATE-----\n"
    refused "-----BEGIN PRIVATE KEY-----\nMAUCAQECAQI=\n-----END PRIVATE KEY-----\n"
    refused(pki.leaf.cert:gsub("CERTIFICATE", "RSA PRIVATE KEY"))
    refused(dir:read "leaf.csr")
  end)
end)

describe("PKCS#12", function()
  local function p12(pass, ...)
    return openssl.pkcs12(dir, pki.leaf.key, chain(), pass, ...)
  end

  it("is read with its passphrase", function()
    local list, info = certificates(p12 "secret", { passphrase = "secret" })
    assert.equal(3, #list)
    assert.equal("PKCS#12", info.format)
    assert.is_true(info.key_matches)
    assert.is_true(info.has_key)
    assert.equal(pki.leaf.cert, list[info.leaf].pem)
  end)

  it("takes a secret, too, in UTF-8", function()
    local bytes = p12 "Schlüssel €"
    assert.equal("fine", code_of(cert.parse(bytes, { passphrase = secret.new "Schlüssel €" })))
    assert.equal("cert.passphrase", code_of(cert.parse(bytes, { passphrase = "Schlussel" })))
  end)

  it("tells a wrong and a missing passphrase from a damaged file", function()
    local bytes = p12 "secret"
    assert.equal("cert.passphrase", code_of(cert.parse(bytes, { passphrase = "wrong" })))
    assert.equal("cert.passphrase", code_of(cert.parse(bytes, { passphrase = "" })))
    assert.equal("cert.passphrase", code_of(cert.parse(bytes)))
    assert.equal("cert.invalid", code_of(cert.parse(bytes:sub(1, -100), { passphrase = "secret" })))
  end)

  it("may have an empty passphrase, or none", function()
    local bytes = p12 ""
    assert.equal("fine", code_of(cert.parse(bytes)))
    assert.equal("fine", code_of(cert.parse(bytes, { passphrase = "" })))
  end)

  it("may be old: RC2 and 3DES with SHA-1", function()
    for _, words in ipairs { { "-legacy" }, { "-descert", "-legacy" },
      { "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-RC2-40", "-legacy" },
      { "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "SHA1" } } do
      local info = assert(cert.parse(p12("secret", table.unpack(words)), { passphrase = "secret" }))
      assert.is_true(info.key_matches)
    end
  end)

  it("may have no integrity check, or no encryption", function()
    local info = assert(cert.parse(p12("secret", "-nomac"), { passphrase = "secret" }))
    assert.is_true(info.key_matches)
    assert.equal("cert.passphrase",
      code_of(cert.parse(p12("secret", "-nomac"), { passphrase = "wrong" })))
    info = assert(cert.parse(p12("secret", "-keypbe", "NONE", "-certpbe", "NONE"),
      { passphrase = "secret" }))
    assert.is_true(info.key_matches)
  end)

end)

describe("a file", function()
  it("with two private keys is refused, with one of them twice it is not", function()
    local other = openssl.key(dir, "other")
    assert.equal("cert.invalid", code_of(cert.parse(pki.leaf.cert .. pki.leaf.key .. other)))
    assert.equal("fine", code_of(cert.parse(pki.leaf.cert .. pki.leaf.key .. pki.leaf.key)))
  end)
end)

describe("limits:", function()
  it("32 certificates in a file", function()
    openssl.key(dir, "many")
    local made = process.run { "sh", "-c", "for i in $(seq 33); do openssl req -new -x509 -key "
      .. "many.key -subj /CN=$i; done", dir = dir.path }
    local all = {}
    for text in made.out:gmatch "%-%-%-%-%-BEGIN.-END CERTIFICATE%-%-%-%-%-\n" do
      all[#all + 1] = text
    end
    assert.equal(33, #all)
    assert.equal("limit.exceeded", code_of(cert.parse(table.concat(all))))
    assert.equal(32, #certificates(table.concat(all, "", 1, 32)))
  end)

  it("a megabyte of text", function()
    assert.equal("limit.exceeded", code_of(cert.parse(pki.leaf.cert .. (" "):rep(1 << 20))))
    local path = dir:write("big", ("x"):rep((1 << 20) + 1))
    assert.equal("limit.exceeded", code_of(cert.read(path)))
  end)

  it("the size of a block", function()
    local text = "-----BEGIN CERTIFICATE-----" .. ("A"):rep(100000) .. "-----END CERTIFICATE-----"
    assert.equal("limit.exceeded", code_of(cert.parse(text)))
  end)
end)

describe("cert.read", function()
  setup(function()
    openssl.run("pkcs12", "-export", "-inkey", dir:file "leaf.key", "-in", dir:file "leaf.pem",
      "-iter", "300000", "-out", dir:file "slow.p12", "-passout", "pass:secret")
  end)

  it("reads a file", function()
    assert.equal("leaf first", assert(cert.read(dir:write("chain.pem", chain()))).order)
  end)

  it("names the file in errors", function()
    local path = dir:write("nothing.pem", "hello")
    local value, err = cert.read(path)
    assert.is_nil(value)
    assert.equal("cert.invalid", err.code)
    assert.is_truthy(err.message:find(path, 1, true))
    assert.equal("cert.invalid", code_of(cert.read(dir:write("empty.pem", ""))))
    assert.equal("file.not_found", code_of(cert.read(dir:file "missing.pem")))
    assert.equal("usage.invalid", code_of(cert.read(dir.path)))
  end)

  it("lets other tasks run while a key is derived", async(function()
    local turns, done = 0, false
    core.task.spawn(function()
      while not done do
        turns = turns + 1
        core.task.sleep(0.001)
      end
    end)
    local info = assert(cert.read(dir:file "slow.p12", { passphrase = "secret" }))
    done = true
    assert.is_true(info.key_matches)
    assert.is_true(turns > 3)
  end))

  it("may be cancelled while a key is derived", async(function()
    local task = core.task.spawn(function()
      cert.read(dir:file "slow.p12", { passphrase = "secret" })
    end)
    core.task.sleep(0)
    task:cancel()
    local value, err = task:join()
    assert.is_nil(value)
    assert.equal("task.canceled", err.code)
    -- The thread cannot be stopped; what it works on is freed when it has ended.
    process.wait_for("the thread", function() return core.task.counts().operations == 0 end)
  end))
end)

describe("cert.verify", function()
  it("finds the way to a root", function()
    assert.is_true(cert.verify(chain(), pki.root.cert))
    assert.is_true(cert.verify({ pki.leaf.cert, pki.intermediate.cert }, { pki.root.cert }))
    assert.is_true(cert.verify(pki.leaf.cert, { pki.intermediate.cert }))
  end)

  it("says why there is none", function()
    local ok, why = cert.verify(pki.leaf.cert, pki.root.cert)
    assert.is_false(ok)
    assert.is_string(why)
    assert.is_false((cert.verify(chain(), openssl.pair(dir, { name = "stranger",
      subject = "/CN=Stranger" }).cert)))
    assert.is_false((cert.verify(chain(), {})))
  end)

  it("looks at the purpose", function()
    assert.is_true(cert.verify(chain(), pki.root.cert, { purpose = "client" }))
    assert.is_false((cert.verify(chain(), pki.root.cert, { purpose = "server" })))
  end)

  it("looks at the time", function()
    local day = 24 * 3600
    assert.is_true(cert.verify(chain(), pki.root.cert, { at = os.time() + 29 * day }))
    assert.is_false((cert.verify(chain(), pki.root.cert, { at = os.time() + 31 * day })))
    assert.is_false((cert.verify(chain(), pki.root.cert, { at = os.time() - day })))
  end)

  it("raises or returns an error for what is no certificate", function()
    assert.error(function() cert.verify({}, pki.root.cert) end)
    assert.error(function() cert.verify({ 1 }, pki.root.cert) end)
    assert.error(function() cert.verify(chain(), pki.root.cert, { purpose = "x" }) end)
    local value, err = cert.verify(chain(), "hello")
    assert.is_nil(value)
    assert.equal("cert.invalid", err.code)
  end)
end)
