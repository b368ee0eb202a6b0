-- openssl s_client against the sandbox: TLS by hand, the requests written out byte for byte.
local async = require "spec.support.async"
local core = require "iflow.core"
local json = require "iflow.json"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"

-- Sends the request over s_client with the options given; returns status, body, what openssl said.
local function s_client(land, url, request, ...)
  local host, port = url:match "//([^:/]+):(%d+)"
  local text = table.concat(request.lines, "\r\n") .. ("\r\nHost: %s:%s\r\n"):format(host, port) ..
    ("Content-Length: %d\r\nConnection: close\r\n\r\n%s"):format(#request.body, request.body)
  local result = process.run {
    "openssl", "s_client", "-quiet", "-connect", "127.0.0.1:" .. port, "-servername", host,
    "-verify_hostname", host, "-CAfile", land.cacert, "-verify_return_error", "-no-CAstore",
    stdin = text, timeout = 20, ...,
  }
  local status, body = result.out:match "^HTTP/1%.1 (%d+).-\r\n\r\n(.*)$"
  return tonumber(status), body, result.err
end

local function call(land, body, ...)
  local token = json.decode(body).access_token
  local request = { lines = { "POST /http/orders HTTP/1.1", "Authorization: Bearer " .. token },
                    body = "an order" }
  local status, answer = s_client(land, land.sb.endpoints.runtime, request, ...)
  assert.equal(200, status)
  assert.equal("an order", json.decode(answer).body)
end

describe("openssl s_client against the sandbox", function()
  for _, version in ipairs { "-tls1_2", "-tls1_3" } do
    it("token with Basic and ?grant_type=client_credentials, then a call, " .. version,
      async(function()
        local land <close> = landscape.open()
        local oauth = land:key "secret".oauth
        local basic = core.crypto.base64(oauth.clientid .. ":" .. oauth.clientsecret)
        local status, body, err = s_client(land, oauth.tokenurl, {
          lines = { "POST /oauth/token?grant_type=client_credentials HTTP/1.1",
                    "Authorization: Basic " .. basic }, body = "",
        }, version)
        assert.equal(200, status, err)
        call(land, body, version)
      end))

    it("token with a certificate, then a call, " .. version, async(function()
      local land <close> = landscape.open()
      local key = land:key "certificate"
      local form = "grant_type=client_credentials&client_id=" ..
        key.oauth.clientid:gsub("[^%w._-]", function(c) return ("%%%02X"):format(c:byte()) end)
      local status, body, err = s_client(land, key.oauth.tokenurl, {
        lines = { "POST /oauth/token HTTP/1.1", "Content-Type: application/x-www-form-urlencoded" },
        body = form,
      }, version, "-cert", key.cert, "-cert_chain", key.cert, "-key", key.key)
      assert.equal(200, status, err)
      call(land, body, version)
    end))
  end

  it("is refused over TLS 1.1", async(function()
    local land <close> = landscape.open()
    local status = s_client(land, land.sb.endpoints.runtime,
      { lines = { "GET / HTTP/1.1" }, body = "" }, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert.is_nil(status)
  end))
end)
