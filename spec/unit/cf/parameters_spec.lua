local json = require "iflow.core".json
local parameters = require "iflow.cf.parameters"

local PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

local function code(wanted, err)
  assert.is_false(wanted)
  return err.code
end

describe("parameters of an instance", function()
  it("are nothing when nothing is said", function()
    assert.same({ nil, {} }, { parameters.instance {} })
  end)

  it("have SAP's names", function()
    local all, warnings = parameters.instance {
      roles = { "A", "B" }, grant_types = { "client_credentials", "authorization_code" },
      redirect_uris = { "https://a/b" }, token_validity = 7200 }
    assert.same({ roles = { "A", "B" }, ["redirect-uris"] = { "https://a/b" },
                  ["grant-types"] = { "client_credentials", "authorization_code" },
                  ["token-validity"] = 7200 }, all)
    assert.same({}, warnings)
  end)

  it("keep to the documented ranges", function()
    for _, wrong in ipairs { { token_validity = 3599 }, { token_validity = 86401 },
                             { grant_types = { "client_x509" } }, { roles = { "" } },
                             { redirect_uris = { "no uri" } }, { parameters = "text" },
                             { roles = { "A" }, parameters = { roles = { "B" } } } } do
      assert.equal("usage.invalid", code(parameters.instance(wrong)))
    end
    for _, right in ipairs { 3600, 86400 } do
      assert.equal(right, parameters.instance { token_validity = right }["token-validity"])
    end
  end)

  it("go through with a warning when SAP does not know them, or a file says them", function()
    local all, warnings = parameters.instance {
      grant_types = { "magic" }, parameters = { new = true, ["token-validity"] = 1 } }
    assert.same({ ["grant-types"] = { "magic" }, new = true, ["token-validity"] = 1 }, all)
    assert.equal(3, #warnings)
    assert.equal(1, #select(2, parameters.instance { redirect_uris = { "https://a" } }))
    assert.equal(1, #select(2, parameters.instance { grant_types = { "authorization_code" } }))
  end)

  it("take the download of a user role as it is", function()
    local all, warnings = parameters.instance {
      parameters = json.decode '{"roles":["Orders.send"]}' }
    assert.same({ { roles = { "Orders.send" } }, {} }, { all, warnings })
  end)

  it("keep what an instance has, but not the grant type that has ended", function()
    local has = { roles = { "A" }, ["grant-types"] = { "client_x509" } }
    assert.equal("cf.refused", code(parameters.instance({ token_validity = 7200 }, has)))
    local all = parameters.instance({ grant_types = { "client_credentials" } }, has)
    assert.same({ roles = { "A" }, ["grant-types"] = { "client_credentials" } }, all)
  end)
end)

describe("parameters of a key", function()
  it("are nothing for a secret", function()
    assert.same({ nil, {} }, { parameters.key {} })
    assert.same({ nil, {} }, { parameters.key { type = "secret" } })
  end)

  it("have SAP's names", function()
    assert.same({ ["key-type"] = "certificate", validity = 365, ["key-length"] = 2048 },
                (parameters.key { type = "certificate", validity = 365, key_length = 2048 }))
    assert.same({ ["key-type"] = "certificate_external", ["X.509"] = PEM },
                (parameters.key { type = "external", x509 = PEM }))
  end)

  it("call Pin Certificate as they are told, and warn", function()
    local all, warnings = parameters.key { type = "external", x509 = PEM, pin = false }
    assert.same({ false, 1 }, { all["certificate-pinning"], #warnings })
    all = parameters.key { type = "external", x509 = PEM, pin = false, pin_name = "pin" }
    assert.is_false(all.pin)
  end)

  it("keep to the documented ranges, and to each other", function()
    for _, wrong in ipairs { { type = "magic" }, { type = "certificate", validity = 0 },
                             { type = "certificate", validity = 366 },
                             { type = "certificate", key_length = 0 }, { type = "external" },
                             { x509 = PEM }, { validity = 3 }, { key_length = 2048 },
                             { pin = true } } do
      assert.equal("usage.invalid", code(parameters.key(wrong)))
    end
    assert.equal(1, #select(2, parameters.key { type = "certificate", key_length = 8192 }))
  end)

  it("have a name of 1 to 32 characters", function()
    assert.is_true(parameters.key_name(("ä"):rep(32)))
    for _, name in ipairs { "", ("x"):rep(33) } do
      assert.equal("usage.invalid", select(2, parameters.key_name(name)).code)
    end
  end)
end)

it("a name of an instance that is unhandy has a warning", function()
  assert.is_nil(parameters.instance_name "Orders_1.a-b")
  assert.is_string(parameters.instance_name "my orders")
  assert.is_string(parameters.instance_name(("x"):rep(33)))
end)
