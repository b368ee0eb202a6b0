-- Resource paths of the OData API.
local uri = require "iflow.sandbox.api.uri"

describe("a resource path", function()
  it("is split at slashes outside of keys", function()
    assert.same({}, uri.segments "")
    assert.same({}, uri.segments "/")
    assert.same({ { name = "Logs" } }, uri.segments "/Logs")
    assert.same({ { name = "Logs", key = { "A-_1" } }, { name = "ErrorInformation" },
                  { name = "$value" } }, uri.segments "/Logs('A-_1')/ErrorInformation/$value")
    assert.same({ { name = "Points", key = { "https://x/a?b" } }, { name = "Url" } },
                uri.segments "/Points('https://x/a?b')/Url")
  end)

  it("has keys of several kinds", function()
    assert.same({ Id = "a b", Version = "active" },
                uri.segments("/Flows(Id='a b',Version='active')")[1].key)
    assert.same({ "it's" }, uri.segments("/Flows('it''s')")[1].key)
    assert.same({ 7 }, uri.segments("/Flows(7)")[1].key)
    assert.is_nil(uri.segments("/Flows()")[1].key)
  end)

  it("is refused when it is malformed", function()
    for _, path in ipairs { "/Logs(", "/Logs('x", "/Logs('x')y", "/Logs(x)", "//", "/a b",
                            "/Logs('x','y')", "/Logs(null)" } do
      assert.is_nil(uri.segments(path), path)
    end
  end)

  it("writes keys as it reads them", function()
    local key = "Orders$endpointAddress=a/b it's"
    assert.equal("Orders%24endpointAddress%3Da%2Fb%20it''s", uri.key(key))
    local web = require "iflow.sandbox.web"
    assert.equal(key, uri.segments(web.unescape("/E('" .. uri.key(key) .. "')"))[1].key[1])
  end)
end)
