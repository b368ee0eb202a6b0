-- A real load balancer between sender and runtime: nginx ends TLS, verifies client certificates and
-- passes on only those it could verify.
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"
local json = require "iflow.json"
local landscape = require "spec.support.landscape"
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"

-- The roots of both worlds: the sandbox's and the one that nginx's certificate comes from.
local function both_roots(land)
  return land.dir:write("roots.pem",
    process.read(land:authority().cert) .. process.read(land.cacert))
end

-- nginx before the sandbox's runtime.
local function before(land, opts)
  local ca = land:authority()
  return nginx.start {
    dir = land.dir, roots = opts.roots or both_roots(land),
    server = ca:issue { name = "localhost", usage = "serverAuth", sans = "DNS:localhost" },
    upstream_root = land.cacert, upstream = land:port "runtime",
    host_field = land.sb.endpoints.runtime:match "//([^/]+)",
    protocols = opts.protocols, underscores = opts.underscores, requests = opts.requests,
  }
end

local function open(land, balancer, type)
  return assert(iflow.tenant(land:tenant_options(type, { url = balancer.url,
                                                        cacert = both_roots(land) })))
end

local foreign = { balancer = "foreign" }

describe("behind nginx", function()
  for _, protocol in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("a certificate opens the flow over " .. protocol, async(function()
      local land <close> = landscape.open { settings = foreign }
      local balancer <close> = before(land, { protocols = protocol })
      for _, type in ipairs { "certificate", "external" } do
        local tenant <close> = open(land, balancer, type)
        local answer = assert(tenant:call { to = "/http/orders", body = "x", auth = "certificate" })
        assert.equal("delivered", answer.outcome)
      end
    end))

    it("a certificate by an unknown authority is dropped over " .. protocol, async(function()
      local land <close> = landscape.open { settings = foreign }
      local balancer <close> = before(land, { protocols = protocol, roots = land.cacert })
      local tenant <close> = open(land, balancer, "external")
      local answer, err = tenant:call { to = "/http/orders", body = "x", auth = "certificate" }
      assert.is_nil(answer)
      assert.equal("call.unauthorized", err.code)
      assert.equal(401, err.status)
    end))
  end

  it("a token opens the flow, on connections that nginx closes after two requests",
    async(function()
      local land <close> = landscape.open { settings = foreign }
      local balancer <close> = before(land, { requests = 2 })
      local tenant <close> = open(land, balancer, "secret")
      for i = 1, 7 do
        local answer = assert(tenant:call { to = "/http/orders", body = "order " .. i })
        assert.equal("order " .. i, json.decode(answer.body).body)
      end
      assert.equal(7, land.sb:counters().flows.orders)
    end))

  it("a certificate in a header of the sender's own counts for nothing", async(function()
    local land <close> = landscape.open { settings = foreign }
    local balancer <close> = before(land, {})
    local stolen = land:key "certificate".oauth.certificate:gsub("\n", "%%0A"):gsub(" ", "%%20")
    local answer, err = core.http.request {
      url = balancer.url .. "/http/orders", method = "POST", body = "x",
      cacert = land:authority().cert, headers = { SSL_CLIENT_CERT = stolen },
    }
    assert.is_nil(err)
    assert.equal(401, answer.status)
  end))

  local function seen_application_id(underscores)
    local land <close> = landscape.open { settings = foreign }
    local balancer <close> = before(land, { underscores = underscores })
    local tenant <close> = open(land, balancer, "secret")
    local answer = assert(tenant:call { to = "/http/orders", body = "x",
                                        headers = { SAP_ApplicationID = "4711" } })
    return json.decode(answer.body).headers.sap_applicationid
  end

  it("header names with underscores pass when it lets them", async(function()
    assert.equal("4711", seen_application_id "on")
  end))

  it("header names with underscores are lost when it does not", async(function()
    assert.is_nil(seen_application_id "off")
  end))

  it("a runtime that is down leaves the call in doubt", async(function()
    local land <close> = landscape.open { settings = foreign }
    local balancer <close> = before(land, {})
    local tenant <close> = open(land, balancer, "secret")
    assert(tenant:token())
    land.sb:close()
    local answer, err = tenant:call { to = "/http/orders", body = "x" }
    assert.is_nil(answer)
    assert.equal(502, err.status)
    assert.equal("in_doubt", err.outcome)
  end))
end)
