local headers = require "iflow.sandbox.runtime.headers"

local function allowed(given, name)
  return headers.allowed({ allowed_patterns = headers.patterns(given) }, name)
end

describe("Allowed Headers", function()
  it("are names and wildcards, in any case", function()
    assert.is_true(allowed("X-One|x-two", "x-one"))
    assert.is_true(allowed("X-One|x-two", "x-two"))
    assert.is_true(allowed({ "SAP_*" }, "sap_sender"))
    assert.is_true(allowed("*", "anything"))
    assert.is_false(allowed("X-One", "x-one-more"))
    assert.is_false(allowed("X.One", "x-one"))
    assert.is_false(allowed({}, "x-one"))
    assert.is_false(allowed("", "x-one"))
  end)

  it("are nothing else", function()
    assert.is_nil(headers.patterns(5))
    assert.is_nil(headers.patterns { 5 })
  end)
end)
