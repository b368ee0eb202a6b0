-- The OData API of the sandbox beside the message logs (sap-reference 7): who may, formats, errors,
-- CSRF, rates; service endpoints, runtime artifacts, deployment, user roles, keystore entries.
local api_client = require "spec.support.api_client"
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

local column = api_client.column

-- body(sb, api): api with those roles.
local function with(roles, body, settings)
  return async(function()
    local clock = { add = 0 }
    local sb <close> = support.start { settings = settings,
                                       now = function() return core.task.now() + clock.add end }
    body(sb, api_client.open(sb, roles), clock)
  end)
end

local READ = { "MonitoringDataRead" }
local READ_SETS = { "MessageProcessingLogs", "ServiceEndpoints", "IntegrationRuntimeArtifacts",
                    "UserRoles", "KeystoreEntries", "EntryPoints",
                    "MessageProcessingLogCustomHeaderProperties" }

describe("the API", function()
  it("takes tokens by secret and certificate, Basic, and the certificate itself", async(function()
    local sb <close> = support.start()
    local api = api_client.open(sb, READ)
    local oauth = api.key.oauth
    local own, instance = support.key(sb, "certificate", { plan = "api", roles = READ })
    local certificate = support.identity(own)
    local function status(fields) return api:get("/MessageProcessingLogs", nil, fields).status end
    assert.equal(200, status())
    assert.equal(200, status { headers = {
      Authorization = support.basic(oauth.clientid, oauth.clientsecret) } })
    assert.equal(200, status { headers = { Authorization = false }, identity = certificate })
    local _, token = support.ask_token(sb, "token_cert", { identity = certificate,
      form = "grant_type=client_credentials&client_id=" .. own.oauth.clientid:gsub("[!|]", {
        ["!"] = "%21", ["|"] = "%7C" }) })
    assert.equal(200, status { headers = { Authorization = "Bearer " .. token.access_token } })
    assert.is_string(instance)
  end))

  it("refuses everybody else with 401", async(function()
    local sb <close> = support.start()
    local api = api_client.open(sb, READ)
    local flow_key = support.key(sb, "secret")
    local flow_certificate = support.identity(support.key(sb, "certificate"))
    local function get(fields) return api:get("/MessageProcessingLogs", nil, fields) end
    local answer, body = get { headers = { Authorization = false } }
    assert.same({ 401, "unauthorized" }, { answer.status, body.error })
    answer, body = get { headers = { Authorization = support.bearer(sb, flow_key) } } -- other plan
    assert.same({ 401, "invalid_token" }, { answer.status, body.error })
    answer, body = get { headers = { Authorization = support.basic(flow_key.oauth.clientid,
                                                                 flow_key.oauth.clientsecret) } }
    assert.same({ 401, "unauthorized_user" }, { answer.status, body.error })
    answer = get { headers = { Authorization = support.basic(api.key.oauth.clientid, "x") } }
    assert.equal(401, answer.status)
    answer, body = get { headers = { Authorization = false }, identity = flow_certificate }
    assert.same({ 401, "invalid_client" }, { answer.status, body.error })
    -- And the other way round.
    support.echo(sb, { csrf = false })
    answer = support.request(sb, "runtime", { method = "POST", path = "/http/echo", body = "x",
                                              headers = { Authorization = api.authorization } })
    assert.equal(401, answer.status)
  end))

  it("refuses with the bodies of table 8.1", async(function()
    local sb <close> = support.start()
    local none = api_client.open(sb, {})
    local certificate = support.identity(support.key(sb, "certificate"))
    local function get(headers, identity)
      return none:get("/MessageProcessingLogs", nil, { headers = headers, identity = identity })
    end
    local answer, body = get { Authorization = false }
    assert.same({ 401, "application/json;charset=UTF-8" },
                { answer.status, answer.headers["content-type"] })
    assert.same({ error = "unauthorized", error_description =
      "An Authentication object was not found in the SecurityContext" }, body)
    answer = get { Authorization = "Basic " .. core.crypto.base64 "a:b", Accept = false }
    assert.same({ 401, "application/xml", "<UnauthorizedUserException><error>unauthorized_user"
      .. "</error><error_description>Bad credentials</error_description>"
      .. "</UnauthorizedUserException>" },
      { answer.status, answer.headers["content-type"], answer.body })
    answer, body = get({ Authorization = false }, certificate)
    assert.equal(401, answer.status)
    assert.same({ error = "invalid_client", error_description = "Either the client certificate is "
      .. "not configured exactly once in a service key of a Process Integration Runtime service "
      .. "instance or client-certificate authentication was not enabled for your tenant." }, body)
    answer, body = get { Authorization = "Bearer x" }
    assert.same({ 401, 'Bearer error="invalid_token"', "invalid_token" },
                { answer.status, answer.headers["www-authenticate"], body.error })
    answer = get {}
    assert.same({ 403, "text/html;charset=utf-8" },
                { answer.status, answer.headers["content-type"] })
    assert.matches("HTTP Status 403 – Forbidden", answer.body)
    assert.is_nil(answer.headers["x-csrf-token"])
    answer = support.request(sb, "api", { path = "/api/v2/x" })
    assert.same({ 404, "text/html;charset=utf-8" },
                { answer.status, answer.headers["content-type"] })
  end))

  it("asks for the role template of each set", async(function()
    local sb <close> = support.start()
    local reader, other = api_client.open(sb, READ), api_client.open(sb, { "CredentialsEdit" })
    for _, set in ipairs(READ_SETS) do
      assert.equal(200, reader:get("/" .. set).status, set)
      assert.equal(403, other:get("/" .. set).status, set)
    end
    for _, set in ipairs { "MessageProcessingLogAttachments", "MessageStoreEntries" } do
      assert.equal(403, reader:get("/" .. set).status, set)
      assert.equal(200, api_client.open(sb, { "MessagePayloadsRead" }):get("/" .. set).status, set)
    end
    assert.equal(200, other:get("/$metadata").status)
    assert.equal(404, other:get("/Nothing").status)
  end))

  it("answers Atom XML unless JSON is asked for", with(READ, function(sb, api)
    support.echo(sb, { name = "a-b.flow", address = "/a" })
    local plain = { headers = { Accept = false } }
    local answer = api:get("/ServiceEndpoints", { ["$expand"] = "EntryPoints" }, plain)
    assert.equal("application/atom+xml;type=feed;charset=utf-8", answer.headers["content-type"])
    local dir <close> = process.tempdir()
    local function xpath(text, path)
      local script = "import sys,xml.etree.ElementTree as E\n"
        .. "n={'a':'http://www.w3.org/2005/Atom','m':'http://schemas.microsoft.com/ado/2007/08/"
        .. "dataservices/metadata','d':'http://schemas.microsoft.com/ado/2007/08/dataservices'}\n"
        .. "print([e.text for e in E.parse(sys.argv[1]).getroot().findall(sys.argv[2],n)])"
      local run = process.run { "python3", "-c", script, dir:write("x.xml", text), path }
      assert.equal(0, run.code, run.err)
      return run.out:gsub("\n", "")
    end
    assert.equal("['a-b.flow']", xpath(answer.body, "a:entry/a:content/m:properties/d:Name"))
    assert.equal("['" .. sb.endpoints.runtime .. "/http/a']",
                 xpath(answer.body, ".//m:inline/a:feed/a:entry/a:content/m:properties/d:Url"))
    assert(sb:role("add", "Odd", "R&D's \"<role>\" \1"))
    answer = api:get("/UserRoles('Odd')", nil, plain)
    assert.equal([=[['R&D\'s "<role>" ?']]=],
                 xpath(answer.body, "a:content/m:properties/d:Description"))
    answer = api:get("/IntegrationRuntimeArtifacts('a-b.flow')", nil, plain)
    assert.equal("application/atom+xml;type=entry;charset=utf-8", answer.headers["content-type"])
    assert.equal("['STARTED']", xpath(answer.body, "a:content/m:properties/d:Status"))
    answer = api:get("/$metadata", nil, plain)
    assert.equal("application/xml;charset=utf-8", answer.headers["content-type"])
    xpath(answer.body, "x")
    answer = api:get("/Nothing", nil, plain)
    assert.equal("application/xml;charset=utf-8", answer.headers["content-type"])
    assert.equal("['Not Found']", xpath(answer.body, "m:code"))
    local json = api:get("/ServiceEndpoints", { ["$format"] = "json" }, plain)
    assert.equal("application/json", json.headers["content-type"])
    xpath(api:get("", nil, plain).body, "x")
    local _, service = api:get("/")
    assert.is_true(#service.d.EntitySets > 10)
  end))

  it("has two spellings of its errors", with(READ, function(sb, api)
    local answer, body = api:get("/Nothing")
    assert.equal(404, answer.status)
    assert.same({ error = { code = "Not Found", message = {
      lang = "en", value = "there is no entity set 'Nothing'" } } }, body)
    assert(sb:settings { api_errors = "bare" })
    answer, body = api:get("/ServiceEndpoints", { ["$filter"] = "x" })
    assert.same({ 400, "Bad Request", "en" }, { answer.status, body.code, body.message["@lang"] })
    assert.is_string(body.message["#text"])
  end))

  it("knows no other methods and options", with(READ, function(_, api)
    for _, method in ipairs { "POST", "PUT", "PATCH" } do
      assert.equal(405, api:request(method, "/MessageProcessingLogs", { body = "{}" }).status)
    end
    assert.equal(405, api:request("DELETE", "/UserRoles('ESBMessaging.send')").status)
    assert.equal(405, api:get("/BuildAndDeployStatus").status)
    assert.equal(501, api:request("POST", "/$batch", { body = "" }).status)
    assert.equal(400, api:get("/UserRoles('ESBMessaging.send')", { ["$top"] = 1 }).status)
    assert.equal(400, api:get("/UserRoles(").status)
    assert.equal(404, api:get("/UserRoles('Nobody')").status)
    assert.equal(404, api:get("/UserRoles/Nothing").status)
    local head = api:request("HEAD", "/UserRoles")
    assert.same({ 200, "" }, { head.status, head.body })
    local value = api:get("/UserRoles('ESBMessaging.send')/Name/$value")
    assert.same({ 200, "ESBMessaging.send" }, { value.status, value.body })
    local _, property = api:get("/UserRoles('ESBMessaging.send')/Owner")
    assert.same({ Owner = "SAP" }, property.d)
  end))

  it("limits requests a second", async(function()
    local at = math.floor(core.task.now())
    local sb <close> = support.start { now = function() return at end }
    local api, other = api_client.open(sb, READ), api_client.open(sb, READ)
    local function statuses(client, count)
      local list, answer = {}, nil
      for i = 1, count do
        answer = client:get "/KeystoreEntries/$count"
        list[i] = answer.status
      end
      return table.concat(list, " "), answer
    end
    assert.equal(("200 "):rep(10) .. "429", (statuses(api, 11))) -- 10 a client
    local got, answer = statuses(other, 3)
    assert.equal("200 429 429", got) -- 12 in all; the eleventh counted, too
    assert.matches("^%d+$", answer.headers["retry-after"])
    assert.equal(200, api:get("/MessageProcessingLogs").status) -- each family has its own
    at = at + 1
    assert.equal("200 200", (statuses(other, 2)))
    at = at + 10
    assert(sb:settings { api_rates = false })
    assert.equal(("200 "):rep(13), statuses(api, 13) .. " ")
  end))
end)

describe("CSRF protection of the API", function()
  local WRITE = { "MonitoringDataRead", "MonitoringArtifactsDeploy" }

  it("is asked of writes without bearer token, or of all, or of none", with(WRITE,
    function(sb, api)
      local oauth = api.key.oauth
      local basic = { Authorization = support.basic(oauth.clientid, oauth.clientsecret) }
      local function delete(headers)
        support.echo(sb, { name = "gone", address = "/gone" })
        return api:request("DELETE", "/IntegrationRuntimeArtifacts('gone')", { headers = headers })
      end
      local function headers(base, more)
        local all = {}
        for name, value in pairs(base) do all[name] = value end
        for name, value in pairs(more) do all[name] = value end
        return all
      end
      assert.equal(202, delete().status)
      local refused = delete(basic)
      assert.same({ 403, "required" }, { refused.status, refused.headers["x-csrf-token"] })
      local fetch = headers(basic, { ["X-CSRF-Token"] = "Fetch" })
      local fetched = api:get("/", nil, { headers = fetch })
      assert.equal(200, fetched.status)
      local good = { ["X-CSRF-Token"] = fetched.headers["x-csrf-token"],
                     Cookie = fetched.headers["set-cookie"]:match "^[^;]+" }
      assert.equal(202, delete(headers(basic, good)).status)
      assert.equal(403, delete(headers(basic, { ["X-CSRF-Token"] = good["X-CSRF-Token"] })).status)
      assert.equal(403, delete(headers(basic, { ["X-CSRF-Token"] = "x", Cookie = good.Cookie }))
        .status)
      assert(sb:settings { api_csrf = "always" })
      assert.equal(403, delete().status)
      assert.equal(202, delete(good).status)
      assert(sb:settings { api_csrf = "never" })
      assert.equal(202, delete(basic).status)
    end))
end)

describe("service endpoints", function()
  it("tell where flows are called", with(READ, function(sb, api)
    support.echo(sb, { name = "Orders", address = "/orders" })
    support.echo(sb, { name = "Below", address = "/Customer/*" })
    support.echo(sb, { name = "Soap", address = "/soap/a", adapter = "soap" })
    support.echo(sb, { name = "Partner", address = "/as2", adapter = "as2" })
    support.echo(sb, { name = "Service", address = "/SAP/X;v=1", adapter = "odata" })
    local _, body = api:get("/ServiceEndpoints", { ["$expand"] = "EntryPoints,ApiDefinitions",
                                                   ["$orderby"] = "Name desc" })
    assert.same({ "Soap", "Service", "Partner", "Orders", "Below" }, column(body, "Name"))
    assert.same({ "SOAP", "ODATAV2", "AS2", "REST", "REST" }, column(body, "Protocol"))
    local orders = body.d.results[4]
    assert.same({ "Orders$endpointAddress=orders", "Orders", "1.0.0" },
                { orders.Id, orders.Title, orders.Version })
    assert.equal(sb.endpoints.api
      .. "/api/v1/ServiceEndpoints('Orders%24endpointAddress%3Dorders')", orders.__metadata.uri)
    local entry = orders.EntryPoints.results[1]
    assert.same({ "Orders", sb.endpoints.runtime .. "/http/orders", "PROD" },
                { entry.Name, entry.Url, entry.Type })
    assert.same({}, orders.ApiDefinitions.results)
    assert.equal(sb.endpoints.runtime .. "/cxf/soap/a",
                 body.d.results[1].EntryPoints.results[1].Url)
    assert.equal(sb.endpoints.runtime .. "/http/Customer/*",
                 body.d.results[5].EntryPoints.results[1].Url)
    _, body = api:get("/ServiceEndpoints", { ["$filter"] = "Name eq 'Orders'" })
    assert.same({ "Orders" }, column(body, "Name"))
    _, body = api:get("/ServiceEndpoints", { ["$filter"] = "Protocol eq 'SOAP'" })
    assert.same({ "Soap" }, column(body, "Name"))
    _, body = api:get(orders.__metadata.uri:match "/api/v1(.*)" .. "/EntryPoints")
    assert.same({ sb.endpoints.runtime .. "/http/orders" }, column(body, "Url"))
    assert.equal("5", api:get("/ServiceEndpoints/$count").body)
    assert(sb:undeploy "Orders")
    assert.equal("4", api:get("/ServiceEndpoints/$count").body)
  end))

  it("appear some time after the flow has started", with(READ, function(sb, api, clock)
    support.echo(sb, { name = "Orders", address = "/orders" })
    local function seen()
      local _, artifact = api:get "/IntegrationRuntimeArtifacts('Orders')"
      return { artifact.d.Status, api:get("/ServiceEndpoints/$count").body }
    end
    assert.same({ "STARTING", "0" }, seen())
    clock.add = 1001
    assert.same({ "STARTED", "0" }, seen())
    clock.add = 2001
    assert.same({ "STARTED", "1" }, seen())
  end, { deploy_time = 1000, endpoint_delay = 1000 }))
end)

describe("runtime artifacts", function()
  local ALL = { "MonitoringDataRead", "MonitoringArtifactsDeploy", "WorkspaceArtifactsDeploy" }

  local function deploy(api, id, version)
    return api:request("POST", api_client.target("/DeployIntegrationDesigntimeArtifact",
      { Id = "'" .. id .. "'", Version = "'" .. (version or "active") .. "'" }))
  end

  it("are undeployed and deployed again", with(ALL, function(sb, api)
    local dir <close> = process.tempdir()
    assert(sb:deploy(dir:write("file.lua", [[return { name = "File", address = "/file",
      csrf = false, process = function() return 200, {}, "from a file" end }]])))
    support.echo(sb, { name = "Table", address = "/table", csrf = false })
    local bearer = support.bearer(sb, support.key(sb, "secret"))
    for name, path in pairs { File = "/http/file", Table = "/http/table" } do
      local function call()
        return support.request(sb, "runtime", { method = "POST", path = path, body = "x",
                                                headers = { Authorization = bearer } }).status
      end
      local artifact = ("/IntegrationRuntimeArtifacts('%s')"):format(name)
      local _, body = api:get(artifact)
      assert.same({ name, name, "INTEGRATION_FLOW", "STARTED" },
                  { body.d.Id, body.d.Name, body.d.Type, body.d.Status })
      assert.matches("^/Date%(%d+%)/$", body.d.DeployedOn)
      assert.equal(204, api:get(artifact .. "/ErrorInformation/$value").status)
      assert.equal(200, call())
      assert.equal(202, api:request("DELETE", artifact).status)
      assert.same({ 404, 404 }, { api:get(artifact).status, call() })
      assert.equal(404, api:request("DELETE", artifact).status)
      local answer = deploy(api, name)
      assert.equal(202, answer.status)
      assert.matches("^%x+%-%x+", answer.body)
      _, body = api:get(("/BuildAndDeployStatus(TaskId='%s')"):format(answer.body))
      assert.same({ answer.body, "SUCCESS" }, { body.d.TaskId, body.d.Status })
      assert.equal(200, call())
    end
    assert.equal(404, deploy(api, "Nothing").status)
    assert.equal(404, deploy(api, "../state").status)
    assert.equal(404, deploy(api, "File", "9.9").status)
    assert.equal(400, api:request("POST", "/DeployIntegrationDesigntimeArtifact?Id=File").status)
    assert.equal(405, api:get("/DeployIntegrationDesigntimeArtifact").status)
    assert.equal(404, api:get("/BuildAndDeployStatus(TaskId='x')").status)
  end))

  it("are STARTING and DEPLOYING for a while", with(ALL, function(sb, api, clock)
    support.echo(sb, { name = "Slow", address = "/slow" })
    local task = deploy(api, "Slow").body
    local function status()
      local _, body = api:get(("/BuildAndDeployStatus(TaskId='%s')"):format(task))
      return body.d.Status
    end
    assert.equal("DEPLOYING", status())
    clock.add = 601
    assert.equal("SUCCESS", status())
  end, { deploy_time = 600 }))

  it("tell why one could not be deployed", with(ALL, function(sb, api)
    support.echo(sb, { name = "First", address = "/same" })
    assert(sb:undeploy "First")
    support.echo(sb, { name = "Second", address = "/same" })
    local answer = deploy(api, "First")
    assert.equal(202, answer.status)
    local _, body = api:get(("/BuildAndDeployStatus(TaskId='%s')"):format(answer.body))
    assert.equal("FAIL", body.d.Status)
    _, body = api:get("/IntegrationRuntimeArtifacts", { ["$filter"] = "Status eq 'ERROR'" })
    assert.same({ "First" }, column(body, "Id"))
    local text, why = api:get "/IntegrationRuntimeArtifacts('First')/ErrorInformation/$value"
    assert.equal("application/json", text.headers["content-type"])
    assert.matches("Second", why.message.messageText)
    assert.equal(202, api:request("DELETE", "/IntegrationRuntimeArtifacts('First')").status)
    assert.equal("1", api:get("/IntegrationRuntimeArtifacts/$count").body)
  end))

  it("are changed by those who may", with(READ, function(sb, api)
    support.echo(sb, { name = "Kept", address = "/kept" })
    assert.equal(403, api:request("DELETE", "/IntegrationRuntimeArtifacts('Kept')").status)
    assert.equal(403, deploy(api, "Kept").status)
  end))
end)

describe("user roles and keystore entries", function()
  it("are those of the tenant", with(READ, function(sb, api)
    assert(sb:role("add", "Orders.send", "sends orders"))
    local _, body = api:get "/UserRoles"
    assert.same({ "API.invoke", "ESBMessaging.send", "Orders.send" }, column(body, "Name"))
    assert.equal("sends orders", body.d.results[3].Description)
    local own = support.foreign_identity(sb, "balancer")
    local certificate = core.cert.parse(own.root).certificates[1]
    _, body = api:get("/KeystoreEntries", { ["$filter"] = "Owner eq 'Tenant'" })
    local entry = body.d.results[1]
    assert.equal(certificate.subject, entry.SubjectDN)
    assert.equal((entry.Alias:gsub(".", function(c) return ("%02X"):format(c:byte()) end)),
                 entry.Hexalias)
    local answer, one = api:get(("/KeystoreEntries('%s')"):format(entry.Hexalias:lower()))
    assert.same({ 200, entry.Alias, certificate.not_after * 1000 },
                { answer.status, one.d.Alias, tonumber(one.d.ValidNotAfter:match "%d+") })
    assert.equal("2", api:get("/KeystoreEntries/$count").body)
  end))
end)
