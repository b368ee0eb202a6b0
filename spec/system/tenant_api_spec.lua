-- What a tenant says of itself, read from a sandbox over TLS: endpoints, logs, artifacts, roles and
-- keystore as tables of Lua; and changes, with their CSRF tokens.
local async = require "spec.support.async"
local core = require "iflow.core"
local fake_tenant = require "spec.support.fake_tenant"
local json = core.json
local odata = require "iflow.odata"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"
local tenant_api = require "iflow.tenant_api"

local READ = { "MonitoringDataRead" }

-- A flow that does what the body says: a status, "raise", and notes the body.
local function obey(exchange)
  local status = exchange.body:match "^(%u+)$"
  if status then exchange:set_status(status, "because of " .. status) end
  exchange:add_custom_header("body", exchange.body)
  exchange:add_adapter_attribute("Address", "/orders")
  if exchange.body:find "raise" then error("no such customer", 0) end
  return 200, {}, "done"
end

local function options_of(sb, roles, more)
  local options = { service_key = support.key(sb, "secret", { plan = "api", roles = roles }),
    token_cache = false, cacert = sb.endpoints.cacert }
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

-- A sandbox with the flow "orders" and the API of it: body(api, sb, send, clock); send(text, id)
-- gives the message id.
local function with(body, settings, hostname)
  return async(function()
    local clock = { add = 0 }
    local sb <close> = support.start { settings = settings, hostname = hostname,
      now = function() return core.task.now() + clock.add end }
    support.echo(sb, { name = "orders", address = "/orders/new", csrf = false,
      allowed_headers = "SAP_*", process = obey })
    local bearer = support.bearer(sb, support.key(sb, "secret"))
    local function send(text, id)
      local answer = assert(support.request(sb, "runtime", { method = "POST", body = text,
        path = "/http/orders/new",
        headers = { Authorization = bearer, SAP_ApplicationID = id } }))
      return answer.headers.sap_messageprocessinglogid
        or answer.body:match "failed message is : (%S+)"
    end
    local api <close> = assert(tenant_api(options_of(sb, READ)))
    body(api, sb, send, clock)
  end)
end

local function column(list, field)
  local values = {}
  for i, row in ipairs(list) do values[i] = row[field] end
  return values
end

local function sorted(list, field)
  local values = column(list, field)
  table.sort(values)
  return values
end

describe("tenant_api:endpoints", function()
  it("has the address of every flow that is called", with(function(api, sb)
    support.echo(sb, { name = "invoices", address = "/invoices", adapter = "soap" })
    local list = assert(api:endpoints())
    assert.same({ "invoices", "orders" }, sorted(list, "flow"))
    assert.same({ sb.endpoints.runtime .. "/cxf/invoices", sb.endpoints.runtime
      .. "/http/orders/new" }, sorted(list, "url"))
    local one = assert(api:endpoints { protocol = "REST" })
    assert.same({ 1, "orders", "REST", "PROD", "1.0.0" }, { #one, one[1].flow, one[1].protocol,
      one[1].type, one[1].version })
    assert.equal("invoices", assert(api:endpoints { flow = "invoices" })[1].flow)
  end))

  it("are on all pages", with(function(api, sb)
    for i = 1, 6 do support.echo(sb, { name = "f" .. i, address = "/f" .. i }) end
    assert.equal(7, #assert(api:endpoints()))
  end, { api_page = 2 }))

  it("appear when the tenant shows them", with(function(api, _, _, clock)
    assert.same({}, assert(api:endpoints()))
    clock.add = 60
    assert.equal(1, #assert(api:endpoints()))
  end, { endpoint_delay = 60 }))
end)

describe("tenant_api:logs", function()
  it("finds by id, flow, status, time and custom header, the newest first", with(
    function(api, sb, send, clock)
      local began = core.task.now()
      local one = send("one", "PO-1")
      clock.add = 100
      local two = send("raise", "o'brien")
      clock.add = 200
      local three = send("RETRY", "PO-1")
      support.echo(sb, { name = "other", address = "/other" })
      local function found(options) return column(assert(api:logs(options)), "message_id") end
      assert.same({ three, two, one }, found())
      assert.same({ two }, found { message_id = two })
      assert.same({ two }, found { application_id = "o'brien" })
      assert.same({ three, one }, found { application_id = "PO-1" })
      assert.same({ one }, found { correlation_id = api:log(one).correlation_id })
      assert.same({ three, two, one }, found { flow = "orders" })
      assert.same({}, found { flow = "other" })
      assert.same({ two }, found { status = "FAILED" })
      assert.same({ three, two }, found { status = { "FAILED", "RETRY" } })
      assert.same({ three, two, one }, found { status = {} })
      assert.same({ three, two }, found { since = began + 50 })
      assert.same({ two, one }, found { before = began + 150 })
      assert.same({ two }, found { since = began + 50, before = began + 150, flow = "orders",
        status = "FAILED" })
      assert.same({ one }, found { headers = { body = "one" } })
      assert.same({}, found { headers = { body = "one" }, status = "FAILED" })
    end))

  it("asks for an id alone, and keeps to what else is wanted", with(function(api, _, send)
    local first, second = send("x", "PO-1"), send("raise", "PO-1")
    local function found(options) return column(assert(api:logs(options)), "message_id") end
    assert.same({ second }, found { application_id = "PO-1", status = "FAILED" })
    assert.same({ first }, found { application_id = "PO-1", message_id = first })
    assert.same({}, found { message_id = first, flow = "other" })
    assert.same({}, found { message_id = first, before = core.task.now() - 60 })
    local list = assert(api:logs { application_id = "PO-1", limit = 1 })
    assert.same({ 1, true }, { #list, list.more })
  end))

  it("sends nothing beside the id", async(function()
    local asked
    local fake <close> = fake_tenant.start { runtime = function(req)
      asked = req.target
      return req:answer(200, {}, '{"d":{"results":[]}}')
    end }
    local api <close> = assert(tenant_api { service_key = fake:key(), token_cache = false })
    assert(api:logs { message_id = "g", correlation_id = "c", flow = "f", since = 1, limit = 5 })
    assert.equal("/api/v1/MessageProcessingLogs?$filter=MessageGuid%20eq%20'g'", asked)
  end))

  it("follows the pages, as far as is wanted", with(function(api, _, send)
    for i = 1, 7 do send("x", "PO-" .. i) end
    assert.equal(7, #assert(api:logs()))
    local list = assert(api:logs { limit = 5 })
    assert.same({ 5, true }, { #list, list.more })
    list = assert(api:logs { limit = 7 })
    assert.same({ 7, false }, { #list, list.more })
  end, { api_page = 2 }))

  it("sees what Python's urllib sees", with(function(api, sb, send)
    for i = 1, 8 do send(i % 3 == 0 and "raise" or "x", "a'b & c" .. i) end
    local key = support.key(sb, "secret", { plan = "api", roles = READ }).oauth
    local base = sb.endpoints.api .. "/api/v1/MessageProcessingLogs?$orderby=LogStart%20desc"
    local dir <close> = process.tempdir()
    local run = process.run { "/usr/bin/python3", "spec/support/odata_client.py",
      dir:write("job.json", json.encode { cafile = sb.endpoints.cacert, oauth = key, urls = {
        all = base, failed = base .. "&$filter=Status%20eq%20'FAILED'",
        one = base .. "&$filter=ApplicationMessageId%20eq%20'a''b%20%26%20c4'" } }) }
    assert.equal("", run.err)
    local theirs = json.decode(run.out)
    local function ours(options) return column(assert(api:logs(options)), "message_id") end
    local all = ours()
    assert.equal(8, #all)
    assert.same(all, table.move(theirs.all, 1, 8, 1, {}))
    assert.same(ours { status = "FAILED" }, table.move(theirs.failed, 1, 2, 1, {}))
    assert.same(ours { application_id = "a'b & c4" }, table.move(theirs.one, 1, 1, 1, {}))
    assert.same({ 2, 1 }, { #theirs.failed, #theirs.one })
  end, { api_page = 3 }, "localhost"))
end)

-- What a tenant never should, and may: nothing, and other types.
describe("odd records", function()
  local odd = { "{}", '{"Name":5,"Id":null,"EntryPoints":7}', '{"EntryPoints":{"results":[5,{}]}}',
    '{"Status":{},"LogStart":"x","LogEnd":9,"IntegrationArtifact":"y","KeySize":"big"}',
    '{"ValidNotAfter":null,"ValidNotBefore":[],"DeployedOn":true,"Alias":{"a":1}}' }

  it("do no harm", async(function()
    local body
    local fake <close> = fake_tenant.start { runtime = function(req)
      if req.target:find("/$value", 1, true) then return req:answer(200, {}, "[1]") end
      if req.target:find("('", 1, true) and not req.target:find "'%)/" then
        return req:answer(200, {}, '{"d":' .. body .. "}")
      end
      return req:answer(200, {}, '{"d":{"results":[' .. body .. "]}}")
    end }
    local api <close> = assert(tenant_api { service_key = fake:key(), token_cache = false })
    for _, text in ipairs(odd) do
      body = text
      assert.equal(0, #assert(api:endpoints()))
      for _, name in ipairs { "logs", "artifacts", "keystore", "roles" } do
        assert.equal(1, #assert(api[name](api)))
      end
      assert.equal("open", assert(api:log "g").outcome)
    end
  end))

  it("do not hide the rest of a log", async(function()
    local fake <close> = fake_tenant.start { runtime = function(req)
      if req.target:find "'%)/" then return req:answer(403, {}, "") end
      return req:answer(200, {}, '{"d":{"MessageGuid":"g","Status":"FAILED"}}')
    end }
    local api <close> = assert(tenant_api { service_key = fake:key(), token_cache = false })
    local entry = assert(api:log "g")
    assert.equal("FAILED", entry.status)
    assert.same({ "AdapterAttributes", "CustomHeaderProperties", "Runs", "ErrorInformation" },
      column(entry.unread, "what"))
  end))
end)

describe("tenant_api:log", function()
  it("has all that hangs on a message", with(function(api, _, send)
    local entry = assert(api:log(send("raise", "PO-1")))
    assert.same({ "FAILED", "failed", "orders", "PO-1", "no such customer", "INFO" },
      { entry.status, entry.outcome, entry.flow, entry.application_id, entry.error_text,
        entry.log_level })
    assert.same({ { name = "body", value = "raise" } }, table.move(entry.headers, 1, 1, 1, {}))
    assert.same({ "Address", "/orders" }, { entry.attributes[1].name, entry.attributes[1].value })
    assert.same({ "FAILED", 1 }, { entry.runs[1].status, #entry.runs })
    assert.is_true(entry.duration >= 0 and entry.started <= entry.ended)
    assert.matches("^https://.*MessageProcessingRunDetails", entry.web_link)
    assert.same({}, entry.unread)
  end))

  it("has no error where there is none", with(function(api, _, send)
    assert.is_nil(assert(api:log(send("x", "PO-1"))).error_text)
    assert.is_nil(assert(api:log(send("DISCARDED", "PO-2"))).error_text)
    local entry, err = api:log "AGn4UgBohP2kaoL0qlLJX4tBIh3h"
    assert.is_nil(entry)
    assert.is_nil(err)
  end))
end)

describe("tenant_api:artifacts", function()
  it("tells why one could not be deployed", with(function(api, sb)
    support.echo(sb, { name = "First", address = "/same" })
    assert(sb:undeploy "First")
    support.echo(sb, { name = "Second", address = "/same" })
    local client <close> = assert(odata(options_of(sb, { "WorkspaceArtifactsDeploy" })))
    local task = assert(client:send("POST", "DeployIntegrationDesigntimeArtifact",
      { query = { Id = "'First'", Version = "'active'" } }))
    assert.same({ TaskId = task.body, Status = "FAIL" },
      assert(client:get(odata.entity("BuildAndDeployStatus", { TaskId = task.body }))))
    local list = assert(api:artifacts { status = "ERROR", errors = true })
    assert.same({ "First" }, column(list, "id"))
    assert.matches("Second", list[1].error)
    list = assert(api:artifacts { status = "STARTED" })
    assert.same({ "Second", "orders" }, sorted(list, "id"))
    assert.equal("INTEGRATION_FLOW", list[1].type)
    assert.is_true(list[1].deployed_on <= core.task.now() + 1)
  end))
end)

describe("tenant_api:roles and keystore", function()
  it("are read", with(function(api, sb)
    sb:role("add", "Orders.send")
    local names = {}
    for _, role in ipairs(assert(api:roles())) do names[role.name] = role.owner end
    assert.same({ "SAP", "Tenant" }, { names["ESBMessaging.send"], names["Orders.send"] })
    support.foreign_identity(sb, "balancer")
    local list = assert(api:keystore())
    assert.same({ "SAP", "Tenant" }, sorted(list, "owner"))
    for _, entry in ipairs(list) do
      assert.is_true(entry.not_after > core.task.now())
      assert.same({ "Certificate", "VALID" }, { entry.type, entry.validity })
    end
  end))

  it("are asked no faster than SAP allows", with(function(api)
    for _ = 1, 12 do assert(api:roles()) end -- more than 10 a second get 429
  end))
end)

describe("a change", function()
  for _, csrf in ipairs { "always", "without_bearer", "never" } do
    it("goes through where CSRF tokens are asked for: " .. csrf, with(function(api, sb)
      local client <close> = assert(odata(options_of(sb,
        { "MonitoringArtifactsDeploy", "MonitoringDataRead" }, { retry = "none" })))
      assert.equal(202, assert(client:send("DELETE",
        odata.entity("IntegrationRuntimeArtifacts", "orders"))).status)
      assert.equal(0, #assert(api:artifacts()))
    end, { api_csrf = csrf }))
  end
end)

describe("what the API refuses", function()
  for _, spelling in ipairs { "error", "bare", "xml" } do
    it("is understood in the spelling: " .. spelling, with(function(api, sb)
      local list, err = api.odata:list("MessageProcessingLogs", { filter = "Nothing eq 'x'" })
      assert.is_nil(list)
      assert.equal(400, err.status)
      assert.matches("Nothing", err.said)
      local entry, why = api:log "AGn4UgBohP2kaoL0qlLJX4tBIh3h"
      assert.is_nil(entry)
      assert.is_nil(why)
      local other <close> = assert(tenant_api(options_of(sb, { "WorkspacePackagesRead" })))
      list, err = other:keystore()
      assert.is_nil(list)
      assert.same({ 403, "call.forbidden" }, { err.status, err.code })
      assert.is_nil(err.message:find("sender channel", 1, true)) -- of flows, not of the API
      assert.matches("MonitoringDataRead", err.hint)
    end, { api_errors = spelling }))
  end

  it("is an option that this tenant does not know", with(function(api)
    local list, err = api.odata:list("UserRoles", { query = { ["$search"] = "x" } })
    assert.is_nil(list)
    assert.same({ 501, "rejected" }, { err.status, err.outcome })
  end))
end)

describe("an Edge Integration Cell", function()
  for _, prefix in ipairs { "/location/cell-1", "/local" } do
    it("is asked below " .. prefix .. ", on all pages", with(function(_, sb, send)
      for i = 1, 5 do send("x", "PO-" .. i) end
      local api <close> = assert(tenant_api(options_of(sb, READ,
        { url = sb.endpoints.api .. prefix })))
      assert.equal(5, #assert(api:logs()))
      assert.equal("orders", assert(api:endpoints())[1].flow)
    end, { api_page = 2 }))
  end
end)
