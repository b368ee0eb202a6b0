-- A TLS server that refuses the client's certificate, over TLS 1.2 (in the handshake) and 1.3
-- (after the request was written): credentials refused, never in doubt. The server is openssl.
local async = require "spec.support.async"
local iflow = require "iflow"
local json = require "iflow.json"
local pki = require "spec.support.pki"
local process = require "spec.support.process"

-- s_server that insists on a certificate by `clients`; and a key whose certificate is by another.
local function start(dir, version)
  local servers, others = pki.authority(dir, "Server Root"), pki.authority(dir, "Other Root")
  local clients = pki.authority(dir, "Client Root")
  local leaf = servers:issue { name = "localhost", usage = "serverAuth", sans = "DNS:localhost" }
  local own = others:issue { name = "sender", usage = "clientAuth" }
  local port = process.free_port()
  local helper = process.start {
    "openssl", "s_server", "-accept", "127.0.0.1:" .. port, "-cert", leaf.cert, "-key", leaf.key,
    "-Verify", "3", "-verify_return_error", "-CAfile", clients.cert, "-www", version,
  }
  process.wait_port(port, helper)
  local base = ("https://localhost:%d"):format(port)
  helper.options = {
    cacert = servers.cert, token_cache = false, connect_timeout = 5, timeout = 5,
    service_key = dir:write("key.json", assert(json.encode { oauth = {
      clientid = "sb-1", url = base, tokenurl = base .. "/oauth/token",
      certificate = process.read(own.cert), key = process.read(own.key),
    } })),
  }
  return helper
end

describe("a client certificate that the server refuses", function()
  for _, version in ipairs { "-tls1_2", "-tls1_3" } do
    it("for a token, " .. version, async(function()
      local dir <close> = process.tempdir()
      local server <close> = start(dir, version)
      local tenant <close> = assert(iflow.tenant(server.options))
      local token, err = tenant:token()
      assert.is_nil(token)
      assert.equal("tls.credentials_refused", err.code)
      assert.is_false(err.retryable)
    end))

    it("for a call, " .. version, async(function()
      local dir <close> = process.tempdir()
      local server <close> = start(dir, version)
      local tenant <close> = assert(iflow.tenant(server.options))
      local answer, err = tenant:call { to = "/http/orders", body = "x", auth = "certificate" }
      assert.is_nil(answer)
      assert.equal("tls.credentials_refused", err.code)
      assert.equal("rejected", err.outcome)
    end))

    it("for a call from the command line: exit code 3, " .. version, async(function()
      local dir <close> = process.tempdir()
      local server <close> = start(dir, version)
      local result = process.run {
        process.iflow, "call", "/http/orders", "--auth", "certificate", "-d", "x", "--service-key",
        server.options.service_key, "--cacert", server.options.cacert,
        env = { XDG_CACHE_HOME = dir:file "cache" },
      }
      assert.equal(3, result.code, result.err)
    end))
  end
end)
