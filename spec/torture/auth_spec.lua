-- Torture of service keys, certificates and identities: the n-th C allocation, then the n-th
-- growth of Lua's memory fails, for every n until nothing is left to fail. Out comes what was asked
-- for, an error of ours, or Lua's own "not enough memory". Needs the interpreter of the sanitizer
-- build.
local core = require "iflow.core"
local torture = require "spec.support.torture"
local openssl = require "spec.support.openssl"
local process = require "spec.support.process"

local dir, pki

setup(function()
  dir = process.tempdir()
  pki = openssl.pki(dir, "ec")
  dir:write("id.p12", openssl.pkcs12(dir, pki.leaf.key, pki.root.cert .. pki.leaf.cert, "secret"))
end)

teardown(function() dir:close() end)

local function key_text()
  return core.json.encode { oauth = { clientid = "sb-1!b2|it-rt-acme!b3", key = pki.leaf.key,
    certificate = (pki.root.cert .. pki.leaf.cert .. pki.intermediate.cert):gsub("\n", "\\n"),
    url = "https://a.example", tokenurl = "https://b.authentication.c.example/oauth/token",
    createdate = "2026-05-04T08:15:30.123Z" } }
end

local paths = {
  ["a service key"] = function()
    local key, err = core.service_key.parse(dir.key_text, "k.json")
    return key and #key.warnings == 1 and tostring(key:secret() or key:private_key_pem()), err
  end,
  ["a certificate file"] = function()
    return core.cert.read(dir:file "id.p12", { passphrase = "secret" })
  end,
  ["a chain"] = function()
    return core.cert.verify(pki.leaf.cert, { pki.intermediate.cert, pki.root.cert })
  end,
  ["an identity"] = function()
    local id, err = core.identity.open { cert = dir:file "id.p12",
      passphrase = function() return "secret" end }
    return id and id:info(), err
  end,
  ["an identity opened by a task"] = function()
    return core.task.run(function()
      return core.identity.open { service_key = dir:file "key.json", passphrase = "not needed" }
    end)
  end,
  ["a token's claims"] = function()
    return core.jwt.inspect(dir.token)
  end,
}

describe("with memory running out", function()
  setup(function()
    dir.key_text = key_text()
    dir:write("key.json", dir.key_text)
    dir.token = "x." .. core.crypto.base64url '{"scope":["x!b1.send"],"exp":1}' .. ".y"
  end)

  for name, fn in pairs(paths) do
    for kind, at_least in pairs { malloc = 2, lua = 2 } do
      it(("(%s) %s is read or refused"):format(kind, name), function()
        assert.is_true(torture(kind, fn) >= at_least)
        local counts = core.task.counts()
        assert.equal(0, counts.operations)
        assert.equal(0, counts.tasks)
      end)
    end
  end
end)
