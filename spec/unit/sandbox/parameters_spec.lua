local parameters = require "iflow.sandbox.broker.parameters"
local settings = require "iflow.sandbox.settings"

local function instance(over)
  local given = { name = "orders" }
  for name, value in pairs(over or {}) do given[name] = value end
  return parameters.instance(given, settings.new())
end

describe("parameters.instance", function()
  it("fills in the defaults of each plan", function()
    assert.same({ name = "orders", plan = "integration-flow", roles = { "ESBMessaging.send" },
                  token_validity = 3600, grant_types = { "client_credentials" } }, instance())
    local api = assert(instance { plan = "api" })
    assert.same({ 43200, {} }, { api.token_validity, api.roles })
  end)

  it("keeps the limits of token-validity", function()
    assert(instance { token_validity = 86400 })
    for _, validity in ipairs { 3599, 86401, 3600.5, "3600" } do
      assert.is_nil((instance { token_validity = validity }))
    end
  end)

  it("refuses bad names, plans, roles and grant types", function()
    for _, over in ipairs { { name = "" }, { name = ("x"):rep(33) }, { name = "a\nb" },
                            { name = 1 }, { plan = "other" }, { roles = "x" },
                            { roles = { "a b" } }, { roles = { "" } },
                            { grant_types = { "client_x509" } },
                            { grant_types = { "foo" } }, { grant_types = "x" } } do
      local ok, why = instance(over)
      assert.is_nil(ok)
      assert.is_string(why)
    end
  end)

  it("raises on an unknown parameter", function()
    assert.error_matches(function() instance { rolls = {} } end, "did you mean 'roles'")
  end)
end)

describe("parameters.key", function()
  local owner = { name = "orders", grant_types = { "client_credentials" } }
  local function key(over, of)
    local given = { instance = "orders", name = "k" }
    for name, value in pairs(over or {}) do given[name] = value end
    return parameters.key(given, of or owner)
  end

  it("defaults to a secret, and to SAP's certificate", function()
    assert.same({ name = "k", type = "secret" }, key())
    assert.same({ name = "k", type = "certificate", validity = 365, key_length = 2048 },
                key { type = "certificate" })
  end)

  it("keeps the limits of a certificate", function()
    assert(key { type = "certificate", validity = 1, key_length = 4096 })
    for _, over in ipairs { { validity = 0 }, { validity = 366 }, { validity = 1.5 },
                            { key_length = 1024 }, { key_length = "2048" } } do
      over.type = "certificate"
      assert.is_nil((key(over)))
    end
  end)

  it("wants the certificate of an external key", function()
    assert.is_nil((key { type = "external" }))
    assert.equal("pem", key({ type = "external", x509 = "pem" }).x509)
  end)

  it("wants client_credentials for certificates, not for a secret", function()
    local without = { name = "o", grant_types = { "password" } }
    assert(key({}, without))
    assert.is_nil((key({ type = "certificate" }, without)))
    assert.is_nil((key({ type = "external", x509 = "pem" }, without)))
  end)

  it("refuses other types and long names", function()
    assert.is_nil((key { type = "x" }))
    assert.is_nil((key { name = ("k"):rep(33) }))
  end)
end)
