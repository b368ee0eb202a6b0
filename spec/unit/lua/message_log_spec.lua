-- The client of the message processing log: against a sandbox for what SAP documents, against a
-- server of the spec's own for what the way to it, and other versions, may answer.
local async = require "spec.support.async"
local core = require "iflow.core"
local fake_tenant = require "spec.support.fake_tenant"
local iflow = require "iflow"
local raises = require "spec.support.raises"
local support = require "spec.support.sandbox"
local tenants = require "iflow.tenant"

-- A sandbox with the flow "orders", which does what its body says; send(body, id) gives the answer.
local function with(body, settings)
  return async(function()
    local sb <close> = support.start { settings = settings }
    support.echo(sb, { name = "orders", address = "/orders", csrf = false,
      allowed_headers = "SAP_*", process = function(exchange)
        local status = exchange.body:match "^%u+"
        if status then exchange:set_status(status, "because of " .. status) end
        if exchange.body:find "raise" then error("no such customer", 0) end
        return 200, {}, "done"
      end })
    local tenant <close> = assert(iflow.tenant { service_key = support.key(sb, "secret"),
      cacert = sb.endpoints.cacert, token_cache = false })
    local function send(text, id)
      local answer, err = tenant:call { to = "/http/orders", body = text,
        headers = { SAP_ApplicationID = id } }
      return answer or err
    end
    local key = support.key(sb, "secret", { plan = "api", roles = { "MonitoringDataRead" } })
    local log <close> = assert(iflow.message_log { service_key = key, token_cache = false,
      cacert = sb.endpoints.cacert })
    body(log, send, sb)
  end)
end

-- An API that answers with what answer(req, n) gives: status, headers, body.
local function against(answer, body)
  return async(function()
    local fake <close> = fake_tenant.start { runtime = function(req, n)
      return req:answer(answer(req, n))
    end }
    local log <close> = assert(iflow.message_log { service_key = fake:key(),
      token_cache = false })
    body(log, fake)
  end)
end

local function feed(records)
  return 200, { ["Content-Type"] = "application/json" },
    core.json.encode { d = { results = core.json.array(records) } }
end

describe("iflow.message_log", function()
  it("takes a path or options of iflow.tenant", async(function()
    local log, err = iflow.message_log "/no/such/key.json"
    assert.is_nil(log)
    assert.equal("file.not_found", err.code)
    raises("unknown option 'servicekey', did you mean 'service_key'",
      function() iflow.message_log { servicekey = "x" } end)
    raises("a service key of plan api", function() iflow.message_log {} end)
    raises("got number", function() iflow.message_log(5) end)
  end))

  it("takes the way from the command line, and no credential", with(function(_, send, sb)
    local before = tenants.defaults
    local _ <close> = setmetatable({}, { __close = function() tenants.defaults = before end })
    tenants.defaults = { service_key = "/no/such.json", cert = "/no/such.pem",
      key = "/no/such.key", pass_file = "/no/such", url = "https://nowhere.localhost",
      cacert = sb.endpoints.cacert, proxy = "", token_cache = false }
    local key = support.key(sb, "secret", { plan = "api", roles = { "MonitoringDataRead" } })
    local log <close> = assert(iflow.message_log { service_key = key })
    assert.equal("COMPLETED", assert(log:find(send("x").message_id)).status)
  end))

  it("leads to the sandbox of a test", with(function(_, send, sb)
    local key = support.key(sb, "secret", { plan = "api", roles = { "MonitoringDataRead" } })
    local before = tenants.api_override
    local _ <close> = setmetatable({}, { __close = function() tenants.api_override = before end })
    tenants.api_override = { service_key = key, cacert = sb.endpoints.cacert, proxy = "",
      token_cache = false }
    local log <close> = assert(iflow.message_log "/of/the/real/tenant.json")
    assert.equal("COMPLETED", assert(log:find(send("x").message_id)).status)
  end))

  it("is closed once, and then not used", against(function() return feed {} end, function(log)
    log:close()
    log:close()
    raises("is closed", function() log:find "x" end)
    raises("takes an id", function() log:search {} end)
    raises("use a colon", function() log.search "x" end)
  end))
end)

describe("message_log:find", function()
  it("gives the log of an id", with(function(log, send)
    local before = core.task.now()
    local answer = send("x", "PO-4711")
    local entry = assert(log:find(answer.message_id))
    assert.same({ answer.message_id, "PO-4711", "orders", "COMPLETED", "delivered", "INFO" },
      { entry.message_id, entry.application_id, entry.flow, entry.status, entry.outcome,
        entry.log_level })
    assert.is_true(entry.started >= before - 1 and entry.ended >= entry.started)
  end))

  it("gives nothing for what is not there, whatever the id", with(function(log)
    for _, id in ipairs { "AGn4UgBohP2kaoL0qlLJX4tBIh3h", "no such", "o'brien", "a/b?c#d%" } do
      local entry, err = log:find(id)
      assert.is_nil(entry)
      assert.is_nil(err)
    end
  end))

  it("knows what each status means", with(function(log, send, sb)
    local expected = { PROCESSING = "open", RETRY = "open", ABANDONED = "open",
      COMPLETED = "delivered", FAILED = "failed", ESCALATED = "failed", CANCELLED = "failed",
      DISCARDED = "failed" }
    local id = send("x").message_id
    for status, outcome in pairs(expected) do
      assert(sb:set_status(id, status))
      assert.same({ status, outcome }, { log:find(id).status, log:find(id).outcome })
    end
  end))

  it("waits for what it does not know", against(function()
    return 200, {}, '{"d":{"MessageGuid":"g","Status":"SLEEPING","LogStart":null}}'
  end, function(log)
    local entry = assert(log:find "g")
    assert.same({ "SLEEPING", "open" }, { entry.status, entry.outcome })
    assert.is_nil(entry.started)
  end))
end)

describe("message_log:search", function()
  it("finds all logs of an ApplicationMessageId, whatever its characters", with(
    function(log, send)
      for _, id in ipairs { "PO-4711", "o'brien's", "a b&c=d+e%20f", "'" } do
        send("x", id)
        send("raise", id)
        local list = assert(log:search(id))
        local statuses = { list[1].status, list[2].status }
        table.sort(statuses)
        assert.same({ 2, id, id }, { #list, list[1].application_id, list[2].application_id })
        assert.same({ "COMPLETED", "FAILED" }, statuses)
      end
      assert.same({}, assert(log:search "PO-4712"))
    end))

  it("shows a log when the tenant does", with(function(log, send)
    send("x", "PO-1")
    assert.same({}, assert(log:search "PO-1"))
  end, { log_delay = 3600 }))

  it("takes nothing but a list for an empty one", function()
    for _, body in ipairs { "", "[]", "{}", '{"d":null}', '{"d":{}}', '{"d":[]}', "<html/>",
                            '{"d":{"results":null}}' } do
      against(function() return 200, {}, body end, function(log)
        local list, err = log:search "x"
        assert.is_nil(list)
        assert.same({ "http.protocol", true }, { err.code, err.retryable })
      end)()
    end
  end)

  it("takes no 404 for an empty list", against(function()
    return 404, {}, '{"error":{"code":"Not Found","message":{"lang":"en","value":"no such set"}}}'
  end, function(log)
    local list, err = log:search "x"
    assert.is_nil(list)
    assert.equal("call.not_found", err.code)
  end))
end)

describe("message_log:between", function()
  it("gives the logs of a time", with(function(log, send)
    send("x", "PO-1")
    local now = core.task.now()
    assert.equal("PO-1", assert(log:between(now - 60, now + 60, 10))[1].application_id)
    assert.same({}, assert(log:between(now - 120, now - 60, 10)))
  end))
end)

describe("message_log:flow_at", function()
  it("names the flow of an address, whose logs can be looked at alone", with(function(log, send, sb)
    support.echo(sb, { name = "other", address = "/other", csrf = false })
    assert.equal("orders", log:flow_at "/http/orders")
    assert.equal("other", log:flow_at(sb.endpoints.runtime .. "/http/other?a=b"))
    assert.is_nil((log:flow_at "/http/nowhere"))
    send("x", "PO-1")
    local now = core.task.now()
    assert.equal(1, #assert(log:between(now - 60, now + 60, 10, "orders")))
    assert.same({}, assert(log:between(now - 60, now + 60, 10, "other")))
  end))

  it("names none when two flows have the address", against(function()
    local function endpoint(id)
      return { Id = id .. "$endpointAddress=x", EntryPoints = { results = {
        { Url = "https://tenant/http/x" } } } }
    end
    return feed { endpoint "a", endpoint "b" }
  end, function(log)
    local flow, err = log:flow_at "/http/x"
    assert.is_nil(flow)
    assert.is_nil(err)
  end))
end)

describe("message_log:error_text", function()
  it("gives the text of a failure, nothing where there is none", with(function(log, send)
    local err = send("raise", "PO-1")
    assert.equal("no such customer", log:error_text(err.message_id))
    assert.is_nil(log:error_text(send("x").message_id))
    assert.is_nil((log:error_text "AGn4UgBohP2kaoL0qlLJX4tBIh3h"))
  end))
end)

describe("what the API refuses", function()
  it("is told in both of its spellings, and in XML", function()
    local bodies = { '{"error":{"code":"Bad Request","message":{"lang":"en","value":"because"}}}',
      '{"code":"Bad Request","message":{"@lang":"en","#text":"because"}}',
      '<error xmlns="x"><code>c</code><message xml:lang="en">because</message></error>' }
    for _, body in ipairs(bodies) do
      against(function() return 400, {}, body end, function(log)
        local list, err = log:search "x"
        assert.is_nil(list)
        assert.equal(400, err.status)
        assert.matches("because", err.message)
      end)()
    end
  end)

  for spelling, text in pairs { error = "inside error", bare = "bare" } do
    it("is understood where an entity is not there: " .. text, with(function(log)
      local entry, err = log:find "AGn4UgBohP2kaoL0qlLJX4tBIh3h"
      assert.is_nil(entry)
      assert.is_nil(err)
    end, { api_errors = spelling }))
  end

  it("is no missing log when something else says 404", against(function()
    return 404, { ["X-Cf-RouterError"] = "unknown_route" },
      "404 Not Found: Requested route ('x') does not exist."
  end, function(log)
    local entry, err = log:find "x"
    assert.is_nil(entry)
    assert.equal("call.not_found", err.code)
  end))

  it("is repeated by whoever wants to, after the time that it names", against(function()
    return 429, { ["Retry-After"] = "7" }, ""
  end, function(log, fake)
    local list, err = log:search "x"
    assert.is_nil(list)
    assert.same({ 429, 7, "retryable", 1 },
      { err.status, err.retry_after, err.outcome, fake.calls })
  end))

  it("names the plan that is needed, for a key of the other one", with(function(_, send, sb)
    local other <close> = assert(iflow.message_log { service_key = support.key(sb, "secret"),
      token_cache = false, cacert = sb.endpoints.cacert, url = sb.endpoints.api })
    local entry, err = other:find(send("x").message_id)
    assert.is_nil(entry)
    assert.same({ 401, "call.unauthorized" }, { err.status, err.code })
    assert.matches("of plan api", err.hint)
    assert.matches("this one is of plan integration%-flow", err.hint)
  end))

  it("names the role that is needed", with(function(_, send, sb)
    local key = support.key(sb, "secret", { plan = "api", roles = { "WorkspacePackagesRead" } })
    local other <close> = assert(iflow.message_log { service_key = key, token_cache = false,
      cacert = sb.endpoints.cacert })
    local entry, err = other:find(send("x").message_id)
    assert.is_nil(entry)
    assert.same({ 403, "call.forbidden" }, { err.status, err.code })
    assert.matches("MonitoringDataRead", err.hint)
  end))
end)

describe("message_log.judge", function()
  local function entry(outcome, started) return { outcome = outcome, started = started } end
  local function judge(list, since)
    local verdict, found = iflow.message_log.judge(list, since)
    return { verdict, found and found.started }
  end

  it("is delivered when one is, whatever became of the others", function()
    assert.same({ "delivered", 1 }, judge { entry("delivered", 1), entry("failed", 2),
      entry("open", 3) })
  end)
  it("is open when one is not over", function()
    assert.same({ "open", 1 }, judge { entry("open", 1), entry("failed", 2) })
  end)
  it("is the last failure when all are over", function()
    assert.same({ "failed", 3 }, judge { entry("failed", 1), entry("failed", 3),
      entry("failed", 2) })
  end)
  it("is stale when all failures are older than the attempt", function()
    assert.same({ "stale", 3 }, judge({ entry("failed", 1), entry("failed", 3) }, 4))
    assert.same({ "failed", 4 }, judge({ entry("failed", 1), entry("failed", 4) }, 4))
    assert.same({ "delivered", 1 }, judge({ entry("delivered", 1) }, 4))
  end)
  it("is none when there is none", function() assert.same({ "none" }, judge {}) end)
end)
