local addresses = require "iflow.sandbox.addresses"

local function with_ports(hostname)
  local a = addresses.new(hostname)
  a.ports = { token = 7001, token_cert = 7002, runtime = 7003, api = 7004, cf = 7005 }
  return a
end

describe("addresses", function()
  it("are named as SAP names them", function()
    local a = with_ports()
    assert.equal("https://acme-dev.authentication.localhost:7001", a:url "token")
    assert.equal("https://acme-dev.authentication.cert.localhost:7002", a:url "token_cert")
    assert.equal("https://acme-dev.it-cpi001-rt.localhost:7003", a:url "runtime")
    assert.equal("https://acme-dev.it-cpi001.localhost:7004", a:url "api")
    assert.equal("https://acme-dev.authentication.cert.localhost:7002/oauth/token",
                 a:token_url(true))
  end)

  it("are two at the platform, on one port", function()
    local a = with_ports()
    assert.equal("https://api.cf.localhost:7005", a:url "cf")
    assert.equal("https://uaa.cf.localhost:7005", a:uaa_url())
    assert.same({ "api", "uaa", "uaa" }, { a:cf_place "API.cf.localhost:7005",
                                           a:cf_place "uaa.cf.localhost",
                                           a:cf_place "login.cf.localhost" })
    assert.is_nil(a:cf_place "localhost:7005") -- either
    assert.is_true(a:accepts("cf", "uaa.cf.localhost:7005"))
    assert.is_false(a:accepts("cf", "acme-dev.cf.localhost"))
    assert.is_false(a:accepts("api", "api.cf.localhost"))
    a = with_ports "box.example"
    assert.equal("https://box.example:7005", a:uaa_url())
  end)

  it("take another name for clients that cannot resolve them", function()
    local a = with_ports "box.example"
    assert.equal("https://box.example:7003", a:url "runtime")
    assert.is_true(a:accepts("runtime", "box.example:7003"))
  end)

  it("take only what can stand in a URL, and name an address as such", function()
    for _, good in ipairs { "localhost", "box.example", "10.0.0.5", "a_b.c-d" } do
      assert.is_true(addresses.is_hostname(good), good)
    end
    for _, bad in ipairs { "", "a b", "a/b", "https://box", "box:443", "-a", "a..b", "a\nb",
                           "b,DNS:x", ("a"):rep(64) } do
      assert.is_false(addresses.is_hostname(bad), bad)
    end
    assert.equal("IP:10.0.0.5", table.remove(with_ports("10.0.0.5"):sans()))
  end)

  it("accept their own Host, localhost and 127.0.0.1", function()
    local a = with_ports()
    assert.is_true(a:accepts("runtime", "ACME-dev.it-cpi001-rt.localhost:7003"))
    assert.is_true(a:accepts("token", "localhost:7001"))
    assert.is_true(a:accepts("token", "127.0.0.1"))
  end)

  it("refuse another tenant's Host, another host's and none", function()
    local a = with_ports()
    assert.is_false(a:accepts("runtime", "other.it-cpi001-rt.localhost:7003"))
    assert.is_false(a:accepts("runtime", "acme-dev.authentication.localhost:7001"))
    assert.is_false(a:accepts("token", "acme-dev.authentication.cert.localhost"))
    assert.is_false(a:accepts("token", nil))
    assert.is_false(a:accepts("token", "box.example"))
  end)

  it("are all in the server certificate", function()
    local sans = {}
    for _, san in ipairs(with_ports("box.example"):sans()) do sans[san] = true end
    for _, san in ipairs { "DNS:localhost", "IP:127.0.0.1", "DNS:box.example",
                           "DNS:acme-dev.authentication.cert.localhost",
                           "DNS:*.it-cpi001-rt.localhost", "DNS:*.cf.localhost" } do
      assert.is_true(sans[san], san)
    end
  end)
end)
