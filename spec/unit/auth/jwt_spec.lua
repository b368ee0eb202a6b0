-- Looking into access tokens: claims for diagnosis, roles by SAP's naming of scopes.
local core = require "iflow.core"

local crypto, json, jwt, secret = core.crypto, core.json, core.jwt, core.secret

local function token_of(claims)
  local text = type(claims) == "string" and claims or assert(json.encode(claims))
  return table.concat({ crypto.base64url '{"alg":"RS256"}', crypto.base64url(text), "c2ln" }, ".")
end

local function roles(scope) return assert(jwt.inspect(token_of { scope = scope })).roles end

describe("jwt.inspect", function()
  it("tells client, times and roles", function()
    local claims = { client_id = "sb-1!b2|it-rt-acme!b815", iat = 1777881600, exp = 1777885200,
      scope = { "it-rt-acme!b815.ESBMessaging.send", "uaa.resource" } }
    local expected = { client_id = claims.client_id, issued_at = 1777881600,
      expires_at = 1777885200, roles = { "ESBMessaging.send" } }
    assert.same(expected, jwt.inspect(token_of(claims)))
    assert.same(expected, jwt.inspect(secret.new(token_of(claims))))
  end)

  it("cuts the application's name off a role, and nothing else", function()
    assert.same({ "Orders.send.now" }, roles { "it-rt-acme.dev!b815.Orders.send.now" })
    assert.same({ "AuditLogRead" }, roles { "it!b24.AuditLogRead" })
    assert.same({ "a", "b" }, roles { "x!b1.a", "x!b1.b" })
    assert.same({ "send" }, roles { "sb-1!b2|it-rt-acme!b815.send" })
    assert.same({ "send" }, roles { "odd!bird!b815.send" })
    assert.same({}, roles { "uaa.resource", "x!b.y", "x!b1", "x!b1.", "!b1x.y", "" })
  end)

  it("takes scopes as one text, too", function()
    assert.same({ "a", "b" }, roles " x!b1.a  uaa.resource x!b2.b ")
  end)

  it("survives claims of wrong types", function()
    assert.same({ roles = {} }, jwt.inspect(token_of { client_id = 1, exp = "x", scope = 7 }))
    assert.same({ roles = { "a" } }, jwt.inspect(token_of { exp = -1, iat = 1e300,
      scope = { 1, true, { "x!b1.z" }, "x!b1.a" } }))
    assert.same({ roles = {} }, jwt.inspect(token_of "{}"))
  end)

  it("gives as many whole roles as there is room for", function()
    local many = {}
    for i = 1, 2000 do many[i] = ("x!b1.role%08d"):format(i) end
    local found = roles(many)
    assert.is_true(#found > 1000 and #found < 2000)
    assert.equal("role00000001", found[1])
    assert.equal(("role%08d"):format(#found), found[#found])
  end)

  it("returns an error for what is no JWT", function()
    for _, text in ipairs { "", "opaque", "a.b", "a.b.c.d", "..", "a.!!.c", token_of "x",
      token_of "[]", token_of '{"a":1,"a":2}', ("a"):rep(70000),
      "a." .. ("b"):rep(70000) .. ".c" } do
      local value, err = jwt.inspect(text)
      assert.is_nil(value)
      assert.equal("token.bad_answer", err.code)
    end
  end)

  it("shows nothing of the token in errors", function()
    local _, err = jwt.inspect "secret-token"
    assert.is_nil(tostring(err):find("secret-token", 1, true))
  end)
end)
