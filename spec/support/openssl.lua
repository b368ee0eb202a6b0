-- openssl.lua -- key pairs, certificates and containers by the openssl program, in every format and
-- with every flaw the readers of certificates must cope with.
--   local pki = openssl.pki(dir)            -- three levels: root, intermediate, leaf; made once
--   pki.leaf.cert, pki.leaf.key             -- texts; so are pki.root.cert and so on
--   openssl.run("pkcs12", "-export", …)     -- in dir; raises with what the program said
local process = require "spec.support.process"

local openssl = {}

--- Runs the program with these words; its standard output.
function openssl.run(...)
  local result = process.run { "openssl", ... }
  if result.code ~= 0 then error(table.concat({ "openssl", ... }, " ") .. "\n" .. result.err, 2) end
  return result.out
end

-- Key types as words of "openssl genpkey".
local types = {
  rsa = { "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048" },
  weak = { "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024" },
  ec = { "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256" },
  secp256k1 = { "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1" },
  ed25519 = { "-algorithm", "ED25519" },
}

-- RSA keys take the program up to a second each, so those of other files are taken where
-- scripts/test has a place for them; a spec file takes each only once.
local POOL, taken = os.getenv "IFLOW_SANDBOX_KEYS", 0

local function rsa_key(path)
  taken = taken + 1
  local kept = ("%s/openssl-%d.pem"):format(POOL, taken)
  if process.read(kept) then return assert(os.execute(("cp -p '%s' '%s'"):format(kept, path))) end
  openssl.run("genpkey", "-out", path, table.unpack(types.rsa))
  assert(os.execute(("cp -p '%s' '%s'.$$ && mv '%s'.$$ '%s'"):format(path, kept, kept, kept)))
end

--- A private key as PKCS#8 text, also written to NAME.key.
function openssl.key(dir, name, kind)
  local path = dir:file(name .. ".key")
  if kind == "rsa" and POOL then
    rsa_key(path)
  else
    openssl.run("genpkey", "-out", path, table.unpack(types[kind or "ec"]))
  end
  return process.read(path)
end

--- Signs a certificate for NAME.key and writes it to NAME.pem:
--- { name =, subject =, issuer = name | nil (self-signed), extensions = { "a = b" }, days =,
--- serial = }
function openssl.certificate(dir, o)
  local file = function(suffix) return dir:file(o.name .. suffix) end
  process.write(file ".ext", table.concat(o.extensions or {}, "\n") .. "\n")
  openssl.run("req", "-new", "-utf8", "-key", file ".key", "-subj", o.subject, "-out", file ".csr")
  local words = { "x509", "-req", "-in", file ".csr", "-days", tostring(o.days or 30), "-extfile",
    file ".ext", "-set_serial", o.serial or "0x4FA1B2C3D4", "-out", file ".pem" }
  local signer = o.issuer and { "-CA", dir:file(o.issuer .. ".pem"), "-CAkey",
    dir:file(o.issuer .. ".key") } or { "-signkey", file ".key" }
  table.move(signer, 1, #signer, #words + 1, words)
  openssl.run(table.unpack(words))
  return process.read(file ".pem")
end

local ca = { "basicConstraints = critical,CA:TRUE", "keyUsage = keyCertSign",
  "subjectKeyIdentifier = hash" }

--- A key and its certificate: { cert =, key = }; options as for certificate, and `kind` of key.
function openssl.pair(dir, o)
  return { key = openssl.key(dir, o.name, o.kind), cert = openssl.certificate(dir, o) }
end

--- root, intermediate and leaf (clientAuth) in the directory; leaf_kind as in openssl.key.
function openssl.pki(dir, leaf_kind)
  return {
    root = openssl.pair(dir, { name = "root", subject = "/C=DE/O=Example SE/CN=Example Root CA",
      extensions = ca, days = 3650 }),
    intermediate = openssl.pair(dir, { name = "intermediate", issuer = "root", extensions = ca,
      subject = "/C=DE/O=Example SE/CN=Example Client CA", days = 365, serial = "2" }),
    leaf = openssl.pair(dir, { name = "leaf", issuer = "intermediate", kind = leaf_kind or "rsa",
      subject = "/C=DE/O=Example SE/L=sap-uaa/CN=1f0e",
      extensions = { "basicConstraints = CA:FALSE", "extendedKeyUsage = clientAuth",
        "subjectAltName = DNS:sender.example, IP:127.0.0.1, URI:urn:x:1" } }),
  }
end

--- PKCS#12 bytes of a key and PEM texts; further words go to "openssl pkcs12 -export".
function openssl.pkcs12(dir, key, certs, pass, ...)
  local key_file, cert_file = dir:write("p12.key", key), dir:write("p12.pem", certs)
  openssl.run("pkcs12", "-export", "-inkey", key_file, "-in", cert_file, "-out", dir:file "out.p12",
    "-passout", "pass:" .. pass, ...)
  return process.read(dir:file "out.p12")
end

--- DER bytes from a description in the language of ASN1_generate_nconf(3).
function openssl.der(dir, description)
  local out = dir:file "generated.der"
  openssl.run("asn1parse", "-genconf", dir:write("asn1.conf", description), "-noout", "-out", out)
  return process.read(out)
end

return openssl
