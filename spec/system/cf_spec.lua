-- Service instances and keys through the Cloud Foundry API of a sandbox: iflow.cf as a script uses
-- it, over TLS.
local async = require "spec.support.async"
local cf_support = require "spec.support.cf"
local core = require "iflow.core"
local new_cf = require "iflow.cf"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

-- An iflow.cf of the sandbox's first user; options on top, false takes one away.
local function open(sb, over)
  local logon = assert(core.json.decode(core.file.read(sb.dir .. "/cf.json")))
  local options = { api = logon.api, cacert = sb.endpoints.cacert, proxy = "", user = logon.user,
                    password = logon.password }
  for name, value in pairs(over or {}) do options[name] = value or nil end
  return assert(new_cf(options))
end

local function with(settings, body)
  return async(function()
    local sb <close> = support.start { settings = settings }
    cf_support.logon(sb) -- with the signing key of the process
    body(sb, open(sb))
  end)
end

local function code_of(_, err) return err and err.code end

local function names_of(list)
  local names = {}
  for i, one in ipairs(assert(list)) do names[i] = one.name end
  return names
end

describe("a service instance", function()
  it("is created, shown, changed and deleted", with({}, function(sb, cf)
    for _, role in ipairs { "A.send", "B.send" } do sb:role("add", role) end
    local made, warnings = assert(cf:create_instance {
      name = "orders", roles = { "A.send" }, grant_types = { "client_credentials" },
      token_validity = 7200 })
    assert.same({ "orders", "integration-flow", "it-rt", "dev", "acme", {} },
                { made.name, made.plan, made.service, made.space, made.organization, warnings })
    assert.same({ "create", "succeeded" },
                { made.last_operation.type, made.last_operation.state })
    assert(cf:update_instance { name = "orders", roles = { "A.send", "B.send" } })
    assert(cf:update_instance { name = "orders", new_name = "sales" })
    local now = assert(cf:instance "sales")
    assert.same({ made.guid, { "A.send", "B.send" }, 7200 },
                { now.guid, now.parameters.roles, now.parameters["token-validity"] })
    assert.equal("usage.invalid", code_of(cf:update_instance { name = "sales" }))
    assert(cf:delete_instance "sales")
    assert.same({}, assert(cf:instances()))
  end))

  it("takes its time, which is told", with({ cf_job_time = 0.4 }, function(_, cf)
    local states = {}
    assert(cf:create_instance { name = "slow", progress = function(job)
      states[job.state] = true
    end })
    assert.same({ PROCESSING = true, POLLING = true, ENDED = true }, states)
    assert.equal("cf.unfinished", code_of(cf:delete_instance("slow", { wait = 0.01 })))
    assert.equal("cf.busy", code_of(cf:update_instance { name = "slow", token_validity = 7200 }))
    process.wait_for("its end", function() return #assert(cf:instances()) == 0 end)
  end))

  it("of a failed creation leaves nothing behind", with({}, function(_, cf)
    assert.equal("cf.refused", code_of(cf:create_instance { name = "a", roles = { "None" } }))
    assert.same({}, assert(cf:instances()))
    assert(cf:create_instance { name = "a" })
    assert.equal("cf.refused", code_of(cf:create_instance { name = "a" }))
  end))

  it("is refused at once where the platform does so", with({ cf_broker_refusal = "422" },
    function(_, cf)
      assert.equal("cf.refused", code_of(cf:create_instance { name = "a", roles = { "None" } }))
    end))

  it("whose parameters are not told is changed with a warning", with({
    cf_parameters_retrievable = false, update_parameters = "merged" }, function(sb, cf)
    assert(cf:create_instance { name = "a", token_validity = 7200 })
    assert.is_nil(assert(cf:instance "a").parameters)
    local _, warnings = assert(cf:update_instance { name = "a", roles = { "ESBMessaging.send" } })
    assert.equal(1, #warnings)
    assert.equal(7200, sb:instances()[1].token_validity)
  end))

  it("keeps its parameters even where the broker would reset them", with({
    update_parameters = "replaced" }, function(_, cf)
    assert(cf:create_instance { name = "a", token_validity = 7200 })
    local now = assert(cf:update_instance { name = "a", redirect_uris = {} })
    assert.equal(7200, now.parameters["token-validity"])
  end))

  it("is not there, not to be seen, or not to be changed", with({}, function(sb, cf)
    assert(cf:create_instance { name = "orders" })
    local _, err = cf:delete_instance "oders"
    assert.equal("cf.not_found", err.code)
    assert.matches("did you mean 'orders'", err.message, 1, true)
    assert.equal("cf.not_found", code_of(open(sb, { space = "prod" }):instances()))
    assert.equal("cf.not_found", code_of(open(sb, { org = "other" }):instances()))
    assert.same({ "orders" }, names_of(open(sb, { org = "acme", space = "dev" }):instances()))
    assert(sb:cf_user("add", "eva", { password = "geheim", role = "auditor" }))
    local auditor = open(sb, { user = "eva", password = "geheim" })
    assert.equal("cf.forbidden", code_of(auditor:delete_instance "orders"))
    assert(sb:cf_user("add", "otto", { password = "geheim", role = "none" }))
    local nobody = open(sb, { user = "otto", password = "geheim" })
    assert.equal("cf.not_found", code_of(nobody:create_instance { name = "x" }))
    assert.equal("cf.login", code_of(open(sb, { password = "wrong" }):instances()))
  end))

  it("with the grant type that has ended is told how to go on", with({
    client_x509 = "accepted" }, function(sb, cf)
    assert(sb:create_instance { name = "old", grant_types = { "client_x509" } })
    local _, err = cf:create_key { instance = "old", name = "k" }
    assert.equal("cf.refused", err.code)
    assert.matches("client_credentials", err.hint, 1, true)
    assert.equal("cf.refused", code_of(cf:update_instance { name = "old",
                                                            token_validity = 7200 }))
    assert(cf:update_instance { name = "old", grant_types = { "client_credentials" } })
    assert(cf:create_key { instance = "old", name = "k" })
  end))
end)

describe("a service key", function()
  it("of each type is made, listed, read again and deleted", with({}, function(sb, cf)
    assert(cf:create_instance { name = "orders" })
    local pem = support.foreign_identity(sb).leaf
    local made = {}
    for kind, more in pairs { secret = {}, certificate = { validity = 30, key_length = 2048 },
                              external = { x509 = pem } } do
      more.instance, more.name, more.type = "orders", kind .. "-key", kind
      made[kind] = assert(cf:create_key(more))
    end
    local list = assert(cf:keys("orders", { details = true }))
    local seen = {}
    for _, key in ipairs(list) do
      assert.equal(made[key.type].oauth.clientid, key.client_id)
      assert.equal(key.type ~= "secret", key.valid_until ~= nil)
      seen[#seen + 1] = key.name
    end
    assert.same({ "certificate-key", "external-key", "secret-key" }, seen)
    assert.same(seen, names_of(assert(cf:instances { keys = true })[1].keys))
    assert.same(made.secret, assert(cf:key("orders", "secret-key")))
    assert.is_nil(cf:keys("orders")[1].client_id)
    assert(cf:delete_key("orders", "secret-key"))
    local _, err = cf:key("orders", "secret-key")
    assert.equal("cf.not_found", err.code)
    assert.same({ "certificate-key", "external-key" }, names_of(cf:keys "orders"))
  end))

  it("of an external certificate is for one instance only", with({}, function(sb, cf)
    assert(cf:create_instance { name = "a" })
    assert(cf:create_instance { name = "b" })
    local pem = support.foreign_identity(sb).leaf
    assert(cf:create_key { instance = "a", name = "k", type = "external", x509 = pem, pin = false })
    local _, err = cf:create_key { instance = "b", name = "k", type = "external", x509 = pem }
    assert.equal("cf.refused", err.code)
    assert.matches("only once", err.hint, 1, true)
    assert.same({}, assert(cf:keys "b")) -- nothing is left behind
  end))

  it("with a certificate needs client_credentials in its instance", with({}, function(_, cf)
    assert(cf:create_instance { name = "a", grant_types = { "password" } })
    local _, err = cf:create_key { instance = "a", name = "k", type = "certificate" }
    assert.equal("cf.refused", err.code)
    assert.matches("--grant-type", err.hint, 1, true)
  end))

  it("takes what a file of parameters says", with({}, function(_, cf)
    assert(cf:create_instance { name = "a" })
    local document, warnings = assert(cf:create_key {
      instance = "a", name = "k", parameters = { ["key-type"] = "certificate", mystery = 1 } })
    assert.is_string(document.oauth.certificate)
    assert.is_true(#warnings >= 1)
  end))
end)

describe("the options of iflow.cf", function()
  it("are checked", function()
    assert.error_matches(function() new_cf { apy = "x" } end, "did you mean 'api'")
    assert.equal("url.invalid", code_of(new_cf { api = "http://api.cf.example.com" }))
    assert.equal("url.invalid", code_of(new_cf { api = "api.cf.example.com/v3" }))
    assert.equal("usage.invalid", code_of(new_cf { api = "a.b", user = "x" }))
    assert.equal("usage.invalid", code_of(new_cf { user = "x", password = "y" }))
    assert.equal("file.not_found", code_of(new_cf { api = "a.b", user = "x",
                                                    pass_file = "/no/such/file" }))
    assert.equal("cf.login", code_of(new_cf { cli_config = "/no/such/file" }))
  end)

  it("take what the cf CLI knows, and do not change it", async(function()
    local clock = core.task.now()
    local sb <close> = support.start { now = function() return clock end }
    local logged_on = cf_support.logon(sb)
    local dir <close> = process.tempdir()
    local text = core.json.encode {
      Target = logged_on.api, AccessToken = "bearer " .. logged_on.token,
      RefreshToken = logged_on.refresh_token, UAAOAuthClient = "cf",
      SpaceFields = { GUID = logged_on.space, Name = "dev" },
      OrganizationFields = { Name = "acme" } }
    local path = dir:write("config.json", text)
    local options = { cli_config = path, cacert = sb.endpoints.cacert, proxy = "" }
    local cf = assert(new_cf(options))
    assert(cf:create_instance { name = "orders" })
    clock = clock + 3600 -- the access token has ended, the refresh token has not
    assert.same({ "orders" }, names_of(cf:instances()))
    assert.equal(text, process.read(path))
    options.api = "https://api.cf.other.example.com"
    assert.equal("usage.invalid", code_of(new_cf(options)))
  end))
end)
