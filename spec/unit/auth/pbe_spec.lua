-- Encrypted keys and containers that ask for more work than anybody should do. They are put
-- together element by element, so that making them costs nothing.
local core = require "iflow.core"
local openssl = require "spec.support.openssl"
local process = require "spec.support.process"

local cert = core.cert

local dir

setup(function() dir = process.tempdir() end)
teardown(function() dir:close() end)

-- The code of reading the described bytes. "limit.exceeded" says that no key was derived: a
-- derived one would not fit.
local function judge(description, pass)
  local bytes = openssl.der(dir, description)
  local value, err = cert.parse(bytes, { passphrase = pass or "secret" })
  return value and "fine" or err.code
end

local salt = "FORMAT:HEX,OCTETSTRING:0102030405060708"
local data = "FORMAT:HEX,OCTETSTRING:" .. ("00"):rep(32)

local function pbes2(kdf)
  return [[
[pbe]
oid = OID:PBES2
p = SEQUENCE:parameters
[parameters]
kdf = SEQUENCE:kdf
cipher = SEQUENCE:cipher
[cipher]
oid = OID:AES-256-CBC
iv = FORMAT:HEX,OCTETSTRING:00000000000000000000000000000000
]] .. kdf
end

local function pbkdf2(rounds)
  return pbes2(([[
[kdf]
oid = OID:PBKDF2
p = SEQUENCE:kdf_parameters
[kdf_parameters]
salt = %s
rounds = INTEGER:%s
prf = SEQUENCE:prf
[prf]
oid = OID:hmacWithSHA256
null = NULL
]]):format(salt, rounds))
end

local function scrypt(n, r, p)
  return pbes2(([[
[kdf]
oid = OID:id-scrypt
p = SEQUENCE:kdf_parameters
[kdf_parameters]
salt = %s
n = INTEGER:%s
r = INTEGER:%s
p = INTEGER:%s
]]):format(salt, n, r, p))
end

local function pbe1(oid, rounds)
  return ([[
[pbe]
oid = OID:%s
p = SEQUENCE:parameters
[parameters]
salt = %s
rounds = INTEGER:%s
]]):format(oid, salt, rounds)
end

-- An encrypted private key (PKCS#8).
local function key(pbe)
  return "asn1 = SEQUENCE:key\n[key]\nalgorithm = SEQUENCE:pbe\ndata = " .. data .. "\n" .. pbe
end

-- A PKCS#12 file with one encrypted part and no integrity check.
local function container(pbe)
  return ([[
asn1 = SEQUENCE:pfx
[pfx]
version = INTEGER:3
content = SEQUENCE:content
[content]
type = OID:pkcs7-data
data = EXPLICIT:0,OCTWRAP,SEQUENCE:safes
[safes]
safe = SEQUENCE:safe
[safe]
type = OID:pkcs7-encryptedData
data = EXPLICIT:0,SEQUENCE:encrypted
[encrypted]
version = INTEGER:0
info = SEQUENCE:info
[info]
type = OID:pkcs7-data
algorithm = SEQUENCE:pbe
data = IMPLICIT:0,%s
%s]]):format(data, pbe)
end

-- A PKCS#12 file with nothing but an integrity check.
local function checked(rounds)
  return ([[
asn1 = SEQUENCE:pfx
[pfx]
version = INTEGER:3
content = SEQUENCE:content
mac = SEQUENCE:mac
[content]
type = OID:pkcs7-data
data = EXPLICIT:0,OCTWRAP,SEQUENCE:safes
[safes]
[mac]
digest = SEQUENCE:digest
salt = %s
rounds = INTEGER:%s
[digest]
algorithm = SEQUENCE:algorithm
value = FORMAT:HEX,OCTETSTRING:%s
[algorithm]
oid = OID:sha1
null = NULL
]]):format(salt, rounds, ("00"):rep(20))
end

-- More rounds than the limit; more than fits an int, a long, 64 bits.
local too_many = { "5000001", "2147483647", "4294967297", "9223372036854775807",
  "18446744073709551615" }

describe("key derivation", function()
  it("of a usual size is run: then the passphrase is just wrong", function()
    for _, pbe in ipairs { pbkdf2 "2048", pbkdf2 "600000", scrypt("16384", "8", "1"),
      pbe1("PBE-SHA1-3DES", "2048"), pbe1("PBE-MD5-DES", "2048"),
      pbe1("PBE-SHA1-RC2-40", "2048") } do
      assert.equal("cert.passphrase", judge(key(pbe)))
      assert.equal("cert.passphrase", judge(container(pbe)))
    end
    assert.equal("cert.passphrase", judge(checked "10000"))
  end)

  it("with too many rounds is refused", function()
    for _, rounds in ipairs(too_many) do
      assert.equal("limit.exceeded", judge(key(pbkdf2(rounds))))
      assert.equal("limit.exceeded", judge(key(pbe1("PBE-MD5-DES", rounds))))
      assert.equal("limit.exceeded", judge(key(pbe1("PBE-SHA1-3DES", rounds))))
      assert.equal("limit.exceeded", judge(container(pbkdf2(rounds))))
      assert.equal("limit.exceeded", judge(container(pbe1("PBE-SHA1-RC2-40", rounds))))
      assert.equal("limit.exceeded", judge(checked(rounds)))
    end
  end)

  it("with a number of rounds that is none is refused", function()
    for _, rounds in ipairs { "-1", "-2147483648", "18446744073709551616",
      "99999999999999999999999999999999999999" } do
      assert.equal("cert.invalid", judge(key(pbkdf2(rounds))))
      assert.equal("cert.invalid", judge(container(pbe1("PBE-SHA1-3DES", rounds))))
      assert.equal("cert.invalid", judge(checked(rounds)))
    end
  end)

  it("by scrypt is refused for time and for memory", function()
    for _, p in ipairs { { "1048576", "1", "262144" }, { "131072", "1", "131072" },
      { "4611686018427387904", "8", "1" }, { "2", "4611686018427387904", "2" },
      { "16384", "8", "2147483647" } } do
      assert.equal("limit.exceeded", judge(key(scrypt(table.unpack(p)))))
    end
    assert.equal("cert.invalid", judge(key(scrypt("-1", "8", "1"))))
  end)

  it("is counted over a whole file", function()
    -- 1,700,000 rounds for the integrity check, twice as many for the key: each alone would pass.
    local pair = openssl.pair(dir, { name = "pair", subject = "/CN=pair" })
    local bytes = openssl.pkcs12(dir, pair.key, pair.cert, "secret", "-iter", "1700000",
      "-certpbe", "NONE", "-keypbe", "PBE-SHA1-3DES")
    local value, err = cert.parse(bytes, { passphrase = "secret" })
    assert.is_nil(value)
    assert.equal("limit.exceeded", err.code)
  end)

  it("of an unknown kind is refused", function()
    assert.equal("cert.invalid", judge(key(pbe1("1.2.3.4", "1"))))
    assert.equal("cert.invalid", judge(key(pbes2("[kdf]\noid = OID:1.2.3.4\np = NULL\n"))))
    assert.equal("cert.invalid", judge(key("[pbe]\noid = OID:PBES2\np = NULL\n")))
    assert.equal("cert.invalid", judge(container("[pbe]\noid = OID:PBE-SHA1-3DES\n")))
  end)
end)
