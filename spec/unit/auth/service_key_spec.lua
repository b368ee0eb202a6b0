-- Service keys: every wrapping, every type, and what is said about the ones that are wrong.
local core = require "iflow.core"
local openssl = require "spec.support.openssl"
local process = require "spec.support.process"

local service_key, json = core.service_key, core.json

local client_id = "sb-3b8f0c1e-5d5a-4f7b-9f0e-2f1a7c9d1e11!b4711|it-rt-acme-dev!b815"
local client_secret = "0f7a1c52-8f53-4b5e-8f0f-6a1d2b3c4d5e$Zm9yLXRlc3RzLW9ubHktbm90LWEtcmVhbA=="
local runtime = "https://acme-dev.it-cpi001-rt.cfapps.eu10.example.com"
local token_url = "https://acme-dev.authentication.eu10.example.com/oauth/token"
local cert_token_url = "https://acme-dev.authentication.cert.eu10.example.com/oauth/token"

local dir, pki

setup(function()
  dir = process.tempdir()
  pki = openssl.pki(dir)
end)

teardown(function() dir:close() end)

local function chain() return pki.leaf.cert .. pki.intermediate.cert .. pki.root.cert end

local function with(fields, over)
  for name, value in pairs(over or {}) do
    fields[name] = value ~= json.null and value or nil
  end
  return fields
end

-- Fields of a key as the broker writes them; json.null removes one.
local function secret_fields(over)
  return with({ clientid = client_id, clientsecret = client_secret, url = runtime,
    createdate = "2026-05-04T08:15:30.123Z", tokenurl = token_url }, over)
end

local function certificate_fields(over)
  return with({ clientid = client_id, certificate = chain(), key = pki.leaf.key, url = runtime,
    tokenurl = cert_token_url, createdate = "2026-05-04T08:15:30.123Z",
    certificatedetails = { validuntil = "2027-05-04T08:15:30.000Z", serialnumber = "0x4FA1B2C3D4" },
  }, over)
end

local function parse(document, name)
  return service_key.parse(assert(json.encode(document)), name)
end

local function refused(code, document)
  local key, err = parse(document, "orders-key.json")
  assert.is_nil(key)
  assert.equal(code, err.code)
  return err
end

describe("service_key.parse", function()
  it("reads a client secret", function()
    local key = assert(parse({ oauth = secret_fields() }, "orders-key.json"))
    assert.equal("client secret", key.type)
    assert.equal(client_id, key.client_id)
    assert.equal(token_url, key.token_url)
    assert.equal(runtime, key.url)
    assert.equal("2026-05-04T08:15:30.123Z", key.created)
    assert.equal("orders-key.json", key.name)
    assert.equal(client_secret, key:secret():reveal())
    assert.is_nil(key.valid_until)
    assert.is_nil(key:certificate_pem())
    assert.is_nil(key:private_key_pem())
    assert.same({}, key.warnings)
  end)

  it("reads a certificate", function()
    local key = assert(parse { oauth = certificate_fields() })
    assert.equal("certificate", key.type)
    assert.equal(cert_token_url, key.token_url)
    assert.equal(chain(), key:certificate_pem())
    assert.equal(pki.leaf.key, key:private_key_pem():reveal())
    assert.equal("2027-05-04T08:15:30.000Z", key.valid_until)
    assert.is_nil(key:secret())
    assert.same({}, key.warnings)
  end)

  it("reads an external certificate", function()
    local key = assert(parse { oauth = certificate_fields { key = json.null,
      certificate = pki.leaf.cert } })
    assert.equal("external certificate", key.type)
    assert.equal(pki.leaf.cert, key:certificate_pem())
    assert.is_nil(key:private_key_pem())
    assert.is_nil(key:secret())
  end)

  it("takes a chain without its key for a damaged key, not for an external one", function()
    local err = refused("service_key.field", { oauth = certificate_fields { key = json.null } })
    assert.matches("oauth%.key is missing", err.message)
    refused("service_key.field", { oauth = certificate_fields { key = json.null,
      certificate = pki.leaf.cert .. pki.intermediate.cert } })
  end)

  it("reads every wrapping", function()
    for _, document in ipairs {
      { oauth = secret_fields() }, { credentials = { oauth = secret_fields() } },
      { credentials = secret_fields() }, secret_fields(),
      { name = "key", guid = "x", credentials = { oauth = secret_fields() } },
    } do
      local key = assert(parse(document))
      assert.equal("client secret", key.type)
      assert.equal(client_id, key.client_id)
      assert.equal(token_url, key.token_url)
      assert.equal(client_secret, key:secret():reveal())
    end
  end)

  it("finds certificatedetails inside of oauth and beside it", function()
    local details = { validuntil = "2027-01-01T00:00:00.000Z" }
    local inside = assert(parse { oauth = certificate_fields { certificatedetails = details } })
    local beside = assert(parse { oauth = certificate_fields { certificatedetails = json.null },
      certificatedetails = details })
    assert.equal(details.validuntil, inside.valid_until)
    assert.equal(details.validuntil, beside.valid_until)
  end)

  it("reads plain XSUAA bindings", function()
    local base = "https://acme.authentication.eu10.example.com"
    local key = assert(parse { clientid = "sb-x!t1", clientsecret = "s", url = base,
      xsappname = "x" })
    assert.equal(base .. "/oauth/token", key.token_url)
    assert.is_nil(key.url)
    assert.equal(1, #key.warnings)
    key = assert(parse { clientid = "sb-x!t1", certificate = chain(), key = pki.leaf.key,
      url = base, certurl = "https://acme.authentication.cert.eu10.example.com/" })
    assert.equal("https://acme.authentication.cert.eu10.example.com/oauth/token", key.token_url)
    key = assert(parse { credentials = { clientid = "sb-x!t1", clientsecret = "s", url = base,
      certurl = "https://acme.authentication.cert.eu10.example.com" } })
    assert.equal(base .. "/oauth/token", key.token_url)
  end)

  it("does not take a runtime for a token server", function()
    refused("service_key.field", secret_fields { tokenurl = json.null })
    refused("service_key.field", { oauth = secret_fields { tokenurl = json.null } })
  end)

  it("takes both addresses verbatim", function()
    local key = assert(parse { oauth = secret_fields { url = runtime .. ":443/base/?x=1",
      tokenurl = token_url .. "?a=b%20c" } })
    assert.equal(runtime .. ":443/base/?x=1", key.url)
    assert.equal(token_url .. "?a=b%20c", key.token_url)
  end)

  it("keeps every character of the secret", function()
    for _, text in ipairs { "!|$=%+:", "ä€😀", " blank ", "\"\\", "a\nb\tc" } do
      assert.equal(text, assert(parse { oauth = secret_fields { clientsecret = text } }):secret()
        :reveal())
    end
  end)

  it("repairs the PEM of certificate and key", function()
    for _, spoil in ipairs {
      function(s) return (s:gsub("\n", "\\n")) end, function(s) return (s:gsub("\n", "\r\n")) end,
      function(s) return (s:gsub("\n", "")) end, function(s) return (s:gsub("\n$", "")) end,
      function(s) return (s:gsub("%-+\n$", "")) end,
      function(s) return (s:gsub("\n", "\\r\\n")) end,
    } do
      local key = assert(parse { oauth = certificate_fields { certificate = spoil(chain()),
        key = spoil(pki.leaf.key) } })
      assert.equal(chain(), key:certificate_pem())
      assert.equal(pki.leaf.key, key:private_key_pem():reveal())
    end
  end)

  it("restores missing BEGIN and END lines", function()
    local function bare(s) return (s:gsub("%-%-%-%-%-[^\n]+\n", "")) end
    local key = assert(parse { oauth = certificate_fields { certificate = bare(pki.leaf.cert),
      key = bare(pki.leaf.key) } })
    assert.equal(pki.leaf.cert, key:certificate_pem())
    assert.equal(pki.leaf.key, key:private_key_pem():reveal())
    local traditional = openssl.run("rsa", "-in", dir:file "leaf.key", "-traditional")
    key = assert(parse { oauth = certificate_fields { key = bare(traditional) } })
    assert.equal(traditional, key:private_key_pem():reveal())
  end)

  it("puts the leaf first, found by its private key", function()
    local leaf, intermediate, root = pki.leaf.cert, pki.intermediate.cert, pki.root.cert
    for _, shuffled in ipairs { root .. intermediate .. leaf, intermediate .. leaf .. root } do
      local key = assert(parse { oauth = certificate_fields { certificate = shuffled } })
      assert.equal(chain(), key:certificate_pem())
    end
  end)

  it("takes a key of 32 levels of other things beside it", function()
    assert.is_truthy(parse { oauth = secret_fields(), other = { { { 1, true, "x" } } } })
  end)
end)

describe("a service key warns", function()
  local function warnings(document) return #assert(parse(document)).warnings end

  it("when a certificate's token host lacks .cert.", function()
    assert.equal(1, warnings { oauth = certificate_fields { tokenurl = token_url } })
    assert.equal(1, warnings { oauth = certificate_fields { tokenurl = token_url,
      key = json.null, certificate = pki.leaf.cert } })
    assert.equal(0, warnings { oauth = certificate_fields { tokenurl = "https://localhost:1/t" } })
  end)

  it("when a secret's token host has .cert.", function()
    assert.equal(1, warnings { oauth = secret_fields { tokenurl = cert_token_url } })
  end)

  it("when the token travels unencrypted", function()
    assert.equal(1, warnings { oauth = secret_fields { tokenurl = "http://localhost:1/t" } })
  end)

  it("when the private key belongs to another certificate", function()
    assert.equal(1, warnings { oauth = certificate_fields { key = pki.root.key,
      certificate = pki.leaf.cert } })
  end)

  it("when there is a secret beside a certificate", function()
    local key = assert(parse { oauth = certificate_fields { clientsecret = "s" } })
    assert.equal("certificate", key.type)
    assert.equal(1, #key.warnings)
  end)
end)

describe("a wrong service key", function()
  local function names(path, document)
    local err = refused("service_key.field", document)
    assert.is_truthy(err.message:find("orders-key.json", 1, true), err.message)
    assert.is_truthy(err.message:find(path, 1, true), err.message)
    assert.is_truthy(err.message:find("cockpit shows", 1, true), err.message)
    assert.is_truthy(err.hint:find("Instances and Subscriptions", 1, true))
  end

  it("names file, path and what the cockpit shows for a missing field", function()
    for _, field in ipairs { "clientid", "clientsecret", "tokenurl", "url" } do
      names("oauth." .. field, { oauth = secret_fields { [field] = json.null } })
      names("credentials.oauth." .. field,
        { credentials = { oauth = secret_fields { [field] = json.null } } })
    end
    names("oauth.certificate", { oauth = certificate_fields { certificate = json.null } })
    names("credentials.clientid", { credentials = secret_fields { clientid = json.null } })
    names("oauth.clientid", { roles = { "x" } })
  end)

  it("names a field of a wrong type", function()
    for _, value in ipairs { 1, true, { 1 }, { a = 1 } } do
      for _, field in ipairs { "clientid", "clientsecret", "tokenurl", "url" } do
        names("oauth." .. field, { oauth = secret_fields { [field] = value } })
      end
      names("oauth.certificate", { oauth = certificate_fields { certificate = value } })
      names("oauth.key", { oauth = certificate_fields { key = value } })
    end
    local err = select(2, service_key.parse '{"oauth":{"clientid":null}}')
    assert.equal("service_key.field", err.code)
  end)

  it("names an empty field or one with control characters", function()
    names("oauth.clientid", { oauth = secret_fields { clientid = "" } })
    names("oauth.clientsecret", { oauth = secret_fields { clientsecret = "" } })
    names("oauth.clientid", { oauth = secret_fields { clientid = "a\nb" } })
    names("oauth.url", { oauth = secret_fields { url = runtime .. "\r\n" } })
  end)

  it("names an address that is none", function()
    for _, url in ipairs { "acme.example.com", "ftp://a.example", "https://", "https://a b",
      "https://user:pw@a.example/", "https://a.example:99999/" } do
      names("oauth.tokenurl", { oauth = secret_fields { tokenurl = url } })
      names("oauth.url", { oauth = secret_fields { url = url } })
    end
  end)

  it("names a certificate or key that cannot be read", function()
    for _, text in ipairs { "hello", "MIIB", (pki.leaf.cert:gsub("%-+END.*", "")),
      (pki.leaf.cert:gsub("\nMII", "\nMI")), pki.leaf.key } do
      names("oauth.certificate", { oauth = certificate_fields { certificate = text } })
    end
    for _, text in ipairs { "hello", pki.leaf.cert, (pki.leaf.key:gsub("\nMII", "\nMI")) } do
      names("oauth.key", { oauth = certificate_fields { key = text } })
    end
  end)

  it("is told from a wrong document", function()
    for _, text in ipairs { "[]", "1", '"x"', "null", "{}", '{"oauth":1}', '{"oauth":[]}' } do
      assert.equal("service_key.field", select(2, service_key.parse(text)).code, text)
    end
    for _, text in ipairs { "", "x", "{", "Getting key…\n{}", pki.leaf.cert } do
      assert.equal("service_key.invalid", select(2, service_key.parse(text)).code, text)
    end
  end)

  it("shows no secret in its error", function()
    for _, document in ipairs {
      { oauth = secret_fields { url = json.null } },
      { oauth = certificate_fields { tokenurl = 1 } },
      { oauth = certificate_fields { key = pki.leaf.key:sub(1, 300) } },
    } do
      local text = tostring(refused("service_key.field", document))
      assert.is_nil(text:find(client_secret, 1, true))
      assert.is_nil(text:find(pki.leaf.key:sub(40, 60), 1, true))
    end
  end)

  it("is limited in size and in certificates", function()
    refused("limit.exceeded", { oauth = secret_fields { clientid = ("x"):rep(300000) } })
    local many = {}
    for i = 1, 40 do many[i] = pki.leaf.cert end
    assert.is_truthy(parse { oauth = certificate_fields { certificate = table.concat(many) } })
  end)
end)

describe("a key object", function()
  it("prints without its secret", function()
    local key = assert(parse({ oauth = secret_fields() }, "orders-key.json"))
    assert.equal("service key 'orders-key.json' (client secret)", tostring(key))
    assert.is_nil(tostring(key:secret()):find(client_secret, 1, true))
  end)

  it("raises for a field it does not have", function()
    local key = assert(parse { oauth = secret_fields() })
    assert.error_matches(function() return key.token_ulr end, "did you mean 'token_url'")
    assert.error(function() return key[1] end)
  end)

  it("outlives its text", function()
    local key = assert(parse { oauth = secret_fields() })
    collectgarbage()
    assert.equal(client_secret, key:secret():reveal())
  end)
end)

describe("service_key.open", function()
  it("reads a file and calls it by its path", function()
    local path = dir:write("orders-key.json", json.encode { oauth = secret_fields() })
    assert.equal(path, assert(service_key.open(path)).name)
  end)

  it("tells what is wrong with a file", function()
    local function code_of(path) return select(2, service_key.open(path)).code end
    assert.equal("file.not_found", code_of(dir:file "missing.json"))
    assert.equal("usage.invalid", code_of(dir.path))
    assert.equal("service_key.invalid", code_of(dir:write("empty.json", "")))
    assert.equal("limit.exceeded", code_of(dir:write("big.json", (" "):rep(300000))))
  end)
end)
