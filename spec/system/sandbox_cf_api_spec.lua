-- The table of sap-reference 2.6, row by row over a real connection, by our HTTP client and by
-- curl: the procedure, who may do what, the shape of errors and of lists.
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

local function expect(status, wanted, answer)
  assert.same({ status, wanted }, { answer.status, answer.body })
  assert.equal("application/json; charset=utf-8", answer.headers["content-type"])
  assert.matches("^[%x-]+$", answer.headers["x-vcap-request-id"])
end

local function names_of(answer)
  assert.equal(200, answer.status)
  local names = {}
  for i, resource in ipairs(answer.body.resources) do names[i] = resource.name end
  return names
end

local STAMP = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$"

local function check_operation(operation, type, state)
  assert.same({ type, state, "" }, { operation.type, operation.state, operation.description })
  assert.matches(STAMP, operation.created_at)
  assert.matches(STAMP, operation.updated_at)
end

for _, via in ipairs { "http", "curl" } do
  describe("the procedure of sap-reference 2.6 by " .. via, function()
    it("goes from the logon to the deleted instance", async(function()
      local sb <close> = support.start()
      assert(sb:role("add", "Orders.send"))
      local cf = cf_support.logon(sb, { via = via })
      local answer = cf:post(INSTANCES, cf:instance_body("orders", {
        ["grant-types"] = { "client_credentials" }, ["redirect-uris"] = core.json.array {},
        roles = { "ESBMessaging.send", "Orders.send" }, ["token-validity"] = 7200 }))
      assert.same({ 202, "" }, { answer.status, answer.text })
      assert.matches("^https://api%.cf%.localhost:%d+/v3/jobs/[%x-]+$", answer.headers.location)
      local job = cf:finish(answer)
      assert.same({ "COMPLETE", "service_instance.create", {}, {} },
                  { job.state, job.operation, job.errors, job.warnings })
      assert.equal(answer.headers.location, job.links.self.href)

      local list = cf:get(INSTANCES .. "?service_plan_names=integration-flow").body
      assert.equal(1, list.pagination.total_results)
      local instance = list.resources[1]
      assert.same({ "orders", "managed", {} }, { instance.name, instance.type, instance.tags })
      check_operation(instance.last_operation, "create", "succeeded")
      assert.equal(job.links.service_instances.href, instance.links.self.href)
      assert.same({ ["grant-types"] = { "client_credentials" }, ["redirect-uris"] = {},
                    roles = { "ESBMessaging.send", "Orders.send" }, ["token-validity"] = 7200 },
                  cf:get(instance.links.parameters.href).body)

      local _, guid = cf:create_key(instance.guid, "k1")
      list = cf:get(KEYS .. "?service_instance_guids=" .. instance.guid .. ",other").body
      assert.same({ 1, "key", "k1", guid }, { #list.resources, list.resources[1].type,
                                              list.resources[1].name, list.resources[1].guid })
      check_operation(list.resources[1].last_operation, "create", "succeeded")
      local details = cf:get(KEYS .. "/" .. guid .. "/details")
      assert.equal(200, details.status)
      local oauth = details.body.credentials.oauth
      local ask = { headers = { Authorization = support.basic(oauth.clientid, oauth.clientsecret) },
                    form = "grant_type=client_credentials" }
      local token, got = support.ask_token(sb, "token", ask)
      assert.same({ 200, 7199 }, { token.status, got.expires_in })

      assert.equal("COMPLETE", cf:finish(cf:delete(KEYS .. "/" .. guid)).state)
      assert.equal(404, cf:get(KEYS .. "/" .. guid).status)
      ask.form = "grant_type=client_credentials"
      assert.equal(401, support.ask_token(sb, "token", ask).status)
      job = cf:finish(cf:delete(INSTANCES .. "/" .. instance.guid))
      assert.same({ "COMPLETE", "service_instance.delete" }, { job.state, job.operation })
      assert.is_nil(job.links.service_instances)
      assert.same({}, cf:get(INSTANCES).body.resources)
    end))

    it("is refused with the codes of its table", async(function()
      local sb <close> = support.start()
      local cf = cf_support.logon(sb, { via = via })
      local stranger = cf_support.stranger(sb, { via = via })
      expect(401, errors(10002, "NotAuthenticated", "Authentication error"),
             stranger:get(INSTANCES))
      stranger.token = "nothing"
      expect(401, errors(1000, "InvalidAuthToken", "Invalid Auth Token"), stranger:get(INSTANCES))
      expect(404, errors(10010, "ResourceNotFound", "Service instance not found"),
             cf:get(INSTANCES .. "/none"))
      local body = cf:instance_body "orders"
      body.name = nil
      expect(422, errors(10008, "UnprocessableEntity", "Name can't be blank"),
             cf:post(INSTANCES, body))
    end))
  end)
end

describe("the platform's UAA", function()
  it("answers with a token of the client cf", with(function(_, cf)
    local answer = cf:ask_token("grant_type=password&username=developer&password="
      .. cf.logon.password)
    assert.same({ 200, "bearer", 1199 },
                { answer.status, answer.body.token_type, answer.body.expires_in })
    assert.matches("cloud_controller.write", answer.body.scope)
    assert.equal("no-store", answer.headers["cache-control"])
    local claims = core.json.decode(core.crypto.unbase64(
      answer.body.access_token:match "%.([^.]+)%."))
    assert.same({ "developer", "cf", 1200 },
                { claims.user_name, claims.client_id, claims.exp - claims.iat })
    local keys = cf:get(cf.uaa .. "/token_keys").body.keys
    local signed, signature = answer.body.access_token:match "^(.*)%.([^.]+)$"
    assert.is_true(core.authority.verify(keys[1].value, signed, signature))
  end))

  it("refuses other clients, users, passwords and grants", with(function(_, cf)
    local good = "grant_type=password&username=developer&password=" .. cf.logon.password
    local function refused(status, code, form, authorization)
      local answer = cf:ask_token(form, authorization)
      assert.same({ status, code }, { answer.status, answer.body.error })
    end
    refused(401, "unauthorized", good, support.basic("cf", "x"))
    refused(401, "unauthorized", good, support.basic("other", ""))
    refused(401, "unauthorized", good, "Bearer x")
    refused(401, "unauthorized", "grant_type=password&username=developer&password=x")
    refused(401, "unauthorized", "grant_type=password&username=nobody&password=x")
    refused(401, "unauthorized", "grant_type=password")
    refused(400, "invalid_request", "username=developer")
    refused(400, "unsupported_grant_type", "grant_type=magic")
    refused(400, "invalid_request", "grant_type=refresh_token&refresh_token=x")
    refused(400, "invalid_request", "grant_type=refresh_token&refresh_token=" .. cf.token)
    assert.equal(200, cf:ask_token(good, support.basic("cf", "")).status)
    assert.equal(200, cf:ask_token(good .. "&client_id=cf", "").status)
    assert.equal(405, cf:get(cf.uaa .. "/oauth/token").status)
  end))

  it("renews a token, until the password changes", with(function(sb, cf)
    local form = "grant_type=refresh_token&refresh_token=" .. cf.refresh_token
    local answer = cf:ask_token(form)
    assert.equal(200, answer.status)
    cf.token = answer.body.access_token
    assert.equal(200, cf:get(INSTANCES).status)
    cf.token = cf.refresh_token -- which opens nothing itself
    assert.equal(401, cf:get(INSTANCES).status)
    cf.token = answer.body.access_token
    assert(sb:cf_user("add", "developer", { password = "another" }))
    assert.equal(401, cf:get(INSTANCES).status)
    assert.equal(400, cf:ask_token(form).status)
  end))

  it("wants the second factor behind the password", with(function(sb, cf)
    assert(sb:cf_user("add", "anna", { password = "geheim", second_factor = "1234567890" }))
    local form = "grant_type=password&username=anna&password=geheim"
    assert.equal(401, cf:ask_token(form).status)
    assert.equal(200, cf:ask_token(form .. ":1234567890").status)
  end))

  it("knows no token of the tenant's token server, nor that one its own", with(function(sb, cf)
    support.echo(sb, { csrf = false })
    local bearer = support.bearer(sb, support.key(sb, "secret"))
    local own = cf.token
    cf.token = bearer:match "%S+$"
    assert.equal(401, cf:get(INSTANCES).status)
    assert.equal(401, support.request(sb, "runtime", { method = "POST", path = "/http/echo",
      body = "x", headers = { Authorization = "Bearer " .. own } }).status)
  end))

  it("ends its tokens in time", async(function()
    local clock = core.task.now()
    local sb <close> = support.start { now = function() return clock end,
                                       settings = { cf_token_validity = 60 } }
    local cf = cf_support.logon(sb)
    clock = clock + 59
    assert.equal(200, cf:get(INSTANCES).status)
    clock = clock + 2
    expect(401, errors(1000, "InvalidAuthToken", "Invalid Auth Token"), cf:get(INSTANCES))
  end))
end)

describe("users", function()
  local NOT_AUTHORIZED = errors(10003, "NotAuthorized",
                                "You are not authorized to perform the requested action")

  it("need Space Developer to change anything and to see secrets", with(function(sb, cf)
    local _, instance = cf:create_instance "orders"
    local _, key = cf:create_key(instance, "k")
    local auditor = cf_support.as(sb, "auditor")
    assert.same({ "orders" }, names_of(auditor:get(INSTANCES)))
    assert.equal(200, auditor:get(INSTANCES .. "/" .. instance).status)
    assert.equal(200, auditor:get(KEYS .. "/" .. key).status)
    expect(404, errors(10010, "ResourceNotFound", "Service credential binding not found"),
           auditor:get(KEYS .. "/" .. key .. "/details"))
    expect(403, NOT_AUTHORIZED, auditor:post(INSTANCES, auditor:instance_body "more"))
    expect(403, NOT_AUTHORIZED, auditor:patch(INSTANCES .. "/" .. instance, { name = "x" }))
    expect(403, NOT_AUTHORIZED, auditor:delete(INSTANCES .. "/" .. instance))
    expect(403, NOT_AUTHORIZED, auditor:post(KEYS, auditor.key_body(instance, "k2")))
    expect(403, NOT_AUTHORIZED, auditor:delete(KEYS .. "/" .. key))
    assert.same({ "k" }, names_of(cf:get(KEYS)))
  end))

  it("without a role in the space see nothing of it", with(function(sb, cf)
    local _, instance = cf:create_instance "orders"
    local _, key = cf:create_key(instance, "k")
    local nobody = cf_support.as(sb, "none")
    assert.same({}, names_of(nobody:get(INSTANCES)))
    assert.same({}, names_of(nobody:get(KEYS)))
    assert.same({}, names_of(nobody:get "/v3/spaces"))
    for _, path in ipairs { INSTANCES .. "/" .. instance, KEYS .. "/" .. key,
                            KEYS .. "/" .. key .. "/details", "/v3/spaces/" .. cf.space } do
      assert.equal(404, nobody:get(path).status)
    end
    expect(422, errors(10008, "UnprocessableEntity",
                       "Invalid space. Ensure that the space exists and you have access to it."),
           nobody:post(INSTANCES, cf:instance_body "more"))
    expect(422, errors(10008, "UnprocessableEntity",
                       "The service instance could not be found: '" .. instance .. "'"),
           nobody:post(KEYS, cf.key_body(instance, "k2")))
  end))

  it("are kept by the sandbox", with(function(sb, cf)
    assert.same({ { name = "developer", role = "developer", second_factor = false } },
                sb:cf_user "list")
    for _, bad in ipairs { { "a b", { password = "x" } }, { "anna", {} },
                           { "anna", { password = "x", role = "king" } } } do
      assert.is_nil((sb:cf_user("add", bad[1], bad[2])))
    end
    assert.is_nil((sb:cf_user("remove", "nobody")))
    assert.is_nil((sb:cf_user "rename"))
    assert.is_true(sb:cf_user("remove", "developer"))
    assert.equal(401, cf:get(INSTANCES).status)
  end))

  it("may send so many requests an hour", async(function()
    local clock = core.task.now()
    local sb <close> = support.start { now = function() return clock end,
                                       settings = { cf_rate = 2, cf_token_validity = 9000 } }
    local cf = cf_support.logon(sb)
    for left = 1, 0, -1 do
      local answer = cf:get(INSTANCES)
      assert.same({ 200, "2", tostring(left) },
                  { answer.status, answer.headers["x-ratelimit-limit"],
                    answer.headers["x-ratelimit-remaining"] })
    end
    local answer = cf:get(INSTANCES)
    expect(429, errors(10013, "RateLimitExceeded", "Rate Limit Exceeded"), answer)
    local wait = math.tointeger(answer.headers["retry-after"])
    assert.is_true(wait > 0 and wait <= 3601)
    assert.equal(200, cf_support.as(sb, "auditor"):get(INSTANCES).status)
    clock = clock + wait
    assert.equal(200, cf:get(INSTANCES).status)
  end))
end)

describe("requests", function()
  it("for what is not there get 404", with(function(_, cf)
    local unknown = errors(10000, "NotFound", "Unknown request")
    for _, path in ipairs { "/v3", "/v3/apps", "/v3/service_instances/x/y", "/v2/info", "/v3/jobs",
                            "/v3/../v3/jobs", KEYS .. "/x/y/z" } do
      expect(404, unknown, cf:get(path))
    end
    expect(404, unknown, cf:request("PUT", INSTANCES))
    expect(404, unknown, cf:post("/v3/service_plans", {}))
    for path, what in pairs { ["/v3/jobs/x"] = "Job", ["/v3/spaces/x"] = "Space",
                              ["/v3/organizations/x"] = "Organization",
                              ["/v3/service_plans/x"] = "Service plan",
                              ["/v3/service_offerings/x"] = "Service offering",
                              [KEYS .. "/x"] = "Service credential binding",
                              [INSTANCES .. "/x/parameters"] = "Service instance" } do
      expect(404, errors(10010, "ResourceNotFound", what .. " not found"), cf:get(path))
    end
    assert.equal(404, cf:get(cf.uaa .. "/v3/spaces").status)
    expect(404, unknown, cf:get(cf.api .. "/oauth/token"))
  end))

  it("that are no JSON get 400", with(function(_, cf)
    local broken = errors(1001, "MessageParseError",
                          "Request invalid due to parse error: invalid request body")
    for _, text in ipairs { "{", "[]", "1", '"x"', "null" } do
      expect(400, broken, cf:request("POST", INSTANCES, text))
    end
    assert.equal(413, cf:request("POST", INSTANCES, (" "):rep(1024 * 1024 + 1)).status)
  end))

  it("whose fields are wrong get 422, with all that is wrong", with(function(_, cf)
    local function unprocessable(detail, path, body)
      expect(422, errors(10008, "UnprocessableEntity", detail), cf:post(path, body))
    end
    unprocessable("Type must be one of 'managed', Name can't be blank, Relationships Space can't "
      .. "be blank, Relationships Service plan can't be blank", INSTANCES, core.json.object {})
    local body = cf:instance_body("orders", "x")
    body.colour, body.tags = "red", { 1 }
    unprocessable("Unknown field(s): 'colour', Parameters must be an object, Tags must be a list "
      .. "of strings", INSTANCES, body)
    body = cf:instance_body(("x"):rep(33))
    unprocessable("the name '" .. body.name .. "' of the service instance is longer than 32 "
      .. "characters", INSTANCES, body)
    body = cf:instance_body "orders"
    body.relationships.service_plan.data.guid = "none"
    unprocessable("Invalid service plan. Ensure that the service plan exists, is available, and "
      .. "you have access to it.", INSTANCES, body)
    body = cf:instance_body "orders"
    body.relationships.space.data.guid = "none"
    unprocessable("Invalid space. Ensure that the space exists and you have access to it.",
                  INSTANCES, body)
    unprocessable("Type must be one of 'key', Name can't be blank, Relationships Service instance "
      .. "can't be blank", KEYS, { type = "app" })
    unprocessable("The service instance could not be found: 'none'", KEYS,
                  cf.key_body("none", "k"))
    local _, instance = cf:create_instance "orders"
    unprocessable("The service instance name is taken: orders", INSTANCES,
                  cf:instance_body "orders")
    cf:create_key(instance, "k")
    unprocessable("The binding name is invalid. Key binding names must be unique. The service "
      .. "instance already has a key binding with name 'k'.", KEYS, cf.key_body(instance, "k"))
    unprocessable("the name '" .. ("k"):rep(33) .. "' of the service key is longer than 32 "
      .. "characters", KEYS, cf.key_body(instance, ("k"):rep(33)))
  end))

  it("to another host find nobody", with(function(sb)
    local cf = cf_support.logon(sb, { via = "curl" })
    local answer = cf:request("GET", "/v3/spaces", nil, { Host = "api.other.localhost" })
    assert.same({ 404, "unknown_route" }, { answer.status, answer.headers["x-cf-routererror"] })
  end))

  it("are served under one plain name, too", with(function(sb, cf)
    assert.equal(sb.endpoints.cf, sb.endpoints.cf_uaa)
    assert.matches("^https://localhost:", sb.endpoints.cf)
    local _, guid = cf:create_instance "orders"
    assert.equal(200, cf:get(INSTANCES .. "/" .. guid).status)
  end, { hostname = "localhost" }))

  it("without a token learn where everything is", with(function(sb)
    local links = cf_support.stranger(sb):get("/").body.links
    assert.same({ sb.endpoints.cf .. "/v3", sb.endpoints.cf_uaa, sb.endpoints.cf_uaa },
                { links.cloud_controller_v3.href, links.uaa.href, links.login.href })
  end))
end)

describe("lists", function()
  local function fill(cf)
    for _, name in ipairs { "c", "a", "b" } do
      local _, guid = cf:create_instance(name, nil, name == "b" and "api" or nil)
      cf:create_key(guid, "key-" .. name)
    end
  end

  it("come in pages", with(function(_, cf)
    fill(cf)
    local first = cf:get(INSTANCES .. "?per_page=2&order_by=name").body
    local base = cf.api .. INSTANCES .. "?order_by=name&page=%d&per_page=2"
    assert.same({ total_results = 3, total_pages = 2, first = { href = base:format(1) },
                  last = { href = base:format(2) }, next = { href = base:format(2) },
                  previous = core.json.null }, first.pagination)
    local second = cf:get(first.pagination.next.href)
    assert.same({ "c" }, names_of(second))
    assert.same({ core.json.null, { href = base:format(1) } },
                { second.body.pagination.next, second.body.pagination.previous })
    assert.same({}, names_of(cf:get(INSTANCES .. "?page=9")))
    assert.same({ "c", "a", "b" }, names_of(cf:get(INSTANCES)))
    assert.same({ "c", "b", "a" }, names_of(cf:get(INSTANCES .. "?order_by=-name")))
    assert.same({ "key-a", "key-b", "key-c" }, names_of(cf:get(KEYS .. "?order_by=%2Bname")))
  end))

  it("can be filtered", with(function(_, cf)
    fill(cf)
    local plan = cf:plan "api"
    local one = cf:get(INSTANCES .. "?names=b").body.resources[1].guid
    local offering = cf:get("/v3/service_offerings?names=it-rt").body.resources[1].guid
    for query, wanted in pairs {
      ["names=a,c&order_by=name"] = { "a", "c" }, ["names=%61"] = { "a" }, ["names="] = {},
      ["guids=" .. one] = { "b" }, ["service_plan_names=api"] = { "b" },
      ["service_plan_guids=" .. plan] = { "b" }, ["names=a&service_plan_names=api"] = {},
      ["space_guids=" .. cf.space .. "&names=a"] = { "a" }, ["space_guids=x"] = {},
      ["type=managed&names=a"] = { "a" }, ["type=user-provided"] = {},
      ["service_offering_guids=" .. offering .. "&names=a"] = { "a" },
      ["service_offering_names=xsuaa"] = {},
    } do
      assert.same(wanted, names_of(cf:get(INSTANCES .. "?" .. query)), query)
    end
    for query, wanted in pairs {
      ["service_instance_guids=" .. one] = { "key-b" }, ["service_instance_names=a"] = { "key-a" },
      ["service_plan_names=api"] = { "key-b" }, ["service_plan_guids=" .. plan] = { "key-b" },
      ["names=key-a"] = { "key-a" }, ["type=app"] = {}, ["type=key&names=key-c"] = { "key-c" },
    } do
      assert.same(wanted, names_of(cf:get(KEYS .. "?" .. query)), query)
    end
    for query, wanted in pairs {
      [""] = { "integration-flow", "api" }, ["?names=api"] = { "api" },
      ["?service_instance_guids=" .. one] = { "api" }, ["?available=false"] = {},
      ["?names=integration-flow&service_offering_names=it-rt"] = { "integration-flow" },
      ["?service_offering_names=other"] = {},
    } do
      assert.same(wanted, names_of(cf:get("/v3/service_plans" .. query)), query)
    end
  end))

  it("refuse what they do not know", with(function(_, cf)
    local function bad(query, why)
      expect(400, errors(10005, "BadQueryParameter", "The query parameter is invalid: " .. why),
             cf:get("/v3/organizations?" .. query))
    end
    bad("colour=red", "Unknown query parameter(s): 'colour'. Valid parameters are: 'guids', "
      .. "'names', 'order_by', 'page', 'per_page'")
    bad("page=0", "Page must be a positive integer")
    bad("page=x", "Page must be a positive integer")
    bad("per_page=0", "Per page must be a positive integer")
    bad("per_page=5001", "Per page must be between 1 and 5000")
    bad("order_by=colour", "Order by can only be: 'created_at', 'name', 'updated_at'")
    bad("names=%zz", "The query cannot be read")
  end))

  it("bring along what they are asked to", with(function(_, cf)
    fill(cf)
    local offering = cf:get("/v3/service_offerings").body.resources[1]
    for _, path in ipairs { "/v3/service_plans?", "/v3/service_plans/" .. cf:plan "api" .. "?" } do
      assert.same({ service_offerings = { offering } },
                  cf:get(path .. "include=service_offering").body.included)
    end
    local api = cf:plan "api"
    local keys = cf:get(KEYS .. "?names=key-b&include=service_instance,app").body
    assert.same({ {}, "b", api }, { keys.included.apps, keys.included.service_instances[1].name,
      keys.included.service_instances[1].relationships.service_plan.data.guid })
    local path = INSTANCES .. "?order_by=name&fields[service_plan]=guid,name"
    local flow = cf:plan "integration-flow"
    assert.same({ service_plans = { { guid = flow, name = "integration-flow" },
                                    { guid = api, name = "api" } } }, cf:get(path).body.included)
    local more = cf:get(INSTANCES .. "?names=b&fields%5Bservice_plan%5D=relationships."
      .. "service_offering&fields[service_plan.service_offering]=name&fields[space]=guid"
      .. "&fields[service_plan.service_offering.service_broker]=name"
      .. "&fields[space.organization]=name").body
    assert.same({ service_plans = { { relationships = { service_offering = {
                    data = { guid = offering.guid } } } } },
                  service_offerings = { { name = "it-rt" } }, spaces = { { guid = cf.space } },
                  service_brokers = { { name = "it-broker" } },
                  organizations = { { name = "acme" } } }, more.included)
    assert.same({}, cf:get(INSTANCES .. "?names=no&fields[space]=guid").body.included.spaces)
    assert.is_nil(cf:get(INSTANCES).body.included)
    for query, why in pairs {
      [INSTANCES .. "?include=app"] = "Unknown query parameter(s): 'include'",
      [KEYS .. "?include=spaces"] = "Invalid included resource: 'spaces'. Valid included resources "
        .. "are: 'app', 'service_instance'",
      [INSTANCES .. "?fields[space]=colour"] = "Fields valid keys for 'space' are: 'guid', 'name', "
        .. "'relationships.organization'",
      [INSTANCES .. "?fields[app]=guid"] = "Fields [app] is not a valid resource",
    } do
      local answer = cf:get(query)
      assert.same({ 400, 10005 }, { answer.status, answer.body.errors[1].code })
      assert.matches(why, answer.body.errors[1].detail, 1, true)
    end
    for _, word in ipairs { "organization", "org" } do -- the older name of the same
      local spaces = cf:get("/v3/spaces?include=" .. word).body
      assert.equal("acme", spaces.included.organizations[1].name)
    end
    assert.equal(400, cf:get("/v3/organizations?include=spaces").status)
  end))

  it("show the catalogue, the space and the organization", with(function(_, cf)
    local plan = cf:get("/v3/service_plans?names=api").body.resources[1]
    assert.same(plan, cf:get(plan.links.self.href).body)
    local offering = cf:get(plan.links.service_offering.href).body
    assert.same({ "it-rt", true, false }, { offering.name,
      offering.broker_catalog.features.bindable, offering.broker_catalog.features.plan_updateable })
    local space = cf:get("/v3/spaces?names=dev").body.resources[1]
    assert.same({ cf.space, "acme" },
                { space.guid, cf:get(space.links.organization.href).body.name })
    assert.same({ "acme" }, names_of(cf:get "/v3/organizations"))
  end))
end)
