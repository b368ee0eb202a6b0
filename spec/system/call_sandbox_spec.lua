-- Every way to authenticate a call, and what a tenant answers, by iflow.tenant over the sandbox.
local async = require "spec.support.async"
local iflow = require "iflow"
local landscape = require "spec.support.landscape"
local sandbox = require "spec.support.sandbox"

local types = { "secret", "certificate", "external" }

local function open(land, type, more)
  return assert(iflow.tenant(land:tenant_options(type, more)))
end

describe("a token", function()
  for _, type in ipairs(types) do
    it("comes for a key of type " .. type, async(function()
      local land <close> = landscape.open()
      local tenant <close> = open(land, type)
      local token = assert(tenant:token())
      assert.same({ "ESBMessaging.send" }, token.roles)
      assert.equal(land:key(type).oauth.clientid, token.client_id)
      assert.equal(3599, token.expires_at - token.fetched_at)
    end))

    it("comes in the query form for a key of type " .. type, async(function()
      local land <close> = landscape.open()
      local tenant <close> = open(land, type, { grant_type_in = "query" })
      assert(tenant:token())
    end))
  end

  it("comes for a secret in the body", async(function()
    local land <close> = landscape.open()
    local tenant <close> = open(land, "secret", { client_auth = "body" })
    assert(tenant:token())
  end))

  it("comes for form-encoded Basic in both modes of the server", async(function()
    for _, mode in ipairs { "decoded", "raw" } do
      local land <close> = landscape.open { settings = { basic_credentials = mode } }
      local tenant <close> = open(land, "secret")
      assert(tenant:token())
    end
  end))

  it("is refused for a scope that is not owned, and at another subdomain", async(function()
    local land <close> = landscape.open()
    local tenant <close> = open(land, "secret", { scope = "other.scope" })
    assert.equal("token.scope", select(2, tenant:token()).code)
    local oauth = {}
    for name, value in pairs(land:key("secret").oauth) do oauth[name] = value end
    oauth.tokenurl = oauth.tokenurl:gsub("//acme%-dev%.", "//nobody.")
    local lost <close> = open(land, "secret", { service_key = { oauth = oauth } })
    assert.equal("token.not_found", select(2, lost:token()).code)
  end))

  it("is refused when a certificate key is pointed at the host without .cert.", async(function()
    local land <close> = landscape.open()
    local oauth = {}
    for name, value in pairs(land:key("certificate").oauth) do oauth[name] = value end
    oauth.tokenurl = land.sb.endpoints.token:match "^https://[^/]+" .. "/oauth/token"
    local tenant <close> = open(land, "certificate", { service_key = { oauth = oauth } })
    local _, err = tenant:token()
    assert.equal("token.rejected", err.code)
    assert.is_truthy(err.hint:find(".cert.", 1, true))
  end))
end)

describe("a call", function()
  for _, type in ipairs(types) do
    it("is delivered with a token by a key of type " .. type, async(function()
      local land <close> = landscape.open()
      local tenant <close> = open(land, type)
      local answer = assert(tenant:call {
        to = "/http/orders", body = "ä", query = { OrderId = "4711 ü" },
        headers = { ["Content-Type"] = "text/plain" },
      })
      local seen = assert(iflow.json.decode(answer.body))
      assert.equal("ä", seen.body)
      assert.equal(28, #answer.message_id)
      assert.equal(1, land.sb:counters().flows.orders)
    end))
  end

  for _, type in ipairs { "certificate", "external" } do
    it("is delivered with the certificate alone by a key of type " .. type, async(function()
      local land <close> = landscape.open { csrf = true }
      local tenant <close> = open(land, type)
      assert.equal(1, assert(tenant:call { to = "/http/orders", auth = "certificate" }).repairs)
      assert.equal(0, land.sb:counters().token_requests)
    end))
  end

  it("is delivered with Basic", async(function()
    local land <close> = landscape.open { csrf = true }
    local tenant <close> = open(land, "secret")
    assert.equal(1, assert(tenant:call { to = "/http/orders", auth = "basic" }).repairs)
    assert.equal(0, land.sb:counters().token_requests)
  end))

  it("does not show the certificate when it uses a token", async(function()
    local subjects = {}
    local land <close> = landscape.open { process = function(exchange)
      subjects[#subjects + 1] = exchange.headers.ssl_client_user or "none"
      return 200, {}, ""
    end }
    local tenant <close> = open(land, "certificate")
    for _ = 1, 3 do
      assert(tenant:call { to = "/http/orders", auth = "certificate" })
      assert(tenant:call { to = "/http/orders" })
    end
    assert.same({ "none", "none", "none" }, { subjects[2], subjects[4], subjects[6] })
    assert.not_equal("none", subjects[1])
  end))

  it("reaches a protected flow on several workers, one handshake for many", async(function()
    local land <close> = landscape.open { csrf = true, settings = { workers = 3 } }
    local tenant <close> = open(land, "secret")
    local jobs = {}
    for i = 1, 60 do
      jobs[i] = function()
        return assert(tenant:call { to = "/http/orders", body = tostring(i) }).repairs
      end
    end
    iflow.all(jobs, { limit = 20 })
    assert.equal(60, land.sb:counters().flows.orders)
    assert.equal(0, assert(tenant:call { to = "/http/orders" }).repairs)
  end))

  it("without the role is refused, and the message lists the token's roles", async(function()
    local land <close> = landscape.open()
    assert(land.sb:deploy { name = "secret", address = "/secret", role = "Secret.send",
                            process = function() return 200, {}, "" end })
    local tenant <close> = open(land, "secret")
    local _, err = tenant:call { to = "/http/secret", body = "x" }
    assert.equal("call.forbidden", err.code)
    assert.is_truthy(err.message:find("ESBMessaging.send", 1, true))
    assert.equal(2, land.sb:counters().token_requests)
    assert.is_nil(land.sb:counters().flows.secret)
  end))

  it("is told apart from what was not found", async(function()
    local land <close> = landscape.open()
    local tenant <close> = open(land, "secret")
    for _, to in ipairs { "/http/nowhere", "/cxf/orders", "/http/Orders" } do
      assert.equal("call.not_found", select(2, tenant:call { to = to, body = "x" }).code)
    end
  end))

  it("that fails in the flow carries its message id, and was made once", async(function()
    local land <close> = landscape.open { process = function() error "boom" end }
    local tenant <close> = open(land, "secret")
    local _, err = tenant:call { to = "/http/orders", body = "x" }
    assert.equal("call.flow_failed", err.code)
    assert.equal("rejected", err.outcome)
    assert.equal(28, #err.message_id)
    assert.equal(1, land.sb:counters().flows.orders)
  end))

  it("that is too large is told as such", async(function()
    local land <close> = landscape.open()
    sandbox.echo(land.sb, { name = "small", address = "/small", max_size = 10, csrf = false })
    local tenant <close> = open(land, "secret")
    local _, err = tenant:call { to = "/http/small", body = ("x"):rep(11) }
    assert.equal("call.too_large", err.code)
    assert.equal("rejected", err.outcome)
  end))

  it("streams a body of one's own making to a protected flow", async(function()
    local land <close> = landscape.open()
    sandbox.echo(land.sb, { name = "echo", address = "/echo", csrf = true })
    local tenant <close> = open(land, "secret")
    local n = 0
    local answer = assert(tenant:call { to = "/http/echo", body = function()
      n = n + 1
      return n <= 100 and ("%05d"):format(n) or nil
    end })
    assert.equal(500, #answer.body)
    assert.equal("00100", answer.body:sub(-5))
  end))

  it("is refused when its server cannot be trusted", async(function()
    local land <close> = landscape.open()
    local options = land:tenant_options "secret"
    options.cacert = nil
    local tenant <close> = assert(iflow.tenant(options))
    local _, err = tenant:call { to = "/http/orders" }
    assert.equal("tls.untrusted", err.code)
    assert.equal("rejected", err.outcome)
  end))
end)
