-- `iflow token` and `iflow call`, unchanged, against a standards-conforming OAuth server that is
-- not ours (python3-oauthlib): all it takes is a key file and a CA file.
local json = require "iflow.json"
local pki = require "spec.support.pki"
local process = require "spec.support.process"

local client_id = "sb-orders!b12|it-rt"
local client_secret = "pä$s=w%rd+!|:x"

local function start(dir)
  local ca = pki.authority(dir, "Other Root")
  local port = process.free_port()
  local server = ca:issue { name = "localhost", usage = "serverAuth", sans = "DNS:localhost" }
  local config = dir:write("config.json", assert(json.encode {
    port = port, cert = server.cert, key = server.key, client_ca = ca.cert,
    client_id = client_id, client_secret = client_secret, expires_in = 1800,
  }))
  local helper = process.start { "/usr/bin/python3", "spec/support/oauth_server.py", config }
  process.wait_port(port, helper)
  helper.ca, helper.base = ca, ("https://localhost:%d"):format(port)
  return helper
end

local function key_file(dir, server, fields)
  local document = { clientid = client_id, createdate = "2026-11-22T10:00:00.000Z",
                     url = server.base, tokenurl = server.base .. "/oauth/token" }
  for name, value in pairs(fields) do document[name] = value end
  return dir:write("key.json", assert(json.encode { oauth = document }))
end

local function iflow(dir, server, ...)
  local words = { process.iflow, ... }
  table.move({ "--service-key", dir:file "key.json", "--cacert", server.ca.cert, "--json" }, 1, 5,
    #words + 1, words)
  words.env = { XDG_CACHE_HOME = dir:file "cache" }
  local result = process.run(words)
  return result.code, json.decode(result.out), result.err
end

describe("against python3-oauthlib", function()
  it("a token and a call with a client secret full of special characters", function()
    local dir <close> = process.tempdir()
    local server <close> = start(dir)
    key_file(dir, server, { clientsecret = client_secret })
    local code, token, err = iflow(dir, server, "token")
    assert.equal(0, code, err)
    assert.is_truthy(token)
    local answer
    code, answer, err = iflow(dir, server, "call", "/http/orders", "-d", "an order")
    assert.equal(0, code, err)
    assert.equal(200, answer.status)
  end)

  it("the secret in the body, and a scope of one's choice", function()
    local dir <close> = process.tempdir()
    local server <close> = start(dir)
    key_file(dir, server, { clientsecret = client_secret })
    local code, _, err = iflow(dir, server, "token", "--client-auth", "body", "--scope", "invoices")
    assert.equal(0, code, err)
    code = iflow(dir, server, "token", "--scope", "payroll")
    assert.equal(3, code)
  end)

  it("a certificate by RFC 8705", function()
    local dir <close> = process.tempdir()
    local server <close> = start(dir)
    local leaf = server.ca:issue { name = "sender", usage = "clientAuth" }
    key_file(dir, server, { certificate = process.read(leaf.cert), key = process.read(leaf.key) })
    local code, answer, err = iflow(dir, server, "call", "/http/orders", "-d", "an order")
    assert.equal(0, code, err)
    assert.equal(200, answer.status)
  end)

  it("a wrong secret is refused: credentials", function()
    local dir <close> = process.tempdir()
    local server <close> = start(dir)
    key_file(dir, server, { clientsecret = "wrong" })
    local code, answer = iflow(dir, server, "token")
    assert.equal(3, code)
    assert.equal("token.rejected", answer.error.code)
  end)
end)
