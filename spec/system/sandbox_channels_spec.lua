-- Channels other than plain HTTPS, and what reaches a flow through any: SOAP, AS2 and OData
-- addresses, methods, headers, attributes of the message log (sap-reference 5.1, 5.2, 5.7).
local async = require "spec.support.async"
local core = require "iflow.core"
local support = require "spec.support.sandbox"

local SOAP11, SOAP12 = "http://schemas.xmlsoap.org/soap/envelope/",
  "http://www.w3.org/2003/05/soap-envelope"

local function envelope(namespace, payload)
  return ('<?xml version="1.0"?>\n<!-- a > b --><e:Envelope xmlns:e="%s"><e:Header x="/>"/>'
    .. "<e:Body>\n%s\n</e:Body></e:Envelope>"):format(namespace, payload)
end

local function with(body, opts)
  return async(function()
    local sb <close> = support.start(opts)
    local key = support.key(sb, "secret")
    local bearer = support.bearer(sb, key)
    body(sb, function(path, fields)
      fields = fields or {}
      local headers = { Authorization = bearer }
      for name, value in pairs(fields.headers or {}) do headers[name] = value end
      return assert(support.request(sb, "runtime", { method = fields.method or "POST", path = path,
        body = fields.body or (fields.method == nil and "x" or nil), headers = headers }))
    end, key)
  end)
end

describe("a SOAP channel", function()
  local XML, XML12 = { ["Content-Type"] = "text/xml; charset=utf-8", SOAPAction = '"go"' },
    { ["Content-Type"] = "application/soap+xml" }

  it("opens the envelope for the flow and closes it, in both versions", with(function(sb, call)
    local seen
    support.echo(sb, { adapter = "soap", address = "/order", process = function(exchange)
      seen = exchange
      return 200, { ["X-Own"] = "1" }, "<ok>" .. exchange.body .. "</ok>"
    end })
    for namespace, headers in pairs { [SOAP11] = XML, [SOAP12] = XML12 } do
      local answer = call("/cxf/order", { body = envelope(namespace, "<a>1</a>"),
                                          headers = headers })
      assert.equal(200, answer.status)
      assert.equal("<a>1</a>", seen.body)
      assert.equal(('<soap:Envelope xmlns:soap="%s"><soap:Body><ok><a>1</a></ok></soap:Body>'
        .. "</soap:Envelope>"):format(namespace), answer.body)
      assert.equal("1", answer.headers["x-own"])
      assert.is_string(answer.headers.sap_messageprocessinglogid)
      assert.equal(headers["Content-Type"]:match "^[^;]+" .. "; charset=UTF-8",
                   answer.headers["content-type"])
    end
  end))

  it("makes faults of errors, with status 500", with(function(sb, call)
    support.echo(sb, { adapter = "soap", address = "/order", process = function()
      error "no <such> order"
    end })
    local answer = call("/cxf/order", { body = envelope(SOAP11, "<a/>"), headers = XML })
    assert.equal(500, answer.status)
    assert.equal("text/xml; charset=UTF-8", answer.headers["content-type"])
    local id = sb:log()[1].id
    assert.equal(('<soap:Envelope xmlns:soap="%s"><soap:Body><soap:Fault><faultcode>soap:Server'
      .. "</faultcode><faultstring>An internal server error occured: The MPL ID for the failed "
      .. "message is : %s\nFor more details please check tail log.</faultstring></soap:Fault>"
      .. "</soap:Body></soap:Envelope>"):format(SOAP11, id), answer.body)
    answer = call("/cxf/order", { body = envelope(SOAP12, "<a/>"), headers = XML12 })
    assert.matches("<soap:Value>soap:Receiver</soap:Value>.*MPL ID", answer.body)
  end))

  it("refuses what is no envelope by a fault without a message log", with(function(sb, call)
    local flow = support.echo(sb, { adapter = "soap", address = "/order" })
    local good = envelope(SOAP11, "<a/>")
    for _, body in ipairs { "", "x", "<a/>", good:sub(1, -3), good .. "<b/>",
                            envelope("urn:other", "<a/>"), envelope(SOAP11, "<a></b>"),
                            envelope(SOAP12, "<a/>"), "<!DOCTYPE x>" .. good,
                            ("<a>"):rep(2000) .. ("</a>"):rep(2000) } do
      local answer = call("/cxf/order", { body = body, headers = XML })
      assert.equal(500, answer.status)
      assert.matches("<faultcode>soap:Client</faultcode>", answer.body, 1, true)
    end
    local answer = call("/cxf/order", { body = good,
                                        headers = { ["Content-Type"] = "application/json" } })
    assert.matches("<faultcode>soap:Client</faultcode>", answer.body, 1, true)
    assert.is_nil(sb:counters().flows[flow.name])
    assert.same({}, sb:log())
  end))

  it("answers 202 one way, with errors only when it is robust", with(function(sb, call)
    local fails = false
    for _, kind in ipairs { "standard", "robust" } do
      support.echo(sb, { adapter = "soap", address = "/" .. kind, one_way = kind,
                         process = function() if fails then error "x" end end })
    end
    local function status(kind)
      local answer = call("/cxf/" .. kind, { body = envelope(SOAP11, "<a/>"), headers = XML })
      return answer.status, #answer.body > 0
    end
    assert.same({ 202, false }, { status "standard" })
    assert.same({ 202, false }, { status "robust" })
    fails = true
    assert.same({ 202, false }, { status "standard" })
    assert.same({ 500, true }, { status "robust" })
  end))

  it("also serves what is below, the longest address wins", with(function(sb, call)
    local function named(name, address)
      support.echo(sb, { adapter = "soap", address = address, process = function(exchange)
        return 200, {}, name .. ":" .. exchange.path
      end })
    end
    named("short", "/a")
    named("long", "/a/b")
    local function reached(path)
      local answer = call(path, { body = envelope(SOAP11, "<a/>"), headers = XML })
      return answer.body:match "<soap:Body>(.-)</soap:Body>"
    end
    assert.equal("short:", reached "/cxf/a")
    assert.equal("short:x/y", reached "/cxf/a/x/y")
    assert.equal("long:c", reached "/cxf/a/b/c")
    for _, path in ipairs { "/cxf/ab", "/http/a", "/cxf" } do
      assert.equal(404, call(path).status)
    end
    local refused = call("/cxf/a", { method = "GET" })
    assert.same({ 405, "POST" }, { refused.status, refused.headers.allow })
  end))
end)

describe("AS2 and OData channels", function()
  it("have addresses of their own", with(function(sb, call)
    support.echo(sb, { adapter = "as2", address = "/as2" })
    support.echo(sb, { adapter = "as2", address = "/as2/partner" })
    support.echo(sb, { adapter = "as2", address = "/mdn" })
    support.echo(sb, { adapter = "odata", address = "/SAP/ORDERS;v=1", process = function(exchange)
      return 200, {}, exchange.method .. " " .. exchange.path
    end })
    for _, path in ipairs { "/as2/as2", "/as2/as2/partner", "/as2/mdn" } do
      assert.equal(200, call(path).status)
    end
    assert.equal(404, call("/as2/as2/other").status)
    assert.equal("GET Orders('1')", call("/gw/odata/SAP/ORDERS;v=1/Orders('1')",
                                         { method = "GET" }).body)
    assert.equal(404, call("/gw/odata/SAP/ORDERS;v=2/Orders").status)
    for _, wrong in ipairs { { "as2", "/other" }, { "odata", "/ORDERS" }, { "soap", "a" },
                             { "ftp", "/a" } } do
      local flow, err = sb:deploy { name = "w", adapter = wrong[1], address = wrong[2],
                                    process = print }
      assert.is_nil(flow)
      assert.equal("script.failed", err.code)
    end
  end))

  it("ask for CSRF tokens only when it is set so", with(function(sb, call)
    support.echo(sb, { adapter = "as2", address = "/as2" })
    assert.equal(200, call("/as2/as2").status)
    assert(sb:settings { csrf_everywhere = true })
    support.echo(sb, { adapter = "as2", address = "/mdn" })
    assert.same({ 403, "required" }, { call("/as2/mdn").status,
                                       call("/as2/mdn").headers["x-csrf-token"] })
  end))
end)

describe("a flow", function()
  it("gets every method, except where the server refuses it", with(function(sb, call)
    local seen
    support.echo(sb, { csrf = false, process = function(exchange)
      seen = exchange:header "CamelHttpMethod"
      return 200, {}, "body"
    end })
    for _, method in ipairs { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" } do
      local answer = call("/http/echo", { method = method, body = method:find "^P" and "x" })
      assert.same({ 200, method, method == "HEAD" and "" or "body" },
                  { answer.status, seen, answer.body })
    end
    local refused = call("/http/echo", { method = "TRACE" })
    assert.same({ 405, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" },
                { refused.status, refused.headers.allow })
    assert(sb:settings { head_method = "405" })
    assert.equal(405, call("/http/echo", { method = "HEAD" }).status)
  end))

  it("sees allowed headers, parameters, and what the runtime says", with(function(sb, call, key)
    local seen
    support.echo(sb, { csrf = false, address = "/a/*", allowed_headers = "X-One|x-my*",
                       process = function(exchange)
                         seen = exchange.headers
                         return 200
                       end })
    call("/http/a/b/c?X-One=two&p=%41+b&CamelX=1&p=c", { headers = {
      ["X-One"] = "one", ["X-My-Own"] = "mine", ["X-Other"] = "no", CamelHttpPath = "no",
      ["Content-Type"] = "text/x", camelFileName = "no" } })
    assert.equal("one, two", seen["x-one"])
    assert.equal("mine", seen["x-my-own"])
    assert.equal("A b, c", seen.p)
    assert.equal("text/x", seen["content-type"])
    for _, name in ipairs { "x-other", "camelx", "camelfilename", "authorization" } do
      assert.is_nil(seen[name], name)
    end
    assert.equal(key.oauth.clientid, seen.sapauthenticatedusername)
    assert.equal(sb.endpoints.runtime .. "/http/a/b/c", seen.camelhttpurl)
    assert.equal("X-One=two&p=%41+b&CamelX=1&p=c", seen.camelhttpquery)
    assert.same({ "b/c", "/a", "POST" }, { seen.camelhttppath, seen.camelservletcontextpath,
                                           seen.camelhttpmethod })
  end))

  it("sees no user name when a certificate called", with(function(sb)
    local seen
    support.echo(sb, { csrf = false, process = function(exchange)
      seen = exchange.headers
      return 200
    end })
    local identity = support.identity(support.key(sb, "certificate"))
    assert(support.request(sb, "runtime", { method = "POST", path = "/http/echo", body = "x",
                                            identity = identity }))
    assert.is_nil(seen.sapauthenticatedusername)
    assert.is_string(seen.ssl_client_user)
  end))

  it("names its run by headers that it lets through or sets", with(function(sb, call)
    support.echo(sb, { csrf = false, allowed_headers = { "SAP_ApplicationID", "SAP_Sender" } })
    support.echo(sb, { csrf = false, address = "/sets", process = function(exchange)
      exchange.headers.sap_applicationid = ("x"):rep(200)
      return 200
    end })
    local sent = { SAP_ApplicationID = "PO-1", SAP_Sender = "ERP", SAP_MessageType = "Order",
                   SAP_MessageProcessingLogID = "AGn4UgBohP2kaoL0qlLJX4tBIh3h" }
    call("/http/echo", { headers = sent })
    call("/http/sets", { headers = sent })
    call("/http/echo?SAP_ApplicationID=PO-2")
    local log = sb:log()
    assert.same({ "PO-1", "ERP", nil, sent.SAP_MessageProcessingLogID },
                { log[1].application_id, log[1].sender_name, log[1].application_type,
                  log[1].predecessor_id })
    assert.equal(("x"):rep(120), log[2].application_id)
    assert.equal("PO-2", log[3].application_id)
  end))

  it("keeps one log for a pregenerated id, and none at level NONE", with(function(sb, call)
    support.echo(sb, { csrf = false })
    local id = core.crypto.base64(core.crypto.random(16))
    for _ = 1, 2 do
      local answer = call("/http/echo", { headers = { SAP_PregeneratedMplId = id } })
      assert.equal(id, answer.headers.sap_messageprocessinglogid)
    end
    call("/http/echo", { headers = { SAP_MessageProcessingLogLevel = "none" } })
    assert.equal(1, #sb:log())
    assert.same({ id, 2, "COMPLETED" }, { sb:log()[1].id, sb:log()[1].attempts,
                                          sb:log()[1].status })
    assert(sb:settings { pregenerated_id_filtered = true, log_level_filtered = true })
    call("/http/echo", { headers = { SAP_PregeneratedMplId = id,
                                     SAP_MessageProcessingLogLevel = "NONE" } })
    assert.equal(2, #sb:log())
  end))
end)
