-- Files that Notepad and PowerShell wrote in UTF-16 are named as what they are, with what to do.
local core = require "iflow.core"
local openssl = require "spec.support.openssl"
local process = require "spec.support.process"

local cert, service_key = core.cert, core.service_key

local KEY = '{"oauth":{"clientid":"a","clientsecret":"b","url":"https://x.example",'
  .. '"tokenurl":"https://y.example/oauth/token"}}'

local dir, pki

setup(function()
  dir = process.tempdir()
  pki = openssl.pki(dir)
end)

teardown(function() dir:close() end)

-- The text in each form: { iconv's name for it = bytes }.
local function forms(text)
  local little, big = text:gsub(".", "%0\0"), text:gsub(".", "\0%0")
  return { ["UTF-16 "] = { "\xff\xfe" .. little, "\xfe\xff" .. big },
           ["UTF-16LE "] = { little }, ["UTF-16BE "] = { big } }
end

local function each_form(text, check)
  for form, list in pairs(forms(text)) do
    for _, bytes in ipairs(list) do check(bytes, form) end
  end
end

describe("a file in UTF-16", function()
  it("with a certificate or a key is refused with the command that mends it", function()
    for _, text in ipairs { pki.leaf.cert, pki.leaf.key, " \n" .. pki.leaf.cert } do
      each_form(text, function(bytes, form)
        local info, err = cert.parse(bytes)
        assert.is_nil(info)
        assert.equal("cert.invalid", err.code)
        assert.is_truthy(err.hint:find("iconv -f " .. form, 1, true), err.hint)
      end)
    end
  end)

  it("is what that command can read", function()
    each_form(pki.leaf.cert, function(bytes, form)
      local path = dir:write("wide.pem", bytes)
      local back = process.run { "iconv", "-f", form:match "%S+", "-t", "UTF-8", path }
      assert.equal(0, back.code, back.err)
      assert.equal(1, #assert(cert.parse(back.out)).certificates)
    end)
  end)

  it("with a service key is refused, too", function()
    assert(service_key.parse(KEY))
    each_form(KEY, function(bytes, form)
      local key, err = service_key.parse(bytes)
      assert.is_nil(key)
      assert.equal("service_key.invalid", err.code)
      assert.is_truthy(err.hint:find("iconv -f " .. form, 1, true), err.hint)
    end)
  end)

  it("is not seen where there is none", function()
    for _, text in ipairs { "\xff\xfe", "-\0-", "0\x82\1\0", "\0\0\0\0", "PK\3\4" } do
      local _, err = cert.parse(text)
      assert.is_nil(tostring(err):find "iconv")
    end
    assert(cert.parse(pki.leaf.cert))
  end)
end)

describe("a signing request", function()
  it("in place of a certificate is named as one", function()
    local request = "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"
    local _, err = cert.parse(request)
    assert.equal("cert.invalid", err.code)
    assert.is_truthy(err.hint:find "signing request")
  end)
end)
