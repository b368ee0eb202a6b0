-- Through a real CONNECT proxy: tinyproxy.
local async = require "spec.support.async"
local iflow = require "iflow"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"
local tinyproxy = require "spec.support.tinyproxy"

-- The proxy resolves names by the system, which need not know *.localhost.
local function open() return landscape.open { hostname = "localhost" } end

local function proxy_for(land, options)
  options = options or {}
  options.dir = land.dir
  return tinyproxy.start(options)
end

local function tenant_by(land, url, type)
  return assert(iflow.tenant(land:tenant_options(type or "secret", { proxy = url })))
end

describe("through tinyproxy", function()
  for _, type in ipairs { "secret", "certificate", "external" } do
    it("token and call with a key of type " .. type, async(function()
      local land <close> = open()
      local proxy <close> = proxy_for(land)
      local tenant <close> = tenant_by(land, proxy.url, type)
      assert(tenant:call { to = "/http/orders", body = "x" })
      assert.equal(1, land.sb:counters().flows.orders)
      assert.equal(2, proxy.requests())
    end))
  end

  it("user and password of the proxy", async(function()
    local land <close> = open()
    local proxy <close> = proxy_for(land, { auth = { "joe", "geheim1" } })
    local tenant <close> = tenant_by(land, (proxy.url:gsub("//", "//joe:geheim1@")))
    assert(tenant:call { to = "/http/orders", body = "x" })
    assert.equal(1, land.sb:counters().flows.orders)
  end))

  it("a missing or wrong password is told as such", async(function()
    local land <close> = open()
    local proxy <close> = proxy_for(land, { auth = { "joe", "geheim1" } })
    for _, user in ipairs { "", "joe:falsch@" } do
      local tenant <close> = tenant_by(land, (proxy.url:gsub("//", "//" .. user)))
      local token, err = tenant:token()
      assert.is_nil(token)
      assert.equal("net.proxy_auth", err.code)
      assert.is_false(err.retryable)
      assert.is_nil(tostring(err):find("falsch", 1, true))
    end
  end))

  it("a proxy that refuses the port", async(function()
    local land <close> = open()
    local proxy <close> = proxy_for(land, { connect_port = 443 })
    local tenant <close> = tenant_by(land, proxy.url)
    local token, err = tenant:token()
    assert.is_nil(token)
    assert.equal("net.proxy", err.code)
  end))

  it("a proxy that is not there", async(function()
    local land <close> = open()
    local proxy <close> = proxy_for(land)
    proxy:stop()
    local tenant <close> = tenant_by(land, proxy.url)
    local token, err = tenant:token()
    assert.is_nil(token)
    assert.equal("net.proxy", err.code)
    assert.is_true(err.retryable)
  end))

  it("the proxy of the environment, with its exceptions", async(function()
    local land <close> = open()
    local proxy <close> = proxy_for(land)
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
