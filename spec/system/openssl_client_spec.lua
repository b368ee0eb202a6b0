-- openssl s_client against the sandbox: TLS by hand, the requests written out byte for byte.
local async = require "spec.support.async"
local core = require "iflow.core"
local json = require "iflow.json"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"

-- Sends the request over s_client with the options given; returns status, body, what openssl said,
-- and the head of the answer.
local function s_client(land, url, request, ...)
  local host, port = url:match "//([^:/]+):(%d+)"
  local text = table.concat(request.lines, "\r\n") .. ("\r\nHost: %s:%s\r\n"):format(host, port) ..
    ("Content-Length: %d\r\nConnection: close\r\n\r\n%s"):format(#request.body, request.body)
  local result = process.run {
    "openssl", "s_client", "-quiet", "-connect", "127.0.0.1:" .. port, "-servername", host,
    "-verify_hostname", host, "-CAfile", land.cacert, "-verify_return_error", "-no-CAstore",
    stdin = text, timeout = 20, ...,
  }
  local head, status, body = result.out:match "^(HTTP/1%.1 (%d+).-\r\n)\r\n(.*)$"
  return tonumber(status), body, result.err, head
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

  it("plays the whole procedure: wrong secret, wrong role, CSRF, call, message log",
    async(function()
      local land <close> = landscape.open { csrf = true }
      local endpoints = land.sb.endpoints
      local function token(oauth, secret)
        local basic = core.crypto.base64(oauth.clientid .. ":" .. (secret or oauth.clientsecret))
        local status, body = s_client(land, oauth.tokenurl, { body = "", lines = {
          "POST /oauth/token?grant_type=client_credentials HTTP/1.1",
          "Authorization: Basic " .. basic } })
        return status, "Authorization: Bearer " .. (json.decode(body).access_token or "")
      end
      local function orders(method, lines, body)
        local status, text, _, head = s_client(land, endpoints.runtime, { body = body, lines = {
          method .. " /http/orders HTTP/1.1", table.unpack(lines) } })
        return status, text, head
      end
      local own = land:key "secret".oauth
      assert.equal(401, (token(own, "wrong")))
      local _, other = token(land:other_key { "Other.send" })
      local status, _, head = orders("POST", { other }, "x")
      assert.same({ 403 }, { status, head:match "X%-CSRF%-Token" })
      local _, bearer = token(own)
      status, _, head = orders("POST", { bearer }, "x")
      assert.same({ 403, "required" }, { status, head:match "X%-CSRF%-Token: (%S+)" })
      status, _, head = orders("GET", { bearer, "X-CSRF-Token: Fetch" }, "")
      assert.equal(200, status)
      local csrf, cookies = head:match "X%-CSRF%-Token: (%S+)", {}
      for cookie in head:gmatch "Set%-Cookie: ([^;]+)" do cookies[#cookies + 1] = cookie end
      status, _, head = orders("POST", { bearer, "X-CSRF-Token: " .. csrf,
                                         "Cookie: " .. table.concat(cookies, "; ") }, "an order")
      assert.equal(200, status)
      local id = head:match "SAP_MessageProcessingLogID: (%S+)"
      local _, monitor = token(land:other_key({ "MonitoringDataRead" }, "api"))
      local body
      status, body = s_client(land, endpoints.api, { body = "", lines = {
        ("GET /api/v1/MessageProcessingLogs('%s')?$format=json HTTP/1.1"):format(id), monitor } })
      assert.same({ 200, "COMPLETED" }, { status, json.decode(body).d.Status })
    end))

  it("is refused over TLS 1.1", async(function()
    local land <close> = landscape.open()
    local status = s_client(land, land.sb.endpoints.runtime,
      { lines = { "GET / HTTP/1.1" }, body = "" }, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert.is_nil(status)
  end))
end)
