-- The cookies of a CSRF session, seen from outside: what an endpoint sets in the handshake, and
-- what comes back with the call.
local async = require "spec.support.async"
local fake_tenant = require "spec.support.fake_tenant"

-- The Cookie field of a call to `to` after a handshake with these Set-Cookie fields.
local function cookies_after(set_cookie, to)
  local got
  local fake <close> = fake_tenant.start {
    runtime = function(req)
      if req.method == "GET" then
        return req:answer(200, { ["X-CSRF-Token"] = "token", ["Set-Cookie"] = set_cookie })
      end
      got = req.headers.cookie
      return req:answer(200)
    end,
  }
  local tenant <close> = fake:tenant()
  assert(tenant:call { to = to or "/http/orders", csrf = true })
  return got
end

describe("cookies", function()
  it("come back byte for byte, in their order", async(function()
    assert.equal('b="x y"; a=%41=+/; c=',
                 cookies_after { 'b="x y"; HttpOnly', "  a=%41=+/  ;Path=/", "c=" })
  end))

  it("of the same name replace each other, of another path do not", async(function()
    assert.equal("b=2; a=3", cookies_after { "a=1", "b=2", "a=3" })
    assert.equal("a=1; a=2", cookies_after { "a=1; Path=/http", "a=2; Path=/" })
  end))

  it("are deleted by their attributes", async(function()
    for _, attribute in ipairs {
      "Max-Age=0", "max-age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
      "Expires=Thu, 01-Jan-70 00:00:10 GMT", "Expires=Thu Jan  1 00:00:00 1970",
      "Expires=Fri, 31 Dec 2100 00:00:00 GMT; Max-Age=0",
      "Max-Age=0; Expires=Fri, 31 Dec 2100 00:00:00 GMT",
    } do
      assert.equal("b=2", cookies_after { "a=1", "b=2", "a=; " .. attribute })
    end
  end))

  it("live on with attributes that mean nothing here", async(function()
    for _, attribute in ipairs {
      "Max-Age=60", "Expires=Fri, 31 Dec 2100 00:00:00 GMT", "Max-Age=soon", "Expires=never",
      "Domain=example.com", "SameSite=Lax; Partitioned", "Path", "Path=nowhere", "",
      "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60", ("x"):rep(9999),
    } do
      assert.equal("a=1", cookies_after { "a=1; " .. attribute })
    end
  end))

  it("go where their path is", async(function()
    local set = {
      "a=1; Path=/http", "b=2; Path=/http/orders", "c=3; Path=/http/or", "d=4; Path=/cxf",
      "e=5; Path=/http/orders/deep", "f=6; Path=/",
    }
    assert.equal("a=1; b=2; f=6", cookies_after(set))
    assert.equal("a=1; b=2; e=5; f=6", cookies_after(set, "/http/orders/deep/er?x=/cxf"))
  end))

  it("that are Secure stay at home on plain HTTP", async(function()
    assert.equal("b=2", cookies_after { "a=1; Secure", "b=2" })
  end))

  it("that are none are ignored", async(function()
    assert.is_nil(cookies_after { "", ";", "=x", "novalue", " ; Path=/", "a" .. ("=x"):rep(2048) })
  end))

  it("are bounded: the newest stay", async(function()
    local set, last = {}, {}
    for i = 1, 40 do
      set[i] = ("c%d=%d"):format(i, i)
      if i > 8 then last[#last + 1] = set[i] end
    end
    assert.equal(table.concat(last, "; "), cookies_after(set))
  end))
end)
