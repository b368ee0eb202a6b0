local options = require "iflow.sandbox.broker.options"

describe("options.instance", function()
  it("says it in SAP's words", function()
    assert.same({ roles = { "a" }, ["token-validity"] = 3600, ["grant-types"] = { "b" },
                  ["redirect-uris"] = {} },
                options.instance { name = "n", plan = "api", roles = { "a" }, token_validity = 3600,
                                   grant_types = { "b" }, redirect_uris = {} })
  end)

  it("raises on an unknown option", function()
    assert.error_matches(function() options.instance { rolls = {} } end, "did you mean 'roles'")
  end)
end)

describe("options.key", function()
  it("says it in SAP's words", function()
    assert.same({}, (options.key { instance = "i", name = "n" }))
    assert.same({ ["key-type"] = "certificate", validity = 30, ["key-length"] = 4096 },
                (options.key { type = "certificate", validity = 30, key_length = 4096 }))
    assert.same({ ["key-type"] = "certificate_external", ["X.509"] = "pem", pinning = false },
                (options.key({ type = "external", x509 = "pem", pin = false }, "pinning")))
  end)

  it("refuses other types, and raises on an unknown option", function()
    assert.is_nil((options.key { type = "x" }))
    assert.error_matches(function() options.key { pinn = true } end, "did you mean 'pin'")
  end)
end)
