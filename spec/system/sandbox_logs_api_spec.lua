-- The message processing logs behind the OData API of the sandbox (sap-reference 7.3): statuses,
-- times, ids, texts; filters, order, paging; what hangs on a log.
local api_client = require "spec.support.api_client"
local async = require "spec.support.async"
local core = require "iflow.core"
local mpl = require "iflow.sandbox.mpl"
local support = require "spec.support.sandbox"

local column = api_client.column

-- A sandbox whose flow /http/work does what do_it(exchange) says; send() calls it and gives the
-- answer. body(sb, api, send).
local function with(do_it, body, settings)
  return async(function()
    local clock = { add = 0 }
    local sb <close> = support.start { settings = settings,
                                       now = function() return core.task.now() + clock.add end }
    assert(sb:deploy { name = "work", address = "/work", csrf = false, allowed_headers = "SAP_*",
                       process = do_it })
    local bearer = support.bearer(sb, support.key(sb, "secret"))
    local function send(text, headers)
      local all = { Authorization = bearer }
      for name, value in pairs(headers or {}) do all[name] = value end
      return assert(support.request(sb, "runtime", { method = "POST", path = "/http/work",
                                                     body = text or "", headers = all }))
    end
    body(sb, api_client.open(sb, { "MonitoringDataRead" }), send, clock)
  end)
end

local function id_of(answer) return answer.headers["sap_messageprocessinglogid"] end

local function date(text) return tonumber(text:match "^/Date%((%d+)%)/$") end

-- A flow that does what the body says: a status, or "raise".
local function obey(exchange)
  local status = exchange.body:match "^(%u+)"
  if status then exchange:set_status(status, "because of " .. status) end
  if exchange.body:find "raise" then error("no such customer", 0) end
  return 200, {}, "done"
end

describe("a message processing log", function()
  it("tells of one message what SAP's does", with(function(exchange)
    exchange.headers.sap_applicationid, exchange.headers.sap_messagetype = "PO-4711", "Order"
    return 200, {}, "done"
  end, function(sb, api, send)
    local began = core.task.now()
    local sent = send("x", { SAP_Sender = "ERP", SAP_Receiver = "SHOP" })
    local answer, body = api:get(("/MessageProcessingLogs('%s')"):format(id_of(sent)))
    assert.same({ 200, "application/json", "2.0" }, { answer.status,
      answer.headers["content-type"], answer.headers.dataserviceversion })
    local log, uri = body.d, ("%s/api/v1/MessageProcessingLogs('%s')"):format(sb.endpoints.api,
                                                                              id_of(sent))
    assert.same({ id = uri, uri = uri, type = "com.sap.hci.api.MessageProcessingLog" },
                log.__metadata)
    assert.same({ id_of(sent), sent.headers["sap_mplcorrelationid"], "PO-4711", "Order", "ERP",
                  "SHOP", "work", "COMPLETED", "COMPLETED", "INFO" },
                { log.MessageGuid, log.CorrelationId, log.ApplicationMessageId,
                  log.ApplicationMessageType, log.Sender, log.Receiver, log.IntegrationFlowName,
                  log.Status, log.CustomStatus, log.LogLevel })
    assert.same({ "work", "work", "INTEGRATION_FLOW" }, { log.IntegrationArtifact.Id,
      log.IntegrationArtifact.Name, log.IntegrationArtifact.Type })
    assert.is_true(date(log.LogStart) >= math.floor(began * 1000))
    assert.is_true(date(log.LogEnd) >= date(log.LogStart))
    assert.equal(date(log.LogStart) // 1000, mpl.created(log.MessageGuid))
    assert.matches("^%x+$", log.TransactionId)
    assert.matches("^https://", log.AlternateWebLink)
    assert.equal(uri .. "/ErrorInformation", log.ErrorInformation.__deferred.uri)
  end))

  it("has every status, by what the flow does or an operation", with(obey,
    function(sb, api, send)
      local function log_of(answer)
        return select(2, api:get(("/MessageProcessingLogs('%s')"):format(answer))).d
      end
      for status in pairs(mpl.STATUSES) do
        local id = id_of(send(status))
        assert.equal(status, log_of(id).Status)
        assert.equal(status == "PROCESSING", log_of(id).LogEnd == core.json.null)
      end
      local failed = send "raise"
      assert.equal(500, failed.status)
      local failed_id = failed.body:match "is : (%S+)\n"
      assert.equal("FAILED", log_of(failed_id).Status)
      local escalated = send "ESCALATED raise"
      assert.equal(500, escalated.status)
      assert.equal("ESCALATED", log_of(escalated.body:match "is : (%S+)\n").Status)
      local id = id_of(send "RETRY")
      for status in pairs(mpl.STATUSES) do
        assert(sb:set_status(id, status, "by hand"))
        assert.equal(status, log_of(id).Status)
      end
      assert.equal("usage.invalid", select(2, sb:set_status(id, "DONE")).code)
      assert.equal("sandbox.refused", select(2, sb:set_status("none", "FAILED")).code)
    end))

  it("is PROCESSING while the flow runs", async(function()
    local sb <close> = support.start()
    local api, bearer = api_client.open(sb, { "MonitoringDataRead" }),
      support.bearer(sb, support.key(sb, "secret"))
    local seen
    assert(sb:deploy { name = "slow", address = "/slow", csrf = false, process = function(exchange)
      seen = select(2, api:get(("/MessageProcessingLogs('%s')"):format(exchange.message_id))).d
      return 200, {}, "x"
    end })
    assert(support.request(sb, "runtime", { method = "POST", path = "/http/slow", body = "x",
                                            headers = { Authorization = bearer } }))
    assert.same({ "PROCESSING", core.json.null }, { seen.Status, seen.LogEnd })
  end))

  it("gives the text of the error, and 204 where there is none", with(obey, function(_, api, send)
    local failed = send("raise").body:match "is : (%S+)\n"
    for _, path in ipairs { "/MessageProcessingLogs('%s')/ErrorInformation/$value",
                            "/MessageProcessingLogErrorInformations('%s')/$value" } do
      local answer = api:get(path:format(failed))
      assert.same({ 200, "text/plain;charset=utf-8", "no such customer" },
                  { answer.status, answer.headers["content-type"], answer.body })
      answer = api:get(path:format(id_of(send())))
      assert.same({ 204, "" }, { answer.status, answer.body })
    end
    local _, body = api:get(("/MessageProcessingLogs('%s')/ErrorInformation"):format(failed))
    assert.equal(failed, body.d.MessageGuid)
    local answer = api:get(("/MessageProcessingLogs('%s')/ErrorInformation/$value"):format(
      id_of(send "DISCARDED")))
    assert.equal(204, answer.status) -- a duplicate start is no error
  end))

  it("carries custom headers and adapter attributes", with(function(exchange)
    exchange:add_custom_header("po_number", exchange.body)
    exchange:add_custom_header("plant", 17)
    exchange:add_adapter_attribute("Address", "/work")
    exchange.headers.sap_messageprocessinglogcustomstatus = "PARKED"
    return 200, {}, ""
  end, function(_, api, send)
    local one, two = id_of(send "12345"), id_of(send "777")
    local function found(options)
      local _, body = api:get("/MessageProcessingLogs", options)
      return column(body, "MessageGuid")
    end
    local filter = "filterCustomHeaderProperties"
    assert.same({ one }, found { [filter] = "'po_number' eq '12345'" })
    assert.same({ one, two }, found { [filter] = "'plant' eq '17'" })
    assert.same({ two }, found { [filter] = "'plant' eq '17'",
                                 ["$filter"] = ("MessageGuid eq '%s'"):format(two) })
    assert.same({ one, two }, found { ["$filter"] = "CustomStatus eq 'PARKED'" })
    local path = ("/MessageProcessingLogs('%s')/"):format(two)
    local _, body = api:get(path .. "CustomHeaderProperties")
    assert.same({ { "po_number", "plant" }, { "777", "17" } },
                { column(body, "Name"), column(body, "Value") })
    _, body = api:get(path .. "AdapterAttributes")
    assert.same({ { "Address" }, { "/work" } }, { column(body, "Name"), column(body, "Value") })
    _, body = api:get("/MessageProcessingLogCustomHeaderProperties",
                      { ["$filter"] = "Name eq 'po_number' and Value eq '777'" })
    local id = body.d.results[1].Id
    _, body = api:get(("/MessageProcessingLogCustomHeaderProperties('%s')/Log"):format(id))
    assert.equal(two, body.d.MessageGuid)
    _, body = api:get(("/MessageProcessingLogs('%s')"):format(two), { ["$expand"] =
      "CustomHeaderProperties,AdapterAttributes,ErrorInformation,Runs" })
    assert.same({ "777", "/work", two, "COMPLETED" }, {
      body.d.CustomHeaderProperties.results[1].Value, body.d.AdapterAttributes.results[1].Value,
      body.d.ErrorInformation.MessageGuid, body.d.Runs.results[1].OverallState })
  end))

  it("is not written with log level NONE", with(obey, function(_, api, send)
    local answer = send("x", { SAP_MessageProcessingLogLevel = "none" })
    assert.equal(404, api:get(("/MessageProcessingLogs('%s')"):format(id_of(answer))).status)
    assert.equal("0", api:get("/MessageProcessingLogs/$count").body)
  end))

  it("appears after log_delay, and goes after log_retention", with(obey,
    function(sb, api, send, clock)
      local path = ("/MessageProcessingLogs('%s')"):format(id_of(send()))
      assert.equal(404, api:get(path).status)
      assert.equal("0", api:get("/MessageProcessingLogs/$count").body)
      clock.add = 601
      assert.equal(200, api:get(path).status)
      assert.equal("1", api:get("/MessageProcessingLogs/$count").body)
      assert(sb:settings { log_retention = 1 / 24 })
      assert.equal(200, api:get(path).status)
      clock.add = 3601
      assert.equal(404, api:get(path).status)
      assert.equal(1, #sb:log()) -- the sandbox's own command shows it
    end, { log_delay = 600 }))
end)

describe("the list of message processing logs", function()
  -- Six logs, a second apart: 1 to 3 FAILED, 4 to 6 COMPLETED.
  local function six(body, settings)
    return with(obey, function(sb, api, send, clock)
      local ids = {}
      for i = 1, 6 do
        clock.add = i
        local answer = send(i <= 3 and "FAILED" or "", { SAP_ApplicationID = "PO-" .. i })
        ids[i] = id_of(answer)
      end
      body(sb, api, ids)
    end, settings)
  end

  local function pick(ids, ...)
    local list = {}
    for i, n in ipairs { ... } do list[i] = ids[n] end
    return list
  end

  it("is filtered, ordered and cut", six(function(_, api, ids)
    local function found(options)
      local answer, body = api:get("/MessageProcessingLogs", options)
      assert.equal(200, answer.status, answer.body)
      return column(body, "MessageGuid")
    end
    assert.same(ids, found())
    assert.same(pick(ids, 1, 2, 3), found { ["$filter"] = "Status eq 'FAILED'" })
    assert.same(pick(ids, 4), found { ["$filter"] = "ApplicationMessageId eq 'PO-4'" })
    assert.same(pick(ids, 3, 2), found {
      ["$filter"] = "IntegrationFlowName eq 'work' and Status eq 'FAILED' and "
        .. "LogEnd gt datetime'2026-01-01T00:00:00'",
      ["$orderby"] = "LogEnd desc", ["$top"] = 2 })
    assert.same(pick(ids, 5, 6), found { ["$skip"] = 4 })
    assert.same(pick(ids, 2), found { ["$skip"] = 1, ["$top"] = 1 })
    assert.same({}, found { ["$top"] = 0 })
    assert.same(pick(ids, 4, 5, 6, 1, 2, 3), found { ["$orderby"] = "Status,LogStart asc" })
    assert.same({}, found { ["$filter"] = "LogStart lt datetime'2020-01-01T00:00:00'" })
    local _, body = api:get(("/MessageProcessingLogs('%s')"):format(ids[2]))
    assert.same(pick(ids, 2), found {
      ["$filter"] = ("CorrelationId eq '%s'"):format(body.d.CorrelationId) })
    local at = date(body.d.LogStart)
    local text = os.date("!%Y-%m-%dT%H:%M:%S", at // 1000) .. (".%03d"):format(at % 1000)
    assert.same(pick(ids, 3, 4, 5, 6), found {
      ["$filter"] = ("LogStart gt datetime'%s'"):format(text:gsub("%.%d+$", ".999")) })
  end))

  it("is counted as a text, with the list and alone", six(function(_, api)
    local _, body = api:get("/MessageProcessingLogs", { ["$inlinecount"] = "allpages", ["$top"] = 1,
                                                        ["$filter"] = "Status eq 'FAILED'" })
    assert.same({ "3", 1 }, { body.d.__count, #body.d.results })
    _, body = api:get("/MessageProcessingLogs", { ["$inlinecount"] = "none" })
    assert.is_nil(body.d.__count)
    local answer = api:get("/MessageProcessingLogs/$count", { ["$filter"] = "Status eq 'FAILED'" })
    assert.same({ "3", "text/plain" }, { answer.body, answer.headers["content-type"] })
  end))

  it("comes in pages with a next link", six(function(sb, api, ids)
    local got, target, pages = {}, "/MessageProcessingLogs?$orderby=LogStart%20desc&$top=5", 0
    while target do
      local _, body = api:request("GET", target)
      for _, id in ipairs(column(body, "MessageGuid")) do got[#got + 1] = id end
      pages = pages + 1
      local root = sb.endpoints.api .. "/api/v1"
      if body.d.__next then
        assert.matches("%$skiptoken=%d+", body.d.__next)
        assert.equal(root, body.d.__next:sub(1, #root))
      end
      target = body.d.__next and body.d.__next:sub(#root + 1)
    end
    assert.same({ pick(ids, 6, 5, 4, 3, 2), 3 }, { got, pages })
  end, { api_page = 2 }))

  it("has no more than asked for with $select", six(function(_, api)
    local _, body = api:get("/MessageProcessingLogs", { ["$select"] = "MessageGuid,Status" })
    local names = {}
    for name in pairs(body.d.results[1]) do names[#names + 1] = name end
    table.sort(names)
    assert.same({ "MessageGuid", "Status", "__metadata" }, names)
  end))

  it("refuses what is wrong, and what is not supported", six(function(_, api)
    local function status(options) return api:get("/MessageProcessingLogs", options).status end
    for option, value in pairs { ["$top"] = "-1", ["$skip"] = "x", ["$orderby"] = "Nothing",
                                 ["$filter"] = "Nothing eq 'x'", ["$inlinecount"] = "some",
                                 ["$select"] = "Nothing", ["$expand"] = "Nothing",
                                 filterCustomHeaderProperties = "x" } do
      assert.equal(400, status { [option] = value }, option)
    end
    assert.equal(400, status { ["$filter"] = "LogEnd gt datetime'2026-05-04T08:00:00Z'" })
    for option, value in pairs { ["$search"] = "x", ["$apply"] = "x", ["$compute"] = "x",
                                 ["$filter"] = "year(LogEnd) eq 2026" } do
      local answer, body = api:get("/MessageProcessingLogs", { [option] = value })
      assert.same({ 501, "Not Implemented" }, { answer.status, body.error.code })
    end
    assert.equal(406, status { ["$format"] = "csv" })
  end))
end)
