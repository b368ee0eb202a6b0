local json = require "iflow.json"
local parameters = require "iflow.sandbox.broker.parameters"
local plans = require "iflow.sandbox.broker.plans"
local settings = require "iflow.sandbox.settings"

local roles = { own = { ["ESBMessaging.send"] = true, ["Orders.send"] = true } }
function roles:exists(name) return self.own[name] == true end

local function context(over, updating)
  return { settings = settings.new(over), roles = roles, updating = updating }
end

local function instance(given, over)
  return parameters.instance(given, plans.named "integration-flow", context(over))
end

local function refuses(value, why)
  assert.is_nil(value)
  assert.is_string(why)
  return why
end

describe("parameters.instance", function()
  it("fills in the defaults of each plan", function()
    assert.same({ roles = { "ESBMessaging.send" }, token_validity = 3600, redirect_uris = {},
                  grant_types = { "client_credentials" } }, (instance()))
    local api = assert(parameters.instance({}, plans.named "api", context()))
    assert.same({ 43200, {} }, { api.token_validity, api.roles })
  end)

  it("takes the document of sap-reference 2.2", function()
    local wanted, warnings = instance {
      ["grant-types"] = { "client_credentials" }, ["redirect-uris"] = {},
      roles = { "ESBMessaging.send", "Orders.send" }, ["token-validity"] = 7200 }
    assert.same({ roles = { "ESBMessaging.send", "Orders.send" }, token_validity = 7200,
                  redirect_uris = {}, grant_types = { "client_credentials" } }, wanted)
    assert.same({}, warnings)
  end)

  it("keeps the limits of token-validity", function()
    for _, validity in ipairs { 3600, 86400 } do
      assert(instance { ["token-validity"] = validity })
    end
    for _, validity in ipairs { 3599, 86401, 3600.5, "3600" } do
      refuses(instance { ["token-validity"] = validity })
    end
  end)

  it("refuses what is no list of what it should be", function()
    for _, given in ipairs { { roles = "x" }, { roles = { 1 } }, { roles = { a = "b" } },
                             { ["grant-types"] = "x" }, { ["grant-types"] = { "foo" } },
                             { ["redirect-uris"] = "x" }, { ["redirect-uris"] = { "x" } } } do
      refuses(instance(given))
    end
    assert(instance { ["redirect-uris"] = { "https://example.org/back" } })
  end)

  it("knows the roles of the tenant, and of plan api the role templates", function()
    assert(instance { roles = { "Orders.send" } })
    refuses(instance { roles = { "orders.send" } })
    refuses(instance { roles = { "MonitoringDataRead" } })
    local api = plans.named "api"
    assert(parameters.instance({ roles = { "MonitoringDataRead" } }, api, context()))
    refuses(parameters.instance({ roles = { "ESBMessaging.send" } }, api, context()))
    refuses(instance({ roles = { "Orders.send", "ESBMessaging.send" } },
                     { instance_roles_max = 1 }))
  end)

  it("refuses the dead grant type, unless an old instance is to be played", function()
    local dead = { ["grant-types"] = { "client_credentials", "client_x509" } }
    assert.matches("client_credentials", refuses(instance(dead)))
    assert(instance(dead, { client_x509 = "accepted" }))
  end)

  it("takes foreign grant types where they are set to be taken", function()
    local foreign = { ["grant-types"] = { "saml2_bearer" } }
    refuses(instance(foreign))
    assert.same({ "saml2_bearer" },
                assert(instance(foreign, { foreign_grant_types = "accepted" })).grant_types)
  end)

  it("ignores unknown names with a warning, or refuses them", function()
    local wanted, warnings = instance { Roles = { "x" }, ["a-b"] = 1 }
    assert.same({ "ESBMessaging.send" }, wanted.roles)
    assert.equal(2, #warnings)
    assert.matches("'Roles'", warnings[1])
    refuses(instance({ Roles = { "x" } }, { unknown_parameters = "refused" }))
  end)

  it("takes null for nothing", function()
    assert(instance { roles = json.null, ["token-validity"] = json.null })
  end)

  it("has defaults of its own for what is not documented", function()
    local wanted = assert(instance({}, { default_grant_types = "password refresh_token" }))
    assert.same({ "password", "refresh_token" }, wanted.grant_types)
  end)
end)

describe("parameters.update", function()
  local old = { name = "orders", plan = "integration-flow", roles = { "Orders.send" },
                grant_types = { "client_credentials" }, token_validity = 7200 }

  it("keeps what is not named, or gives it the default", function()
    local new = assert(parameters.update({ ["token-validity"] = 3600 }, old, context()))
    assert.same({ { "Orders.send" }, 3600 }, { new.roles, new.token_validity })
    new = assert(parameters.update({ ["token-validity"] = 4000 }, old,
                                   context { update_parameters = "replaced" }))
    assert.same({ { "ESBMessaging.send" }, 4000 }, { new.roles, new.token_validity })
  end)

  it("refuses an instance that still contains client_x509", function()
    local dead = { name = "o", plan = "integration-flow", roles = {},
                   grant_types = { "client_x509" }, token_validity = 3600 }
    local set = context { client_x509 = "accepted" }
    refuses(parameters.update({ ["token-validity"] = 4000 }, dead, set))
    assert(parameters.update({ ["grant-types"] = { "client_credentials" } }, dead, set))
  end)
end)

describe("parameters.name", function()
  it("has at most so many characters, none of which is strange", function()
    for _, name in ipairs { ("x"):rep(32), "a.b_c-1", ("ä"):rep(32), "with blank" } do
      assert.equal(name, (parameters.name(name, "key", 32)))
    end
    for _, name in ipairs { "", ("x"):rep(33), "a\nb", "a/b", 1, json.null } do
      refuses(parameters.name(name, "key", 32))
    end
    refuses(parameters.name(nil, "key", 32))
  end)
end)

describe("parameters.key", function()
  local owner = { name = "orders", plan = "integration-flow",
                  grant_types = { "client_credentials" } }
  local EXTERNAL = "certificate_external"

  local function key(given, over, of) return parameters.key(given, of or owner, context(over)) end

  it("defaults to a secret, and to SAP's certificate", function()
    assert.same({ type = "secret" }, (key()))
    assert.same({ type = "secret" }, (key {}))
    assert.same({ type = "certificate", validity = 365, key_length = 2048 },
                (key { ["key-type"] = "certificate" }))
  end)

  it("keeps the limits of a certificate", function()
    assert(key { ["key-type"] = "certificate", validity = 1, ["key-length"] = 4096 })
    for _, given in ipairs { { validity = 0 }, { validity = 366 }, { validity = 1.5 },
                             { validity = "30" }, { ["key-length"] = 1024 },
                             { ["key-length"] = "2048" }, { ["key-length"] = 2048.5 } } do
      given["key-type"] = "certificate"
      refuses(key(given))
    end
    assert(key({ ["key-type"] = "certificate", ["key-length"] = 8192 },
               { key_lengths = "2048 8192" }))
  end)

  it("wants the certificate of an external key, and ignores what does not apply", function()
    refuses(key { ["key-type"] = EXTERNAL })
    refuses(key { ["key-type"] = EXTERNAL, ["X.509"] = "" })
    refuses(key { ["key-type"] = EXTERNAL, ["X.509"] = 1 })
    local wanted, warnings = key { ["key-type"] = EXTERNAL, ["X.509"] = "pem", validity = 1000,
                                   ["key-length"] = 1 }
    assert.same({ type = "external", x509 = "pem" }, wanted)
    assert.same({}, warnings)
  end)

  it("warns of a certificate that comes without its key-type", function()
    local wanted, warnings = key { ["X.509"] = "pem", validity = 5 }
    assert.same({ type = "secret" }, wanted)
    assert.equal(2, #warnings)
    assert.matches("'X.509' was ignored: without key-type", warnings[1], 1, true)
  end)

  it("takes Pin Certificate under several names, and warns", function()
    for spelling in settings.new().pin_parameters:gmatch "%S+" do
      local wanted, warnings = key { ["key-type"] = EXTERNAL, ["X.509"] = "pem",
                                     [spelling] = false }
      assert.is_false(wanted.pin)
      assert.matches(spelling, warnings[1], 1, true)
    end
    local given = { ["key-type"] = EXTERNAL, ["X.509"] = "pem", ["certificate-pinning"] = "true" }
    assert.is_true(assert(key(given)).pin)
    given["certificate-pinning"] = 1
    refuses(key(given))
    given["certificate-pinning"], given["pin-certificate"] = true, true
    refuses(key(given))
    local wanted, warnings = key({ ["key-type"] = EXTERNAL, ["X.509"] = "pem", ["pinned"] = false },
                                 { pin_parameters = "pinned" })
    assert.same({ false, 1 }, { wanted.pin, #warnings })
  end)

  it("refuses pinning where it means nothing", function()
    refuses(key { ["certificate-pinning"] = true })
    refuses(key { ["key-type"] = "certificate", ["certificate-pinning"] = false })
    local api = { name = "o", plan = "api", grant_types = { "client_credentials" } }
    refuses(key({ ["key-type"] = EXTERNAL, ["X.509"] = "pem", ["certificate-pinning"] = false },
                nil, api))
  end)

  it("wants client_credentials for certificates, not for a secret", function()
    local without = { name = "o", plan = "integration-flow", grant_types = { "password" } }
    assert(key({}, nil, without))
    refuses(key({ ["key-type"] = "certificate" }, nil, without))
    refuses(key({ ["key-type"] = EXTERNAL, ["X.509"] = "pem" }, nil, without))
  end)

  it("gives none to an instance that contains client_x509", function()
    local dead = { name = "o", plan = "integration-flow",
                   grant_types = { "client_credentials", "client_x509" } }
    assert.matches("client_x509", refuses(key({}, nil, dead)))
  end)

  it("refuses other types; a secret may get a name by a setting", function()
    for _, kind in ipairs { "x", "secret", "external", "", 1 } do
      refuses(key { ["key-type"] = kind })
    end
    assert.equal("secret", assert(key({ ["key-type"] = "binding-secret" },
                                      { secret_key_type = "binding-secret" })).type)
  end)
end)
