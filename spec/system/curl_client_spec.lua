-- curl, an HTTP client that is not ours, plays the sequences of SAP's documentation against the
-- sandbox: it resolves *.localhost by itself, like ours.
local async = require "spec.support.async"
local json = require "iflow.json"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"

-- Runs curl; returns the status, the body, and the header fields by lower-case name.
local function curl(land, ...)
  local head = land.dir:file "head"
  local result = process.run {
    "curl", "-sS", "--cacert", land.cacert, "-D", head, "-w", "\n%{http_code}", ...,
  }
  assert(result.code == 0, result.err)
  local body, status = result.out:match "^(.*)\n(%d+)$"
  local headers = {}
  for name, value in process.read(head):gmatch "([%w_-]+): ([^\r\n]*)" do
    headers[name:lower()] = value
  end
  return tonumber(status), body, headers
end

local function bearer(land, body)
  local answer = json.decode(body)
  assert.equal("bearer", answer.token_type)
  return "@" .. land.dir:write("bearer", "Authorization: Bearer " .. answer.access_token .. "\n")
end

local function token_by_secret(land, other)
  local oauth = other or land:key "secret".oauth
  local status, body = curl(land, "-X", "POST", "-u", oauth.clientid .. ":" .. oauth.clientsecret,
    oauth.tokenurl .. "?grant_type=client_credentials")
  assert.equal(200, status)
  return bearer(land, body)
end

local function orders_url(land) return land.sb.endpoints.runtime .. "/http/orders" end

describe("curl against the sandbox", function()
  it("gets a token with Basic and the grant type in the query, and calls", async(function()
    local land <close> = landscape.open()
    local status, body = curl(land, "-H", token_by_secret(land), "--data-binary", "an order",
      orders_url(land))
    assert.equal(200, status)
    assert.equal("an order", json.decode(body).body)
  end))

  for _, type in ipairs { "certificate", "external" } do
    it("gets a token with a certificate of type " .. type .. ", and calls", async(function()
      local land <close> = landscape.open()
      local key = land:key(type)
      local status, body = curl(land, "--cert", key.cert, "--key", key.key,
        "-d", "grant_type=client_credentials",
        "--data-urlencode", "client_id=" .. key.oauth.clientid, key.oauth.tokenurl)
      assert.equal(200, status)
      status = curl(land, "-H", bearer(land, body), "-d", "x", orders_url(land))
      assert.equal(200, status)
    end))

    it("calls with the certificate of type " .. type .. " alone", async(function()
      local land <close> = landscape.open()
      local key = land:key(type)
      local status = curl(land, "--cert", key.cert, "--key", key.key, "-d", "x", orders_url(land))
      assert.equal(200, status)
    end))
  end

  it("calls with Basic, client id and secret", async(function()
    local land <close> = landscape.open()
    local oauth = land:key "secret".oauth
    local status = curl(land, "-u", oauth.clientid .. ":" .. oauth.clientsecret, "-d", "x",
      orders_url(land))
    assert.equal(200, status)
  end))

  it("plays the CSRF handshake with curl's cookie jar", async(function()
    local land <close> = landscape.open { csrf = true }
    local token, jar = token_by_secret(land), land.dir:file "jar"
    local status, _, headers = curl(land, "-H", token, "-d", "x", orders_url(land))
    assert.equal(403, status)
    assert.equal("required", headers["x-csrf-token"]:lower())
    status, _, headers = curl(land, "-H", token, "-H", "X-CSRF-Token: Fetch", "-c", jar,
      orders_url(land))
    assert.equal(200, status)
    status = curl(land, "-H", token, "-H", "X-CSRF-Token: " .. headers["x-csrf-token"], "-b", jar,
      "-d", "x", orders_url(land))
    assert.equal(200, status)
    assert.equal(1, land.sb:counters().flows.orders)
  end))

  it("streams a body in chunks, and one that waits for 100-continue", async(function()
    local land <close> = landscape.open()
    local token, text = token_by_secret(land), ("0123456789abcdef"):rep(8192)
    local file = land.dir:write("body", text)
    for _, header in ipairs { "Transfer-Encoding: chunked", "Expect: 100-continue" } do
      local status, body = curl(land, "-H", token, "-H", header, "--data-binary", "@" .. file,
        orders_url(land))
      assert.equal(200, status)
      assert.equal(text, json.decode(body).body)
    end
  end))

  it("is told what is wrong with its credentials", async(function()
    local land <close> = landscape.open()
    local oauth = land:key "secret".oauth
    local status, body = curl(land, "-u", oauth.clientid .. ":wrong",
      "-d", "grant_type=client_credentials", oauth.tokenurl)
    assert.equal(401, status)
    assert.is_truthy(json.decode(body).error)
    status = curl(land, "-H", "Authorization: Bearer not.a.token", "-d", "x", orders_url(land))
    assert.equal(401, status)
  end))

  it("is told that a role is missing, and by no CSRF header", async(function()
    local land <close> = landscape.open { csrf = true }
    local token = token_by_secret(land, land:other_key { "Other.send" })
    local status, _, headers = curl(land, "-H", token, "-d", "x", orders_url(land))
    assert.same({ 403 }, { status, headers["x-csrf-token"] })
  end))

  it("looks up the message log of what it sent", async(function()
    local land <close> = landscape.open()
    local _, _, headers = curl(land, "-H", token_by_secret(land), "-H", "SAP_ApplicationID: PO-1",
      "-d", "x", orders_url(land))
    local id = headers.sap_messageprocessinglogid
    local token = token_by_secret(land, land:other_key({ "MonitoringDataRead" }, "api"))
    local logs = land.sb.endpoints.api .. "/api/v1/MessageProcessingLogs"
    local status, body = curl(land, "-H", token, "-H", "Accept: application/json",
      logs .. "('" .. id .. "')")
    assert.same({ 200, "COMPLETED" }, { status, json.decode(body).d.Status })
    status, body = curl(land, "-H", token, "-G", logs, "-d", "$format=json",
      "--data-urlencode", "$filter=ApplicationMessageId eq 'PO-1'")
    assert.same({ 200, id }, { status, json.decode(body).d.results[1].MessageGuid })
    status, body = curl(land, "-H", token, logs .. "('" .. id .. "')/ErrorInformation/$value")
    assert.same({ 204, "" }, { status, body })
  end))

  it("refuses the sandbox without its root", async(function()
    local land <close> = landscape.open()
    local result = process.run { "curl", "-sS", orders_url(land) }
    assert.equal(60, result.code) -- "peer's certificate cannot be authenticated"
  end))
end)
