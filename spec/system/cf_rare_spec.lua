-- Service instances and keys against a Cloud Foundry API that answers what the sandbox's seldom
-- does: tokens that end, limits, pages, jobs that fail or never end, names that exist twice.
local async = require "spec.support.async"
local core = require "iflow.core"
local scripted = require "spec.support.scripted_platform"

local INSTANCES, KEYS = "/v3/service_instances", "/v3/service_credential_bindings"
local LIST = "GET " .. INSTANCES
local page, errors = scripted.page, scripted.errors

local function list_of(...)
  local all = {}
  for i, name in ipairs { ... } do all[i] = scripted.instance(name) end
  return page(all, scripted.included())
end

local function with(script, body)
  return async(function()
    local platform <close> = scripted.start(script)
    body(platform)
  end)
end

local function code_of(_, err) return err and err.code end

describe("the log-on", function()
  it("finds the UAA by the root, and asks once", with({ [LIST] = { { 200, list_of "orders" } } },
    function(platform)
      local cf = platform:open()
      assert.equal("orders", assert(cf:instances())[1].name)
      assert(cf:instances())
      assert.same({ { "password" }, 1 }, { platform.tokens, platform:count "GET /" })
    end))

  it("sends user, password and identity provider as the cf CLI does", async(function()
    local seen
    local platform <close> = scripted.start {
      [LIST] = { { 200, list_of() } },
      ["POST /oauth/token"] = function(req)
        seen = { form = req.form, query = req.query, authorization = req.headers.authorization }
        return 200, { access_token = "a" }
      end }
    assert(platform:open { password = "p&ä=1:123456", origin = "my-idp" }:instances())
    assert.same({ grant_type = "password", username = "anna", password = "p&ä=1:123456" },
                seen.form)
    assert.same({ origin = "my-idp" }, core.json.decode(seen.query.login_hint))
    assert.equal("Basic Y2Y6", seen.authorization)
  end))

  it("takes a one-time passcode, which works once", async(function()
    local forms = {}
    local platform <close> = scripted.start {
      [LIST] = { { 401, errors(1000, "InvalidAuthToken", "Invalid Auth Token") } },
      ["POST /oauth/token"] = function(req)
        table.insert(forms, req.form)
        return 200, { access_token = "a" }
      end }
    local path = platform.dir:write("passcode", "Xy12\n")
    local cf = platform:open { user = false, password = false, passcode_file = path }
    assert.equal("cf.login", code_of(cf:instances()))
    assert.same({ { grant_type = "password", passcode = "Xy12" } }, forms)
  end))

  it("is refused in the words of the UAA, without the password", with({
    ["POST /oauth/token"] = { { 401, { error = "unauthorized",
                                       error_description = "Bad credentials" } } },
  }, function(platform)
    local list, err = platform:open():instances()
    assert.is_nil(list)
    assert.equal("cf.login", err.code)
    assert.matches("Bad credentials", err.message, 1, true)
    assert.matches("/passcode", err.hint, 1, true)
    assert.is_nil(tostring(err):find("geheim", 1, true))
  end))

  it("is not tried where no UAA is", with({ ["GET /"] = { { 200, { links = {} } } } },
    function(platform)
      assert.equal("cf.bad_answer", code_of(platform:open():instances()))
      assert.same({}, platform.tokens)
    end))

  it("sends no password to an address without TLS", with({
    ["GET /"] = { { 200, { links = { uaa = { href = "http://localhost:1" } } } } },
  }, function(platform)
    assert.equal("cf.bad_answer", code_of(platform:open():instances()))
  end))
end)

describe("a token that ends in the middle", function()
  it("is renewed once by the refresh token", with({
    [LIST] = { { 200, list_of "a" }, { 401, errors(1000, "InvalidAuthToken", "Invalid") },
               { 200, list_of "b" } },
  }, function(platform)
    local cf = platform:open()
    assert.equal("a", assert(cf:instances())[1].name)
    assert.equal("b", assert(cf:instances())[1].name)
    assert.same({ "password", "refresh_token" }, platform.tokens)
  end))

  it("is got with the password again when that has ended, too", async(function()
    local grants = {}
    local platform <close> = scripted.start {
      [LIST] = { { 401, errors(1000, "InvalidAuthToken", "Invalid") }, { 200, list_of "b" } },
      ["POST /oauth/token"] = function(req)
        table.insert(grants, req.form.grant_type)
        if req.form.grant_type == "refresh_token" then return 401, { error = "invalid_token" } end
        return 200, { access_token = "a", refresh_token = "r" }
      end }
    assert.equal("b", assert(platform:open():instances())[1].name)
    assert.same({ "password", "refresh_token", "password" }, grants)
  end))

  it("is an error when the new one is not taken either", with({
    [LIST] = { { 401, errors(1000, "InvalidAuthToken", "Invalid Auth Token") } },
  }, function(platform)
    assert.equal("cf.login", code_of(platform:open():instances()))
    assert.equal(2, platform:count(LIST))
  end))
end)

describe("a limit", function()
  it("is waited for when it is short", with({
    [LIST] = { { 429, errors(10013, "RateLimitExceeded", "Rate Limit Exceeded"),
                 { ["Retry-After"] = "1" } }, { 200, list_of "a" } },
  }, function(platform)
    local begun = core.task.monotonic()
    assert.equal("a", assert(platform:open():instances())[1].name)
    assert.is_true(core.task.monotonic() - begun >= 1)
  end))

  it("is told when it is long", with({
    [LIST] = { { 429, errors(10013, "RateLimitExceeded", "Rate Limit Exceeded"),
                 { ["Retry-After"] = "3000" } } },
  }, function(platform)
    local _, err = platform:open():instances()
    assert.same({ "cf.rate_limited", 3000, true }, { err.code, err.retry_after, err.retryable })
  end))
end)

describe("a list", function()
  it("is read over all pages, and never elsewhere", async(function()
    local platform <close> = scripted.start()
    platform.script[LIST] = function(req)
      if req.query.page == "2" then
        return 200, page({ scripted.instance "b" }, scripted.included())
      end
      return 200, page({ scripted.instance "a" }, scripted.included(),
                       "https://elsewhere.example.com" .. INSTANCES .. "?page=2")
    end
    local names = {}
    for i, one in ipairs(assert(platform:open():instances())) do names[i] = one.name end
    assert.same({ { "a", "b" }, 2 }, { names, platform:count(LIST) })
  end))

  it("leaves out instances of another service with a plan of the same name", with({
    [LIST] = { { 200, page({ scripted.instance "a" }, {
      service_plans = { { guid = "p1", name = "api",
                          relationships = { service_offering = { data = { guid = "x" } } } } },
      service_offerings = { { guid = "x", name = "apimanagement" } } }) } },
  }, function(platform) assert.same({}, assert(platform:open():instances())) end))

  it("that is read is asked for again when something between fails", with({
    [LIST] = { { 502 }, { 503 }, { 200, list_of "a" } },
  }, function(platform) assert.equal("a", assert(platform:open():instances())[1].name) end))

  it("is none when the answer is a web page", with({ [LIST] = { { 200, "hello" } } },
    function(platform) assert.equal("cf.bad_answer", code_of(platform:open():instances())) end))
end)

describe("a name", function()
  it("that is in two spaces has to be said more precisely", with({
    [LIST] = { { 200, page({ scripted.instance("a", "i1", "s1"),
                             scripted.instance("a", "i2", "s2") }, scripted.included()) } },
  }, function(platform)
    local _, err = platform:open { space_guid = false, space = false, org = false }:instance "a"
    assert.equal("cf.ambiguous", err.code)
    assert.matches("acme / dev, acme / test", err.message, 1, true)
  end))

  local SPACES = page({ { guid = "s1", name = "dev",
                          relationships = { organization = { data = { guid = "g1" } } } },
                        { guid = "s2", name = "test",
                          relationships = { organization = { data = { guid = "g1" } } } } },
                      { organizations = { { guid = "g1", name = "acme" } } })

  it("of a space or an organization that is not there has near ones", async(function()
    local platform <close> = scripted.start {
      ["GET /v3/organizations"] = function(req)
        local all = { { guid = "g1", name = "acme" } }
        return 200, page((req.query.names or "acme") == "acme" and all or {})
      end,
      ["GET /v3/spaces"] = function(req)
        if req.query.names then return 200, page {} end
        return 200, SPACES
      end }
    local _, err = platform:open { space_guid = false, org = "acne" }:instances()
    assert.equal("cf.not_found", err.code)
    assert.matches("did you mean 'acme'", err.message, 1, true)
    _, err = platform:open { space_guid = false, space = "tset" }:instances()
    assert.equal("cf.not_found", err.code)
    assert.matches("did you mean 'test'", err.message, 1, true)
  end))

  it("of a space is needed where there are several, when something is made", with({
    ["GET /v3/spaces"] = { { 200, SPACES } },
  }, function(platform)
    local cf = platform:open { space_guid = false, space = false, org = false }
    assert.equal("cf.ambiguous", code_of(cf:create_instance { name = "a" }))
  end))

  it("of an organization without a space for this user shows nothing of other ones", with({
    ["GET /v3/organizations"] = { { 200, page { { guid = "g1", name = "acme" } } } },
    ["GET /v3/spaces"] = { { 200, page {} } }, [LIST] = { { 200, list_of "foreign" } },
  }, function(platform)
    local cf = platform:open { space_guid = false, space = false }
    assert.equal("cf.not_found", code_of(cf:instances()))
    assert.equal(0, platform:count(LIST))
  end))

  it("with a comma, or in another case, is not that of another one", with({
    [LIST] = { { 200, list_of("a,b", "A,B", "a") } },
  }, function(platform)
    assert.equal("a,b-guid", assert(platform:open():instance "a,b").guid)
    assert.equal("cf.not_found", code_of(platform:open():instance "b"))
  end))

  it("of a plan that is not offered leads to the entitlement", with({
    ["GET /v3/service_plans"] = { { 200, page {} } },
  }, function(platform)
    local _, err = platform:open():create_instance { name = "a" }
    assert.equal("cf.not_found", err.code)
    assert.matches("Entitlements", err.hint, 1, true)
  end))
end)

-- A script for creating the instance "a", whose job answers with `states` one after the other.
local function creating(states)
  return {
    ["GET /v3/service_plans"] = { { 200, page { { guid = "p1", name = "integration-flow" } } } },
    ["POST " .. INSTANCES] = { { 202, nil, { Location = "https://elsewhere/v3/jobs/j1" } } },
    ["GET /v3/jobs/j1"] = states, [LIST] = { { 200, list_of "a" } },
    ["GET " .. INSTANCES .. "/a-guid/parameters"] = {
      { 400, errors(120004, "ServiceFetchInstanceParametersNotSupported", "not supported") } },
  }
end

describe("a job", function()
  it("is looked at until it is done, with progress", async(function()
    local platform <close> = scripted.start(creating {
      { 200, { state = "PROCESSING" } }, { 200, { state = "POLLING" } }, { 502 },
      { 200, { state = "COMPLETE", warnings = { { detail = "mind\nthe gap" } } } } })
    local states = {}
    local instance, warnings = platform:open():create_instance {
      name = "a", progress = function(job) table.insert(states, job.state) end }
    assert.equal("a-guid", instance.guid)
    assert.is_nil(instance.parameters)
    assert.same({ "mind the gap" }, warnings)
    assert.same({ "PROCESSING", "POLLING", "ENDED" }, states)
  end))

  it("that fails says why, and leaves nothing behind", async(function()
    local script = creating { { 200, { state = "FAILED",
      errors = errors(10009, "UnableToPerform", "no\nquota left").errors } } }
    local broken = scripted.instance "a"
    broken.last_operation = { type = "create", state = "failed", description = "no quota" }
    script[LIST] = { { 200, page { broken } } }
    script["DELETE " .. INSTANCES .. "/a-guid"] = { { 202, nil,
      { Location = "https://x/v3/jobs/j2" } } }
    script["GET /v3/jobs/j2"] = { { 200, { state = "COMPLETE" } } }
    local platform <close> = scripted.start(script)
    local _, err = platform:open():create_instance { name = "a" }
    assert.equal("cf.refused", err.code)
    assert.matches("no quota left", err.message, 1, true)
    assert.matches("Entitlements", err.hint, 1, true)
    assert.equal(1, platform:count("DELETE " .. INSTANCES .. "/a-guid"))
  end))

  it("that fails without a word leaves it to the last operation", async(function()
    local script = creating { { 200, { state = "FAILED", errors = {}, links = {
      service_instances = { href = "https://x/v3/service_instances/a-guid" } } } } }
    local broken = scripted.instance "a"
    broken.last_operation = { type = "create", state = "failed", description = "out of luck" }
    script["GET " .. INSTANCES .. "/a-guid"] = { { 200, broken } }
    script[LIST] = { { 200, page {} } }
    local platform <close> = scripted.start(script)
    local _, err = platform:open():create_instance { name = "a" }
    assert.equal("cf.refused", err.code)
    assert.matches("out of luck", err.message, 1, true)
  end))

  it("that does not end is neither done nor failed", async(function()
    local platform <close> = scripted.start(creating { { 200, { state = "PROCESSING" } } })
    local _, err = platform:open():create_instance { name = "a", wait = 0.3 }
    assert.same({ "cf.unfinished", 5 }, { err.code, require("iflow.error").exit_code(err) })
  end))

  it("that is not named is seen by the last operation", async(function()
    local going, done = scripted.instance "a", scripted.instance "a"
    going.last_operation = { type = "update", state = "in progress" }
    local platform <close> = scripted.start {
      [LIST] = { { 200, list_of "a" } },
      ["GET " .. INSTANCES .. "/a-guid/parameters"] = { { 200, { roles = { "R" } } } },
      ["PATCH " .. INSTANCES .. "/a-guid"] = { { 202 } },
      ["GET " .. INSTANCES .. "/a-guid"] = { { 200, going }, { 200, done } } }
    assert(platform:open():update_instance { name = "a", token_validity = 7200 })
    assert.equal(2, platform:count("GET " .. INSTANCES .. "/a-guid"))
  end))

  it("whose beginning was not answered is in doubt", async(function()
    local script = creating {}
    script["POST " .. INSTANCES] = function() return nil end -- the connection breaks
    local platform <close> = scripted.start(script)
    local _, err = platform:open():create_instance { name = "a" }
    assert.equal("cf.unfinished", err.code)
    assert.equal(1, platform:count("POST " .. INSTANCES))
  end))
end)

describe("a refusal", function()
  local function refused(status, body)
    local code, hint
    async(function()
      local script = creating {}
      script["POST " .. INSTANCES] = { { status, body } }
      local platform <close> = scripted.start(script)
      local _, err = platform:open():create_instance { name = "a" }
      code, hint = err.code, err.hint
    end)()
    return code, hint
  end

  it("has the next step", function()
    for _, case in ipairs {
      { 403, errors(10003, "NotAuthorized", "You are not authorized"), "cf.forbidden",
        "Space Developer" },
      { 422, errors(10008, "UnprocessableEntity", "The service instance name is taken: a"),
        "cf.refused", "another name" },
      { 422, errors(10008, "UnprocessableEntity", "Invalid service plan. Ensure that"),
        "cf.refused", "Entitlements" },
      { 422, errors(10008, "UnprocessableEntity", "grant type client_x509 is deprecated"),
        "cf.refused", "client_credentials" },
      { 409, errors(60016, "AsyncServiceInstanceOperationInProgress", "busy"), "cf.busy", "wait" },
      { 502, errors(10001, "ServiceBrokerBadResponse", "no"), "cf.unavailable", "later" },
      { 500, "oops", "cf.unavailable", "later" },
    } do
      local code, hint = refused(case[1], case[2])
      assert.equal(case[3], code)
      assert.matches(case[4], hint, 1, true)
    end
  end)
end)

describe("a key", function()
  it("of somebody who may not read it has a name only", async(function()
    local platform <close> = scripted.start {
      [LIST] = { { 200, list_of "a" } },
      ["GET " .. KEYS] = { { 200, page { { guid = "k1", name = "one" } } } },
      ["GET " .. KEYS .. "/k1/details"] = { { 404, errors(10010, "ResourceNotFound", "gone") } } }
    local cf = platform:open()
    assert.same({ { name = "one", guid = "k1" } }, assert(cf:keys("a", { details = true })))
    local _, err = cf:key("a", "one")
    assert.equal("cf.not_found", err.code)
    assert.matches("Space Developer", err.hint, 1, true)
  end))
end)
