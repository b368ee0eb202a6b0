-- Through a real CONNECT proxy: tinyproxy.
local async = require "spec.support.async"
local iflow = require "iflow"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"
local tinyproxy = require "spec.support.tinyproxy"

-- The proxy resolves names by the system, which need not know *.localhost.
local function open(type, proxy_options)
  local land = landscape.open { hostname = "localhost" }
  proxy_options = proxy_options or {}
  proxy_options.dir = land.dir
  local proxy = tinyproxy.start(proxy_options)
  return land, proxy, function(url)
    return assert(iflow.tenant(land:tenant_options(type, { proxy = url or proxy.url })))
  end
end

describe("through tinyproxy", function()
  for _, type in ipairs { "secret", "certificate", "external" } do
    it("token and call with a key of type " .. type, async(function()
      local land <close>, proxy <close>, tenant_by = open(type)
      local tenant <close> = tenant_by()
      assert(tenant:call { to = "/http/orders", body = "x" })
      assert.equal(1, land.sb:counters().flows.orders)
      assert.equal(2, proxy.requests())
    end))
  end

  it("user and password of the proxy", async(function()
    local land <close>, proxy <close>, tenant_by = open("secret", { auth = { "joe", "geheim1" } })
    local address = proxy.url:gsub("//", "//joe:geheim1@")
    local tenant <close> = tenant_by(address)
    assert(tenant:call { to = "/http/orders", body = "x" })
    assert.equal(1, land.sb:counters().flows.orders)
  end))

  it("a wrong password is told as such", async(function()
    local _ <close>, proxy <close>, tenant_by = open("secret", { auth = { "joe", "geheim1" } })
    local tenant <close> = tenant_by(proxy.url:gsub("//", "//joe:falsch@"))
    local token, err = tenant:token()
    assert.is_nil(token)
    assert.equal("net.proxy_auth", err.code)
    assert.is_false(err.retryable)
    assert.is_nil(tostring(err):find("falsch", 1, true))
  end))

  it("a proxy that refuses the port", async(function()
    local _ <close>, _ <close>, tenant_by = open("secret", { connect_port = 443 })
    local tenant <close> = tenant_by()
    local token, err = tenant:token()
    assert.is_nil(token)
    assert.equal("net.proxy", err.code)
  end))

  it("a proxy that is not there", async(function()
    local _ <close>, proxy <close>, tenant_by = open "secret"
    proxy:stop()
    local tenant <close> = tenant_by()
    local token, err = tenant:token()
    assert.is_nil(token)
    assert.equal("net.proxy", err.code)
    assert.is_true(err.retryable)
  end))

  it("the proxy of the environment, with its exceptions", async(function()
    local land <close>, proxy <close> = open "secret"
    local function call(env)
      env.XDG_CACHE_HOME = land.dir:file "cache"
      return process.run {
        process.iflow, "call", "/http/orders", "--service-key", land:key "secret".path,
        "--cacert", land.cacert, "--token-cache", "off", "-d", "x", env = env,
      }
    end
    local through = call { https_proxy = proxy.url }
    assert.equal(0, through.code, through.err)
    assert.equal(2, proxy.requests())
    local around = call { https_proxy = proxy.url, no_proxy = "localhost" }
    assert.equal(0, around.code, around.err)
    assert.equal(2, proxy.requests())
  end))
end)
