-- The runtime of the sandbox: authentication, address, role, CSRF, size and flow, in this order,
-- and what each of them answers (sap-reference 5 and 8.1).
local async = require "spec.support.async"
local core = require "iflow.core"
local mpl = require "iflow.sandbox.mpl"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

-- Runs body(sb, call) with a sandbox; call(fields) sends a POST as a client with `roles`.
local function with(body, opts)
  opts = opts or {}
  return async(function()
    local sb <close> = support.start { settings = opts.settings }
    local key = support.key(sb, "secret", { roles = opts.roles })
    local bearer = support.bearer(sb, key)
    local function call(fields)
      local all = { method = "POST", path = "/http/echo", body = fields.method ~= "GET" and "hello"
        or nil }
      for name, value in pairs(fields) do all[name] = value end
      all.headers = { Authorization = bearer }
      for name, value in pairs(fields.headers or {}) do all.headers[name] = value or nil end
      return assert(support.request(sb, "runtime", all))
    end
    body(sb, call, key)
  end)
end

describe("authentication", function()
  it("accepts a token, and Basic with id and secret", with(function(sb, call, key)
    support.echo(sb, { csrf = false })
    assert.equal(200, call({}).status)
    local basic = support.basic(key.oauth.clientid, key.oauth.clientsecret)
    assert.equal(200, call({ headers = { Authorization = basic } }).status)
  end))

  it("is refused without credentials, before anything else", with(function(sb, call)
    for _, path in ipairs { "/http/echo", "/nothing" } do
      local answer = call { path = path, headers = { Authorization = false } }
      assert.equal(401, answer.status)
      assert.equal("unauthorized", core.json.decode(answer.body).error)
    end
    assert.same({}, sb:log())
  end))

  it("refuses wrong Basic in XML, and in JSON to those who ask", with(function(_, call, key)
    local basic = support.basic(key.oauth.clientid, "wrong")
    local answer = call { headers = { Authorization = basic } }
    assert.equal(401, answer.status)
    assert.equal("<UnauthorizedUserException><error>unauthorized_user</error><error_description>"
      .. "Bad credentials</error_description></UnauthorizedUserException>", answer.body)
    answer = call { headers = { Authorization = basic, Accept = "application/json" } }
    assert.equal("unauthorized_user", core.json.decode(answer.body).error)
  end))

  it("refuses tokens that are forged, changed or garbage", with(function(sb, call)
    support.echo(sb, { csrf = false })
    local good = support.bearer(sb, support.key(sb, "secret"))
    local head, payload, signature = good:match "^(.-)%.(.-)%.(.*)$"
    local flipped = signature:sub(2, 2) == "A" and "B" or "A"
    for _, value in ipairs { "Bearer x", "Bearer a.b.c", head .. "." .. payload .. ".",
                             head .. "." .. payload .. "." .. signature:sub(1, 1) .. flipped
                               .. signature:sub(3),
                             "Bearer " .. ("x"):rep(60000) } do
      assert.equal(401, call({ headers = { Authorization = value } }).status)
    end
    assert.equal(200, call({ headers = { Authorization = good } }).status)
  end))

  it("refuses an expired token, after some leeway", async(function()
    local clock = core.task.now()
    local sb <close> = support.start { now = function() return clock end }
    support.echo(sb, { csrf = false })
    local bearer = support.bearer(sb, support.key(sb, "secret"))
    local function status()
      return support.request(sb, "runtime", { method = "POST", path = "/http/echo", body = "x",
                                              headers = { Authorization = bearer } }).status
    end
    clock = clock + 3600 + 59
    assert.equal(200, status())
    clock = clock + 2
    assert.equal(401, status())
  end))

  it("refuses a token of plan api", with(function(sb, call)
    support.echo(sb, { csrf = false })
    local api = support.key(sb, "secret", { plan = "api", roles = { "MonitoringDataRead" } })
    assert.equal(401, call({ headers = { Authorization = support.bearer(sb, api) } }).status)
  end))

  it("refuses old tokens after a forced rotation of the key", with(function(sb, call, key)
    support.echo(sb, { csrf = false })
    assert.equal(200, call({}).status)
    assert.is_true(sb:rotate_signing_key())
    assert.equal(401, call({}).status)
    assert.equal(200, call({ headers = { Authorization = support.bearer(sb, key) } }).status)
  end))
end)

describe("the address", function()
  it("is found with the prefix of the adapter, in its case", with(function(sb, call)
    support.echo(sb, { csrf = false, address = "/Customer/*", process = function(exchange)
      return 200, {}, exchange.path
    end })
    assert.equal("4711/orders", call({ path = "/http/Customer/4711/orders" }).body)
    for _, path in ipairs { "/http/customer/1", "/cxf/Customer/1", "/Customer/1", "/http", "/" } do
      local answer = call { path = path }
      assert.equal(404, answer.status)
      assert.matches("HTTP Status 404", answer.body)
    end
    assert.equal(1, #sb:log())
  end))

  it("is gone after undeploy", with(function(sb, call)
    local flow = support.echo(sb, { csrf = false })
    assert.equal(200, call({}).status)
    assert.is_true(sb:undeploy(flow.name))
    assert.equal(404, call({}).status)
    assert.equal("sandbox.refused", select(2, sb:undeploy(flow.name)).code)
  end))

  it("of another tenant is the router's own 404", with(function(sb, call)
    local answer = call { url = sb.endpoints.runtime:gsub("acme%-dev", "other") .. "/http/echo" }
    assert.equal(404, answer.status)
    assert.equal("unknown_route", answer.headers["x-cf-routererror"])
    assert.matches("^404 Not Found: Requested route %('other%.it%-cpi001%-rt", answer.body)
  end))
end)

describe("the role", function()
  it("of the channel must be one of the instance's", with(function(sb, call)
    support.echo(sb, { address = "/mine", role = "Orders.send", csrf = false })
    support.echo(sb, { address = "/other", role = "orders.send" })
    assert.equal(200, call({ path = "/http/mine" }).status)
    local answer = call { path = "/http/other" }
    assert.equal(403, answer.status)
    assert.is_nil(answer.headers["x-csrf-token"])
    assert.equal(1, #sb:log())
  end, { roles = { "Invoices.send", "Orders.send" } }))
end)

describe("CSRF protection", function()
  local function fetch(call, fields)
    fields = fields or {}
    fields.method, fields.headers = fields.method or "GET", fields.headers or {}
    fields.headers["X-CSRF-Token"] = fields.token or "Fetch"
    fields.token = nil
    local answer = call(fields)
    local cookies = {}
    for cookie in (answer.headers["set-cookie"] or ""):gmatch "[^\n]+" do
      cookies[#cookies + 1] = cookie:match "^[^;]+"
    end
    return answer.headers["x-csrf-token"], table.concat(cookies, "; "), answer
  end

  it("asks for the token, gives it, and lets the flow run with it", with(function(sb, call)
    local flow = support.echo(sb)
    local refused = call {}
    assert.same({ 403, "required" }, { refused.status, refused.headers["x-csrf-token"] })
    assert.matches("^JSESSIONID=", refused.headers["set-cookie"])
    local token, cookies = fetch(call)
    assert.is_nil(sb:counters().flows[flow.name])
    for _ = 1, 2 do
      local answer = call { headers = { ["X-CSRF-Token"] = token, Cookie = cookies } }
      assert.same({ 200, "hello" }, { answer.status, answer.body })
    end
    assert.equal(2, sb:counters().flows[flow.name])
    assert.equal(1, sb:counters().csrf_tokens)
  end))

  it("takes Fetch in any case, and by HEAD", with(function(sb, call)
    support.echo(sb)
    assert.is_string((fetch(call, { token = "fEtCh" })))
    local token, cookies, answer = fetch(call, { method = "HEAD" })
    assert.equal(200, answer.status)
    assert.equal(200, call({ headers = { ["X-CSRF-Token"] = token, Cookie = cookies } }).status)
  end))

  it("keeps session and token when a living session fetches again", with(function(sb, call)
    support.echo(sb)
    local token, cookies = fetch(call)
    local again, new = fetch(call, { headers = { Cookie = cookies } })
    assert.same({ token, "" }, { again, new })
  end))

  it("refuses the token without its cookies, and a wrong token", with(function(sb, call)
    support.echo(sb)
    local token, cookies = fetch(call)
    for _, headers in ipairs { { ["X-CSRF-Token"] = token }, { Cookie = cookies },
                               { ["X-CSRF-Token"] = "0", Cookie = cookies },
                               { ["X-CSRF-Token"] = "Fetch", Cookie = cookies } } do
      assert.equal(403, call({ headers = headers }).status)
    end
  end))

  it("binds the session to who opened it", with(function(sb, call)
    support.echo(sb)
    local token, cookies = fetch(call)
    local other = support.bearer(sb, support.key(sb, "secret"))
    assert.equal(403, call({ headers = { Authorization = other, ["X-CSRF-Token"] = token,
                                         Cookie = cookies } }).status)
  end))

  it("lets GET run the flow without a token", with(function(sb, call)
    support.echo(sb)
    assert.equal(200, call({ method = "GET" }).status)
  end))

  it("guards every method that modifies", with(function(sb, call)
    support.echo(sb)
    for _, method in ipairs { "POST", "PUT", "PATCH", "DELETE" } do
      assert.equal(403, call({ method = method }).status)
    end
  end))

  it("leads to the right worker by the balancer's cookie, sent back verbatim", with(
    function(sb, call)
      support.echo(sb)
      local token, cookies = fetch(call)
      local changed = cookies:gsub("+", "%%2B"):gsub("/", "%%2F")
      assert.not_equal(cookies, changed)
      local refused = 0
      for _ = 1, 6 do
        assert.equal(200, call({ headers = { ["X-CSRF-Token"] = token, Cookie = cookies } }).status)
        local status = call({ headers = { ["X-CSRF-Token"] = token, Cookie = changed } }).status
        if status == 403 then refused = refused + 1 end
      end
      assert.equal(4, refused) -- two of three workers do not know the session
    end, { settings = { workers = 3 } }))

  it("asks anew once the session is gone", async(function()
    local clock = core.task.now()
    local sb <close> = support.start { now = function() return clock end }
    support.echo(sb)
    local key = support.key(sb, "secret")
    local basic = support.basic(key.oauth.clientid, key.oauth.clientsecret)
    local function call(fields)
      fields.headers = fields.headers or {}
      fields.headers.Authorization, fields.path = basic, "/http/echo"
      return assert(support.request(sb, "runtime", fields))
    end
    local token, cookies = fetch(call)
    local function post()
      return call({ method = "POST", body = "x", headers = { ["X-CSRF-Token"] = token,
                                                             Cookie = cookies } }).status
    end
    assert.equal(200, post())
    clock = clock + 1801
    assert.equal(403, post())
  end))
end)

describe("the size", function()
  it("is limited, for announced and for chunked bodies", with(function(sb, call)
    local flow = support.echo(sb, { csrf = false, max_size = 1024 * 1024 })
    local fits, more = ("x"):rep(1024 * 1024), ("x"):rep(1024 * 1024 + 1)
    local function chunked(text)
      local at = 1
      return function()
        local piece = text:sub(at, at + 99999)
        at = at + #piece
        return piece ~= "" and piece or nil
      end
    end
    assert.equal(fits, call({ body = fits }).body)
    assert.equal(fits, call({ body = chunked(fits) }).body)
    for _, body in ipairs { more, chunked(more) } do
      local answer = call { body = body }
      assert.equal(500, answer.status)
      assert.equal("Message body exceeds configured size limit (1.0 MB)...", answer.body)
    end
    assert.equal(2, sb:counters().flows[flow.name])
  end))

  it("has a status of one's choice", with(function(sb, call)
    support.echo(sb, { csrf = false, max_size = 1 })
    assert.equal(413, call({}).status)
  end, { settings = { size_status = 413 } }))

  it("does not matter to a flow that streams, in either direction", with(function(sb, call)
    local size = 8 * 1024 * 1024
    support.echo(sb, { csrf = false, stream = true, max_size = size, process = function(exchange)
      local received = 0
      for piece in function() return exchange:read() end do received = received + #piece end
      local left = 5
      return 200, { ["X-Received"] = tostring(received) }, function()
        left = left - 1
        return left >= 0 and ("y"):rep(100000) or nil
      end
    end })
    local answer = call { body = ("x"):rep(size) }
    assert.equal(tostring(size), answer.headers["x-received"])
    assert.equal(500000, #answer.body)
  end))

  it("is kept by a flow that streams, too", with(function(sb, call)
    local flow = support.echo(sb, { csrf = false, stream = true, max_size = 4, process =
      function(exchange)
        while exchange:read() do end
        return 200
      end })
    assert.equal("Message body exceeds configured size limit (0.0 MB)...", call({}).body)
    assert.is_nil(sb:counters().flows[flow.name])
    local pieces = { "hel", "lo" }
    local answer = call { body = function() return table.remove(pieces, 1) end }
    assert.equal(500, answer.status)
    assert.matches("MPL ID", answer.body)
  end))

  it("must be announced", with(function(sb, _, key)
    support.echo(sb, { csrf = false })
    local result = process.run { "curl", "-sS", "--cacert", sb.endpoints.cacert, "-X", "POST",
      "-o", "/dev/null", "-w", "%{http_code}", "-u",
      key.oauth.clientid .. ":" .. key.oauth.clientsecret, key.oauth.url .. "/http/echo" }
    assert.equal("411", result.out)
  end))
end)

describe("a flow", function()
  setup(function() core.log.level "error" end) -- what it does wrong here is told as a warning
  teardown(function() core.log.level "warn" end)

  it("sees the message, without what is the adapter's own business", with(function(sb, call, key)
    local seen
    support.echo(sb, {
      csrf = false, address = "/a/*", allowed_headers = "x-mine|camel*|ssl*|x-f*",
      process = function(exchange)
        seen = exchange
        return 200, nil, ""
      end,
    })
    local answer = call { path = "/http/a/b?x=1&y=%20", body = "body", headers = {
      ["X-Mine"] = "1", CamelHttpMethod = "evil", SSL_CLIENT_CERT = "forged",
      ["X-Forwarded-Client-Cert"] = "forged" } }
    assert.equal(200, answer.status)
    assert.same({ "POST", "b", "body", "x=1&y=%20" },
                { seen.method, seen.path, seen.body, seen.query })
    assert.same({ x = "1", y = " " }, seen.parameters)
    assert.equal("1", seen:header "X-MINE")
    assert.equal("POST", seen.headers.camelhttpmethod)
    for _, name in ipairs { "authorization", "ssl_client_cert", "raw",
                            "x-forwarded-client-cert" } do
      assert.is_nil(seen.headers[name], name)
    end
    assert.same({ key.oauth.clientid, "token" }, { seen.sender, seen.authenticated_by })
    assert.equal(seen.message_id, answer.headers.sap_messageprocessinglogid)
  end))

  it("answers with its status, headers and body, and the ids of the log", with(function(sb, call)
    support.echo(sb, { csrf = false, process = function()
      return 422, { ["X-Why"] = "because", SAP_MplCorrelationId = "own" }, "no"
    end })
    local answer = call {}
    assert.same({ 422, "because", "no", "own" }, { answer.status, answer.headers["x-why"],
                answer.body, answer.headers.sap_mplcorrelationid })
    assert.is_truthy(mpl.created(answer.headers.sap_messageprocessinglogid))
    assert.is_string(answer.headers["x-correlationid"])
  end))

  it("answers 204 when it says nothing", with(function(sb, call)
    support.echo(sb, { csrf = false, process = function() end })
    local answer = call {}
    assert.same({ 204, "" }, { answer.status, answer.body })
  end))

  it("keeps a proposed correlation id, unless it is none", with(function(sb, call)
    support.echo(sb, { csrf = false })
    local id = "AGn4UgBohP2kaoL0qlLJX4tBIh3h"
    assert.equal(id, call({ headers = { SAP_MplCorrelationId = id } })
      .headers.sap_mplcorrelationid)
    assert.not_equal("x", call({ headers = { SAP_MplCorrelationId = "x" } })
      .headers.sap_mplcorrelationid)
  end))

  it("that raises gives 500 with the text of the platform", with(function(sb, call)
    support.echo(sb, { csrf = false, process = function() error "no such customer" end })
    local answer = call {}
    assert.equal(500, answer.status)
    assert.equal("text/plain", answer.headers["content-type"])
    local id = answer.body:match("^An internal server error occured: The MPL ID for the failed "
      .. "message is : (%S+)\nFor more details please check tail log%.$")
    assert.is_nil(answer.headers.sap_messageprocessinglogid)
    local entry = sb:log()[1]
    assert.same({ id, "FAILED", 500 }, { entry.id, entry.status, entry.http_status })
    assert.matches("no such customer", entry.error)
  end))

  it("that answers nonsense fails", with(function(sb, call)
    for _, result in ipairs { { "200" }, { 99 }, { 200, "headers" }, { 200, {}, 5 } } do
      local flow = support.echo(sb, { csrf = false, process = function()
        return table.unpack(result)
      end })
      assert.equal(500, call({}).status)
      sb:undeploy(flow.name)
    end
  end))

  it("that answers with a header that cannot be sent gives 500", with(function(sb, call)
    support.echo(sb, { csrf = false, process = function() return 200, { ["X Y"] = "z" } end })
    assert.equal(500, call({}).status)
  end))

  it("that breaks off its answer resets the connection", with(function(sb)
    local left = 2
    support.echo(sb, { csrf = false, process = function()
      return 200, {}, function()
        left = left - 1
        if left == 0 then error "broken" end
        return ("y"):rep(1000)
      end
    end })
    local bearer = support.bearer(sb, support.key(sb, "secret"))
    local answer, err = support.request(sb, "runtime", { path = "/http/echo", body = "x",
      method = "POST", headers = { Authorization = bearer } })
    assert.is_nil(answer)
    assert.equal("answered", err.sent)
  end))

  it("may wait", with(function(sb, call)
    support.echo(sb, { csrf = false, process = function()
      core.task.sleep(0.01)
      return 200, {}, "late"
    end })
    assert.equal("late", call({}).body)
  end))

  it("that answers 401 or 403 by itself is logged as completed", with(function(sb, call)
    for _, status in ipairs { 401, 403 } do
      local flow = support.echo(sb, { csrf = false, process = function() return status end })
      assert.equal(status, call({}).status)
      assert.equal(1, sb:counters().flows[flow.name])
      sb:undeploy(flow.name)
    end
    assert.equal("COMPLETED", sb:log()[2].status)
  end))
end)

describe("the log", function()
  it("has one entry a run, with sender, times and outcome", with(function(sb, call, key)
    local flow = support.echo(sb, { csrf = false })
    for _ = 1, 3 do call {} end
    local log = sb:log()
    assert.equal(3, #log)
    assert.same({ flow.name, "COMPLETED", 200, key.oauth.clientid, "POST", 5 },
                { log[3].flow, log[3].status, log[3].http_status, log[3].sender, log[3].method,
                  log[3].size })
    assert.is_true(log[3].ended >= log[3].started)
    assert.equal(math.floor(log[3].started), mpl.created(log[3].id))
  end))

  it("has none for 401, 403 and 404", with(function(sb, call)
    support.echo(sb)
    call {}
    call { path = "/http/nothing" }
    call { headers = { Authorization = "Bearer x" } }
    assert.same({}, sb:log())
  end))
end)
