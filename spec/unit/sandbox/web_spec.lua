local core = require "iflow.core"
local web = require "iflow.sandbox.web"

describe("web.form", function()
  it("decodes fields, the first of equal names", function()
    assert.same({ a = "1 2", b = "", c = "=" }, web.form "a=1+2&b&c=%3D&a=3&&=x")
    assert.same({}, web.form "")
  end)

  it("gives nil for a broken escape", function()
    for _, text in ipairs { "a=%z", "a=%4", "%=b", "a=%" } do assert.is_nil(web.form(text)) end
  end)
end)

describe("web.split_target", function()
  it("splits at the first question mark and decodes the path alone", function()
    assert.same({ "/a b/+", "x=%20?y" }, { web.split_target "/a%20b/+?x=%20?y" })
    assert.same({ "/a", "" }, { web.split_target "/a" })
    assert.is_nil((web.split_target "/%zz"))
  end)
end)

describe("web.cookies", function()
  it("reads them verbatim", function()
    assert.same({ JSESSIONID = "A1", lb = "!x+y/z==", empty = "" },
                web.cookies "JSESSIONID=A1; lb=!x+y/z==;empty=; JSESSIONID=B2")
    assert.same({}, web.cookies(nil))
    assert.same({}, web.cookies "nonsense")
  end)
end)

describe("web.basic", function()
  it("splits at the first colon", function()
    assert.same({ "a", "b:c" }, { web.basic(core.crypto.base64 "a:b:c") })
    assert.same({ "", "" }, { web.basic(core.crypto.base64 ":") })
  end)

  it("gives nil for garbage", function()
    assert.is_nil(web.basic "!!")
    assert.is_nil(web.basic(core.crypto.base64 "no colon"))
  end)
end)

describe("web.authorization", function()
  it("gives the scheme in lower case", function()
    assert.same({ "bearer", "x.y" }, { web.authorization " BEARER  x.y " })
    assert.is_nil(web.authorization "Basic")
    assert.is_nil(web.authorization(nil))
  end)
end)

describe("web.is_form", function()
  it("looks at the media type alone", function()
    local function is(value) return web.is_form { ["content-type"] = value } end
    assert.is_true(is "application/x-www-form-urlencoded")
    assert.is_true(is "Application/X-WWW-Form-URLencoded; charset=UTF-8")
    assert.is_false(is "application/x-www-form-urlencodedx")
    assert.is_false(is "text/plain")
    assert.is_false(is(nil))
  end)
end)
