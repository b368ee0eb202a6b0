-- The rules of sap-reference 2.2 to 2.5, each provoked through the Cloud Foundry API, whose broker
-- is the same as that of the sandbox's own path.
local async = require "spec.support.async"
local cf_support = require "spec.support.cf"
local core = require "iflow.core"
local support = require "spec.support.sandbox"

local INSTANCES, KEYS = "/v3/service_instances", "/v3/service_credential_bindings"
local errors = cf_support.errors

local function with(body, opts)
  return async(function()
    local sb <close> = support.start(opts)
    body(sb, cf_support.logon(sb))
  end)
end

-- A job that the broker refused, by the word for what it could not do and a pattern of the reason.
-- Returns the reason.
local function refused(job, verb, pattern)
  assert.equal("FAILED", job.state)
  local one = job.errors[1]
  assert.same({ 10009, "CF-UnableToPerform", 1 }, { one.code, one.title, #job.errors })
  local reason = one.detail:match("^" .. verb
    .. " could not be completed: (Service broker error: .*)$")
  assert.matches(pattern, assert(reason, one.detail))
  return reason
end

-- Creates an instance that the broker refuses; it is there for its failure to be seen.
local function refuses_instance(cf, name, parameters, pattern, plan)
  local job, guid = cf:create_instance(name, parameters, plan)
  local reason = refused(job, "create", pattern)
  local operation = cf:get(INSTANCES .. "/" .. guid).body.last_operation
  assert.same({ "create", "failed", reason },
              { operation.type, operation.state, operation.description })
  return guid
end

local function refuses_key(cf, instance, name, parameters, pattern)
  local job, guid = cf:create_key(instance, name, parameters)
  local reason = refused(job, "bind", pattern)
  local operation = cf:get(KEYS .. "/" .. guid).body.last_operation
  assert.same({ "create", "failed", reason },
              { operation.type, operation.state, operation.description })
  return guid
end

local function complete(job, ...)
  assert.equal("COMPLETE", job.state, core.json.encode(job.errors))
  return ...
end

local function new_instance(cf, name, parameters, plan)
  local job, guid = cf:create_instance(name, parameters, plan)
  return complete(job, guid)
end

-- Creates a key: its credentials, its guid, and the job.
local function new_key(cf, instance, name, parameters)
  local job, guid = cf:create_key(instance, name, parameters)
  complete(job)
  return cf:details(guid), guid, job
end

local function external(pem, over)
  local parameters = { ["key-type"] = "certificate_external", ["X.509"] = pem }
  for name, value in pairs(over or {}) do parameters[name] = value end
  return parameters
end

describe("parameters of an instance", function()
  it("have the defaults of the plan", with(function(_, cf)
    local flow = new_instance(cf, "flow")
    assert.same({ roles = { "ESBMessaging.send" }, ["token-validity"] = 3600,
                  ["grant-types"] = { "client_credentials" }, ["redirect-uris"] = {} },
                cf:get(INSTANCES .. "/" .. flow .. "/parameters").body)
    local api = new_instance(cf, "api", { roles = { "MonitoringDataRead" } }, "api")
    assert.same({ roles = { "MonitoringDataRead" }, ["token-validity"] = 43200,
                  ["grant-types"] = { "client_credentials" }, ["redirect-uris"] = {} },
                cf:get(INSTANCES .. "/" .. api .. "/parameters").body)
  end))

  it("are refused by the broker, in the job", with(function(_, cf)
    local cases = {
      { { ["token-validity"] = 3599 }, "token%-validity .* 3600 to 86400$" },
      { { ["token-validity"] = 86401 }, "token%-validity" },
      { { ["token-validity"] = "3600" }, "token%-validity" },
      { { roles = { "No.such" } }, "no user role 'No%.such'" },
      { { roles = { "MonitoringDataRead" } }, "no user role" },
      { { roles = "ESBMessaging.send" }, "roles must be a list" },
      { { ["grant-types"] = { "implicit" } }, "no grant type 'implicit'" },
      { { ["grant-types"] = { "client_credentials", "client_x509" } },
        "client_x509 ended in January 2026" },
      { { ["redirect-uris"] = { "nowhere" } }, "redirect URI" },
    }
    for i, case in ipairs(cases) do refuses_instance(cf, "bad-" .. i, case[1], case[2]) end
    refuses_instance(cf, "api", { roles = { "ESBMessaging.send" } }, "plan api has no role", "api")
  end))

  it("may name a role once it is there", with(function(sb, cf)
    refuses_instance(cf, "early", { roles = { "Orders.send" } }, "Orders%.send")
    assert(sb:role("add", "Orders.send"))
    new_instance(cf, "late", { roles = { "Orders.send" } })
  end))

  it("that mean nothing are ignored with a warning", with(function(sb, cf)
    local job = cf:create_instance("odd", { Roles = { "x" } })
    assert.same({ "COMPLETE", 1 }, { job.state, #job.warnings })
    assert.matches("'Roles' is unknown", job.warnings[1].detail)
    assert(sb:settings { unknown_parameters = "refused" })
    refuses_instance(cf, "strict", { Roles = { "x" } }, "no parameter 'Roles'")
  end))

  it("can be kept to oneself", with(function(_, cf)
    local guid = new_instance(cf, "orders")
    local answer = cf:get(INSTANCES .. "/" .. guid .. "/parameters")
    assert.same({ 400, errors(120004, "ServiceFetchInstanceParametersNotSupported",
      "This service does not support fetching service instance parameters.") },
      { answer.status, answer.body })
    local _, key = new_key(cf, guid, "k")
    answer = cf:get(KEYS .. "/" .. key .. "/parameters")
    assert.same({ 502, errors(90007, "ServiceFetchBindingParametersNotSupported",
      "This service does not support fetching service binding parameters.") },
      { answer.status, answer.body })
  end, { settings = { cf_parameters_retrievable = false } }))
end)

describe("an instance that failed", function()
  it("keeps its name, is no good for anything, and can be deleted", with(function(sb, cf)
    local guid = refuses_instance(cf, "orders", { roles = { "No.such" } }, "No%.such")
    local path = INSTANCES .. "/" .. guid
    assert.equal(422, cf:post(INSTANCES, cf:instance_body "orders").status)
    assert.equal(422, cf:post(KEYS, cf.key_body(guid, "k")).status)
    assert.equal(404, cf:get(path .. "/parameters").status)
    local answer = cf:patch(path, { name = "other" })
    assert.same({ 404, errors(60004, "ServiceInstanceNotFound",
                              "The service instance could not be found: orders") },
                { answer.status, answer.body })
    assert.is_nil((sb:create_instance { name = "orders" }))
    assert.equal("failed", sb:instances()[1].state)
    assert.equal("COMPLETE", cf:finish(cf:delete(path)).state)
    new_instance(cf, "orders")
  end))

  it("is not left behind when refusals are answers", with(function(_, cf)
    local answer = cf:post(INSTANCES, cf:instance_body("orders", { roles = { "No.such" } }))
    assert.same({ 422, 10008 }, { answer.status, answer.body.errors[1].code })
    assert.matches("^create could not be completed: Service broker error: .*No%.such",
                   answer.body.errors[1].detail)
    assert.same({}, cf:get(INSTANCES).body.resources)
    local guid = new_instance(cf, "orders")
    answer = cf:post(KEYS, cf.key_body(guid, "k", { ["key-type"] = "magic" }))
    assert.equal(422, answer.status)
    assert.same({}, cf:get(KEYS).body.resources)
    new_key(cf, guid, "k")
  end, { settings = { cf_broker_refusal = "422" } }))
end)

describe("an update", function()
  local function patch(cf, guid, body) return cf:patch(INSTANCES .. "/" .. guid, body) end

  it("changes roles and token validity, of its keys' tokens, too", with(function(sb, cf)
    assert(sb:role("add", "Orders.send"))
    local guid = new_instance(cf, "orders")
    local oauth = new_key(cf, guid, "k").oauth
    local function token()
      local _, got = support.ask_token(sb, "token", { form = "grant_type=client_credentials",
        headers = { Authorization = support.basic(oauth.clientid, oauth.clientsecret) } })
      return got
    end
    assert.matches("ESBMessaging%.send", token().scope)
    local job = cf:finish(patch(cf, guid, { parameters = { roles = { "Orders.send" } } }))
    assert.same({ "COMPLETE", "service_instance.update" }, { job.state, job.operation })
    assert.matches("Orders%.send uaa", token().scope)
    complete(cf:finish(patch(cf, guid, { parameters = { ["token-validity"] = 7200 } })))
    assert.same({ 7199, true }, { token().expires_in, token().scope:find "Orders" ~= nil })
    local operation = cf:get(INSTANCES .. "/" .. guid).body.last_operation
    assert.same({ "update", "succeeded" }, { operation.type, operation.state })
  end))

  it("that the broker refuses changes nothing", with(function(_, cf)
    local guid = new_instance(cf, "orders")
    local job = cf:finish(patch(cf, guid, { name = "new", parameters = { roles = { "No.such" } } }))
    local reason = refused(job, "update", "No%.such")
    local instance = cf:get(INSTANCES .. "/" .. guid).body
    assert.same({ "orders", "update", "failed", reason },
                { instance.name, instance.last_operation.type, instance.last_operation.state,
                  instance.last_operation.description })
    assert.same({ "ESBMessaging.send" },
                cf:get(INSTANCES .. "/" .. guid .. "/parameters").body.roles)
    new_key(cf, guid, "k") -- it is as good as before
  end))

  it("of name, tags and metadata is done at once", with(function(sb, cf)
    local guid = new_instance(cf, "orders")
    new_instance(cf, "taken")
    local answer = patch(cf, guid, { name = "renamed", tags = { "a" },
                                     metadata = { labels = { team = "x" } } })
    assert.same({ 200, "renamed", { "a" }, { team = "x" } },
                { answer.status, answer.body.name, answer.body.tags, answer.body.metadata.labels })
    assert.same({ "renamed", "taken" }, { sb:instances()[1].name, sb:instances()[2].name })
    local function detail(body) return patch(cf, guid, body).body.errors[1].detail end
    assert.equal("The service instance name is taken: taken", detail { name = "taken" })
    assert.equal("Name can't be blank", detail { name = "" })
    assert.equal("The service does not support changing plans.", detail {
      relationships = { service_plan = { data = { guid = cf:plan "api" } } } })
    assert.equal("Unknown field(s): 'type'", detail { type = "managed" })
    answer = cf:finish(patch(cf, guid, { name = "again", parameters = core.json.object {} }))
    assert.equal("COMPLETE", answer.state)
    assert.equal("again", cf:get(INSTANCES .. "/" .. guid).body.name)
  end))

  it("must replace the dead grant type of an old instance, which gets no keys", with(
    function(sb, cf)
      local guid = new_instance(cf, "old", { ["grant-types"] = { "client_x509" } })
      assert(sb:settings { client_x509 = "refused" })
      refuses_key(cf, guid, "k", nil, "client_x509")
      refused(cf:finish(patch(cf, guid, { parameters = { ["token-validity"] = 7200 } })), "update",
              "client_x509")
      complete(cf:finish(patch(cf, guid, { parameters = {
        ["grant-types"] = { "client_credentials" } } })))
      new_key(cf, guid, "k")
    end, { settings = { client_x509 = "accepted" } }))
end)

describe("a key", function()
  it("of each type has its own client id and fields", with(function(sb, cf)
    local guid = new_instance(cf, "orders")
    local own = support.foreign_identity(sb)
    local secret = new_key(cf, guid, "secret").oauth
    local made = new_key(cf, guid, "certificate", { ["key-type"] = "certificate", validity = 30,
                                                    ["key-length"] = 3072 }).oauth
    local brought = new_key(cf, guid, "external", external(own.leaf)).oauth
    local ids = {}
    for _, oauth in ipairs { secret, made, brought } do
      assert.matches("^sb%-%x+%-%x+%-%x+%-%x+%-%x+!b%d+|it%-rt%-acme%-dev!b%d+$", oauth.clientid)
      assert.is_nil(ids[oauth.clientid])
      ids[oauth.clientid] = true
      assert.equal(sb.endpoints.runtime, oauth.url)
    end
    assert.same({ sb.endpoints.token, sb.endpoints.token_cert, sb.endpoints.token_cert },
                { secret.tokenurl, made.tokenurl, brought.tokenurl })
    assert.same({ true, false, false }, { secret.clientsecret ~= nil, made.clientsecret ~= nil,
                                          brought.clientsecret ~= nil })
    local chain = assert(core.cert.parse(made.certificate)).certificates
    assert.same({ 3, "RSA 3072" }, { #chain, chain[1].key })
    assert.matches("^%-%-%-%-%-BEGIN RSA PRIVATE KEY%-%-%-%-%-\n", made.key)
    assert.equal(os.date("!%Y-%m-%dT%H:%M:%S.000Z", chain[1].not_after),
                 made.certificatedetails.validuntil)
    assert.same({ own.leaf }, { brought.certificate, brought.key, brought.certificatedetails })
  end))

  it("of type certificate keeps the limits", with(function(_, cf)
    local guid = new_instance(cf, "orders")
    for i, case in ipairs {
      { { validity = 0 }, "validity .* 1 to 365" }, { { validity = 366 }, "validity" },
      { { validity = "30" }, "validity" }, { { ["key-length"] = 1024 }, "key%-length" },
      { { ["key-type"] = "magic" }, "no key%-type 'magic'" },
      { { ["certificate-pinning"] = true }, "external certificates of plan integration%-flow" },
    } do
      case[1]["key-type"] = case[1]["key-type"] or "certificate"
      refuses_key(cf, guid, "bad-" .. i, case[1], case[2])
    end
  end))

  it("with a certificate needs client_credentials", with(function(sb, cf)
    local guid = new_instance(cf, "orders", { ["grant-types"] = { "password" } })
    new_key(cf, guid, "secret")
    refuses_key(cf, guid, "made", { ["key-type"] = "certificate" }, "client_credentials")
    refuses_key(cf, guid, "brought", external(support.foreign_identity(sb).leaf),
                "client_credentials")
  end))

  it("takes X.509 without line breaks and with a cut delimiter", with(function(sb, cf)
    local guid = new_instance(cf, "orders")
    for i, mend in ipairs {
      function(pem) return (pem:gsub("\n", "")) end,
      function(pem) return (pem:gsub("\n", ""):gsub("%-+$", "")) end,
    } do
      local pem = support.foreign_identity(sb).leaf
      assert.equal(pem, new_key(cf, guid, "k" .. i,
        external(mend(pem), { validity = 365, ["key-length"] = 2048 })).oauth.certificate)
    end
  end))

  it("takes one certificate, no chain, no private key, nothing else", with(function(sb, cf)
    local guid, own = new_instance(cf, "orders"), support.foreign_identity(sb)
    for i, case in ipairs {
      { own.chain, "exactly one certificate" }, { own.leaf .. own.key_pem, "private key" },
      { "MIIB", "no PEM certificate" }, { "", "needs the certificate" },
      { core.json.null, "needs the certificate" },
    } do
      refuses_key(cf, guid, "bad-" .. i, external(case[1]), case[2])
    end
  end))

  it("has a certificate that no other has, in any instance", with(function(sb, cf)
    local one, two = new_instance(cf, "one"), new_instance(cf, "two")
    local own = support.foreign_identity(sb)
    local _, key = new_key(cf, one, "k", external(own.leaf))
    refuses_key(cf, one, "k2", external(own.leaf), "used by key 'k' of instance 'one'")
    refuses_key(cf, two, "k", external(own.leaf), "used by key 'k' of instance 'one'")
    complete(cf:finish(cf:delete(KEYS .. "/" .. key)))
    new_key(cf, two, "k", external(own.leaf)) -- in the place of the one that failed
  end))

  it("knows several spellings of Pin Certificate, and warns of each", with(function(sb, cf)
    local guid, count = new_instance(cf, "orders"), 0
    for spelling in sb.tenant.settings.pin_parameters:gmatch "%S+" do
      count = count + 1
      local own = support.foreign_identity(sb)
      local _, _, job = new_key(cf, guid, "k" .. count, external(own.leaf, { [spelling] = false }))
      assert.equal(1, #job.warnings)
      assert.matches(spelling, job.warnings[1].detail, 1, true)
      assert.is_false(sb:instances()[1].keys[count].pin)
    end
    local own = support.foreign_identity(sb)
    local _, _, job = new_key(cf, guid, "pinned", external(own.leaf))
    assert.same({}, job.warnings)
    local api = new_instance(cf, "api", nil, "api")
    refuses_key(cf, api, "k", external(support.foreign_identity(sb).leaf,
                                       { ["certificate-pinning"] = false }), "integration%-flow")
  end))

  it("that was deleted does not end its tokens, nor does its instance", with(function(sb, cf)
    support.echo(sb, { csrf = false })
    local guid = new_instance(cf, "orders")
    local first, key = new_key(cf, guid, "k1")
    local second = new_key(cf, guid, "k2")
    local bearers = { support.bearer(sb, first), support.bearer(sb, second) }
    complete(cf:finish(cf:delete(KEYS .. "/" .. key)))
    complete(cf:finish(cf:delete(INSTANCES .. "/" .. guid)))
    for i, oauth in ipairs { first.oauth, second.oauth } do
      assert.equal(200, support.request(sb, "runtime", { method = "POST", path = "/http/echo",
        body = "x", headers = { Authorization = bearers[i] } }).status)
      assert.equal(401, support.ask_token(sb, "token", { form = "grant_type=client_credentials",
        headers = { Authorization = support.basic(oauth.clientid, oauth.clientsecret) } }).status)
    end
    assert.same({}, cf:get(KEYS).body.resources)
  end))

  it("can be labelled", with(function(_, cf)
    local guid = new_instance(cf, "orders")
    local _, key = new_key(cf, guid, "k")
    local answer = cf:patch(KEYS .. "/" .. key, { metadata = { annotations = { by = "anna" } } })
    assert.same({ 200, { by = "anna" } }, { answer.status, answer.body.metadata.annotations })
    assert.equal(422, cf:patch(KEYS .. "/" .. key, { name = "x" }).status)
  end))
end)

describe("what SAP does not document", function()
  it("about certificatedetails and tokenurl is set", with(function(sb, cf)
    local guid = new_instance(cf, "orders")
    local own = support.foreign_identity(sb)
    local made = new_key(cf, guid, "made", { ["key-type"] = "certificate" })
    assert.is_nil(made.oauth.certificatedetails)
    assert.matches("^CN=SAP PKI", made.certificatedetails.issuerdn)
    assert.equal(sb.endpoints.token, made.oauth.tokenurl)
    local brought = new_key(cf, guid, "brought", external(own.leaf))
    assert.matches("Partner", brought.certificatedetails.subjectdn)
    assert.matches("^0x%x+$", brought.certificatedetails.serialnumber)
  end, { settings = { certificatedetails = "beside", external_certificatedetails = true,
                      certificate_tokenurl = "plain" } }))

  it("about literals and limits, too", with(function(_, cf)
    new_instance(cf, ("x"):rep(40), { ["grant-types"] = { "saml2_bearer", "client_credentials" } })
    local guid = new_instance(cf, "two")
    assert.equal(422, cf:post(INSTANCES, cf:instance_body "three").status)
    new_key(cf, guid, "k", { ["key-type"] = "binding-secret" })
    assert.equal(422, cf:post(KEYS, cf.key_body(guid, "k2")).status)
  end, { settings = { foreign_grant_types = "accepted", secret_key_type = "binding-secret",
                      instance_name_max = 40, instances_max = 2, keys_max = 1 } }))
end)

describe("the sandbox's own path", function()
  it("makes the same records", with(function(sb, cf)
    local made = assert(sb:create_instance { name = "mine", grant_types = { "password" },
                                             redirect_uris = { "https://example.org/back" } })
    local document = assert(sb:create_key { instance = "mine", name = "k" })
    local shown = cf:get(INSTANCES .. "?names=mine").body.resources[1]
    assert.same({ made.guid, "succeeded" }, { shown.guid, shown.last_operation.state })
    assert.same({ "https://example.org/back" },
                cf:get(shown.links.parameters.href).body["redirect-uris"])
    local key = cf:get(KEYS).body.resources[1]
    assert.same(document, cf:details(key.guid))
    local _, theirs = new_key(cf, made.guid, "theirs")
    assert.is_true(sb:delete_key("mine", "theirs"))
    assert.equal(404, cf:get(KEYS .. "/" .. theirs).status)
    assert.is_true(sb:delete_instance "mine")
    assert.same({}, cf:get(INSTANCES).body.resources)
    assert.is_nil((sb:delete_instance "mine"))
  end))

  it("is refused by the same rules", with(function(sb)
    assert(sb:create_instance { name = "one", grant_types = { "password" } })
    local own = support.foreign_identity(sb)
    for _, given in ipairs {
      { name = "a", roles = { "No.such" } }, { name = "a", grant_types = { "client_x509" } },
      { name = "a", token_validity = 3599 }, { name = "a", redirect_uris = { "x" } },
      { name = ("a"):rep(33) }, { name = "a", plan = "other" }, {},
    } do
      local made, err = sb:create_instance(given)
      assert.same({ "sandbox.refused" }, { made or err.code })
    end
    for _, given in ipairs { { type = "certificate" }, { type = "external", x509 = own.leaf },
                             { type = "magic" }, { name = ("k"):rep(33) } } do
      given.instance, given.name = "one", given.name or "k"
      local made, err = sb:create_key(given)
      assert.same({ "sandbox.refused" }, { made or err.code })
    end
    assert.same({}, sb:instances()[1].keys)
    assert(sb:create_instance { name = "two" })
    assert(sb:create_key { instance = "two", name = "k", type = "external", x509 = own.leaf,
                           pin = false })
    assert.is_false(sb:instances()[2].keys[1].pin)
  end))
end)
