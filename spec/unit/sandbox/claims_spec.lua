local claims = require "iflow.sandbox.token.claims"

local X = "it-rt-acme-dev!b815"

describe("claims.scopes and claims.roles", function()
  it("prefix roles with the application, and find them again", function()
    local scopes = claims.scopes(X, { "ESBMessaging.send", "Orders.in.send" })
    assert.same({ X .. ".ESBMessaging.send", X .. ".Orders.in.send", "uaa.resource" }, scopes)
    assert.same({ ["ESBMessaging.send"] = true, ["Orders.in.send"] = true },
                claims.roles(X, scopes))
    assert.same({}, claims.roles("it!b815", scopes))
  end)
end)

describe("claims.narrow", function()
  local owned = { "a.x", "a.y" }

  it("gives all without a wish", function() assert.equal(owned, claims.narrow(owned, " ")) end)
  it("gives what was wished", function() assert.same({ "a.y" }, claims.narrow(owned, "a.y")) end)
  it("names what is not owned", function()
    local scopes, foreign = claims.narrow(owned, "a.x b.z")
    assert.is_nil(scopes)
    assert.equal("b.z", foreign)
  end)
end)

describe("claims.new", function()
  it("has the claims of an XSUAA token", function()
    local c = claims.new {
      client_id = "sb-1!b4711|" .. X, xsappname = X, scopes = { X .. ".r" }, validity = 3600,
      now = 1000.9, jti = "j", rev_sig = "r", issuer = "https://i", subdomain = "acme-dev",
      subaccount_id = "zone", instance_guid = "guid",
    }
    for _, name in ipairs { "sub", "cid", "azp", "client_id" } do
      assert.equal("sb-1!b4711|" .. X, c[name])
    end
    assert.same({ 1000, 4600 }, { c.iat, c.exp })
    assert.same({ X, "uaa", "sb-1!b4711|" .. X }, c.aud)
    assert.same(c.scope, c.authorities)
    assert.same({ enhancer = "XSUAA", subaccountid = "zone", zdn = "acme-dev",
                  serviceinstanceid = "guid" }, c.ext_attr)
    assert.equal("zone", c.zid)
    assert.equal("client_credentials", c.grant_type)
    assert.equal("https://i", c.iss)
  end)
end)
