-- The certificate in X.509, as carelessly written as SAP's own sample.
local async = require "spec.support.async"
local core = require "iflow.core"
local x509 = require "iflow.sandbox.broker.x509"

local function certificate()
  local key = assert(core.authority.keypair { type = "ec" })
  local now = math.floor(core.task.now())
  return assert(core.authority.issue { subject = { { "CN", "partner" } }, key = key,
                                       not_before = now, not_after = now + 60 }), key
end

local function refuses(text)
  local info, why = x509.read(text)
  assert.is_nil(info)
  return why
end

describe("x509.read", function()
  it("takes one PEM, whatever its line breaks and its last delimiter", async(function()
    local pem = certificate()
    local line = pem:gsub("\n", "")
    for _, text in ipairs { pem, line, line:gsub("%-+$", ""), line:sub(1, -3), pem .. "\n \n",
                            (pem:gsub("\n", "\r\n")) } do
      assert.equal(pem, assert(x509.read(text)).pem)
    end
  end))

  it("refuses a chain, a private key and anything else", async(function()
    local pem, key = certificate()
    assert.matches("exactly one", refuses(pem .. pem))
    local why = refuses(pem .. key:private_pem())
    assert.matches("private key", why)
    assert.is_nil(why:find(key:private_pem():sub(60, 80), 1, true))
    for _, text in ipairs { "", "no certificate", pem:sub(1, 100), (pem:gsub("M", "*")),
                            "-----BEGIN CERTIFICATE----------END CERTIFICATE-----",
                            (pem:gsub("%-%-%-%-%-[%u ]+%-%-%-%-%-\n", "")) } do
      assert.is_string(refuses(text))
    end
  end))
end)
