-- The lines of tables 5.5 and 8.1 of sap-reference that a call of a flow meets, provoked over a
-- real connection: status, headers and body.
local async = require "spec.support.async"
local core = require "iflow.core"
local raw = require "spec.support.raw_client"
local support = require "spec.support.sandbox"

local NO_OBJECT = '"error_description":"An Authentication object was not found in the '
  .. 'SecurityContext"'
local NOT_CONFIGURED = "Either the client certificate is not configured exactly once in a service "
  .. "key of a Process Integration Runtime service instance or client-certificate authentication "
  .. "was not enabled for your tenant."

local function page(status, title)
  return ('<!doctype html><html lang="en"><head><title>HTTP Status %d – %s</title></head><body>'
    .. "<h1>HTTP Status %d – %s</h1></body></html>"):format(status, title, status, title)
end

-- Compares status, content type and body, and every header that is named.
local function expect(answer, status, kind, body, headers)
  assert.same({ status, kind, body }, { answer.status, answer.headers["content-type"],
                                        answer.body })
  for name, value in pairs(headers or {}) do assert.equal(value, answer.headers[name], name) end
end

local HTML, TEXT, XML = "text/html;charset=utf-8", "text/plain", "application/xml"
local JSON = "application/json;charset=UTF-8"

-- body(sb, call): call(fields) with a token unless fields.headers.Authorization is false.
local function with(body, opts)
  return async(function()
    local sb <close> = support.start(opts)
    local key = support.key(sb, "secret")
    local bearer = support.bearer(sb, key)
    local function call(fields)
      local all = { method = "POST", path = "/http/echo", body = "x" }
      for name, value in pairs(fields or {}) do all[name] = value or nil end
      all.headers = { Authorization = bearer }
      for name, value in pairs(fields and fields.headers or {}) do
        all.headers[name] = value or nil
      end
      return assert(support.request(sb, "runtime", all))
    end
    body(sb, call, key, bearer)
  end)
end

describe("table 5.5:", function()
  it("200 with the flow's output, 204 for none, and any status it sets", with(function(sb, call)
    local result
    support.echo(sb, { csrf = false, process = function() return table.unpack(result, 1, 3) end })
    result = { nil, { ["Content-Type"] = "text/x" }, "out" }
    expect(call(), 200, "text/x", "out")
    result = {}
    expect(call(), 204, nil, "")
    for _, status in ipairs { 201, 302, 400, 404, 422, 500, 503, 599 } do
      result = { status, { ["Content-Type"] = "text/x" }, "own" }
      expect(call(), status, "text/x", "own")
    end
    assert.equal(10, #sb:log())
  end))

  it("500 with the platform's text, or with the exception", with(function(sb, call)
    support.echo(sb, { csrf = false, process = function() error("no order", 0) end })
    support.echo(sb, { csrf = false, address = "/told", return_exception = true,
                       process = function() error("no order", 0) end })
    local answer = call()
    expect(answer, 500, TEXT, ("An internal server error occured: The MPL ID for the failed "
      .. "message is : %s\nFor more details please check tail log."):format(sb:log()[1].id))
    assert.is_nil(answer.headers.sap_messageprocessinglogid)
    expect(call { path = "/http/told" }, 500, TEXT, "no order")
  end))
end)

describe("table 8.1:", function()
  it("an issuer nobody trusts", with(function(sb, _, _, bearer)
    local answer, err = core.http.request { url = sb.endpoints.runtime .. "/http/echo", proxy = "",
                                            headers = { Authorization = bearer } }
    assert.is_nil(answer)
    assert.equal("tls.untrusted", err.code)
  end))

  it("401 without credentials, and with a certificate that was dropped", with(function(sb, call)
    local stranger = support.foreign_identity(sb)
    for _, identity in ipairs { false, support.identity(stranger) } do
      local answer = call { headers = { Authorization = false }, identity = identity }
      assert.equal(401, answer.status)
      assert.matches('"error":"unauthorized"', answer.body, 1, true)
      assert.matches(NO_OBJECT, answer.body, 1, true)
      assert.equal("application/json;charset=UTF-8", answer.headers["content-type"])
    end
    assert.same({}, sb:log())
  end))

  it("401 for Basic and for certificates, in XML or JSON", with(function(sb, call, key)
    local wrong = support.basic(key.oauth.clientid, "x")
    expect(call { headers = { Authorization = wrong } }, 401, XML,
      "<UnauthorizedUserException><error>unauthorized_user</error><error_description>Bad "
      .. "credentials</error_description></UnauthorizedUserException>")
    local identity = support.identity(support.foreign_identity(sb, "both"))
    expect(call { headers = { Authorization = false }, identity = identity }, 401, XML,
      "<InvalidClientException><error>invalid_client</error><error_description>"
      .. NOT_CONFIGURED .. "</error_description></InvalidClientException>")
    local answer = call { headers = { Authorization = false, Accept = "application/json" },
                          identity = identity }
    assert.same({ error = "invalid_client", error_description = NOT_CONFIGURED },
                core.json.decode(answer.body))
  end))

  it("401 for Basic with a key whose instance lacks client_credentials", with(function(sb, call)
    local key = support.key(sb, "secret", { grant_types = { "password" } })
    local basic = support.basic(key.oauth.clientid, key.oauth.clientsecret)
    local answer = call { headers = { Authorization = basic } }
    assert.equal(401, answer.status)
    assert.matches("Bad credentials", answer.body, 1, true)
  end))

  it("401 for the token of another plan or another tenant", with(function(sb, call)
    local api = support.bearer(sb, support.key(sb, "secret", { plan = "api",
                                                               roles = { "MonitoringDataRead" } }))
    local other <close> = support.start { port = 0 }
    local foreign = support.bearer(other, support.key(other, "secret"))
    for _, token in ipairs { api, foreign } do
      local answer = call { headers = { Authorization = token } }
      assert.same({ 401, "invalid_token" }, { answer.status, core.json.decode(answer.body).error })
      assert.equal('Bearer error="invalid_token"', answer.headers["www-authenticate"])
    end
  end))

  it("401 for a token that has expired", async(function()
    local clock = core.task.now()
    local sb <close> = support.start { now = function() return clock end }
    support.echo(sb, { csrf = false })
    local bearer = support.bearer(sb, support.key(sb, "secret"))
    clock = clock + 3600 + 61
    local answer = assert(support.request(sb, "runtime", { method = "POST", path = "/http/echo",
      body = "x", headers = { Authorization = bearer } }))
    expect(answer, 401, JSON, '{"error":"invalid_token","error_description":"The token is expired, '
      .. 'was not issued for this runtime, or its key is gone"}',
      { ["www-authenticate"] = 'Bearer error="invalid_token"' })
    assert.same({}, sb:log())
  end))

  it("403 now and then, when cookies were changed and there are two workers", with(
    function(sb, call)
      support.echo(sb)
      local fetched = call { method = "GET", body = false,
                             headers = { ["X-CSRF-Token"] = "Fetch" } }
      local cookies = fetched.headers["set-cookie"]:match "^([^;]+)" .. "; "
        .. fetched.headers["set-cookie"]:match "\n([^;]+)"
      local token = fetched.headers["x-csrf-token"]
      local changed = cookies:gsub("+", "%%2B")
      local seen = { [200] = 0, [403] = 0 }
      for _ = 1, 8 do
        expect(call { headers = { ["X-CSRF-Token"] = token, Cookie = cookies } }, 200, nil, "x")
        local answer = call { headers = { ["X-CSRF-Token"] = token, Cookie = changed } }
        seen[answer.status] = seen[answer.status] + 1
        if answer.status == 403 then
          expect(answer, 403, HTML, page(403, "Forbidden"), { ["x-csrf-token"] = "required" })
        end
      end
      assert.same({ [200] = 4, [403] = 4 }, seen)
    end, { settings = { workers = 2 } }))

  it("403 for a missing CSRF token, and for a missing role", with(function(sb, call)
    support.echo(sb)
    support.echo(sb, { address = "/role", role = "Other.send" })
    local answer = call()
    expect(answer, 403, HTML, page(403, "Forbidden"), { ["x-csrf-token"] = "required" })
    assert.matches("^JSESSIONID=%x+; Path=/; Secure; HttpOnly\n__VCAP_ID__=!",
                   answer.headers["set-cookie"])
    answer = call { path = "/http/role" }
    expect(answer, 403, HTML, page(403, "Forbidden"))
    assert.is_nil(answer.headers["x-csrf-token"])
    assert(sb:settings { forbidden_body = "json" })
    assert.equal("Forbidden", core.json.decode(call({ path = "/http/role" }).body).error)
    assert(sb:settings { forbidden_body = "empty" })
    expect(call { path = "/http/role" }, 403, nil, "")
    assert.same({}, sb:log())
  end))

  it("404 of the web server: not deployed, starting, wrong prefix or case", async(function()
    local clock = core.task.now()
    local sb <close> = support.start { now = function() return clock end,
                                       settings = { deploy_time = 30 } }
    local key = support.key(sb, "secret")
    local function call(path)
      return assert(support.request(sb, "runtime", { method = "POST", body = "x", path = path,
        headers = { Authorization = support.basic(key.oauth.clientid, key.oauth.clientsecret) } }))
    end
    expect(call "/http/echo", 404, HTML, page(404, "Not Found"))
    local flow = support.echo(sb, { csrf = false })
    expect(call "/http/echo", 404, HTML, page(404, "Not Found"))
    assert.equal("STARTING", sb:flows()[1].status)
    clock = clock + 31
    assert.equal("STARTED", sb:flows()[1].status)
    assert.equal(200, call("/http/echo").status)
    expect(call "/cxf/echo", 404, HTML, page(404, "Not Found"))
    expect(call "/http/Echo", 404, HTML, page(404, "Not Found"))
    assert(sb:settings { address_case = "insensitive" })
    assert.equal(200, call("/http/Echo").status)
    assert(sb:undeploy(flow.name))
    expect(call "/http/echo", 404, HTML, page(404, "Not Found"))
    assert.equal(2, #sb:log())
  end))

  it("404 and 502 and 503 of the router", with(function(sb, call)
    support.echo(sb, { csrf = false })
    local host = sb.endpoints.runtime:match "//(.+)$"
    local function router(status, text, reason)
      expect(call(), status, "text/plain; charset=utf-8", text .. "\n",
             { ["x-cf-routererror"] = reason })
    end
    assert(sb:worker "restarting")
    router(502, "502 Bad Gateway: Registered endpoint failed to handle the request.",
           "endpoint_failure")
    assert(sb:worker "stopped")
    router(503, ("503 Service Unavailable: Requested route ('%s') has no available endpoints.")
      :format(host), "no_endpoints")
    assert(sb:worker "removed")
    router(404, ("404 Not Found: Requested route ('%s') does not exist."):format(host),
           "unknown_route")
    assert(sb:worker "started")
    assert.equal(200, call().status)
  end))

  it("405, 411, 415, 429 and too many headers", with(function(sb, call, key)
    support.echo(sb, { csrf = false })
    expect(call { method = "TRACE", body = false }, 405, HTML, page(405, "Method Not Allowed"),
           { allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" })
    assert(sb:settings { head_method = "405" })
    expect(call { method = "HEAD", body = false }, 405, HTML, "")
    local port = sb.endpoints.runtime:match ":(%d+)$"
    local basic = support.basic(key.oauth.clientid, key.oauth.clientsecret)
    local seen = raw(port, ([[
s = connect("%s")
s.sendall(b"POST /http/echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n\r\n")
print(s.recv(4096).split(b"\r\n")[0].decode())]]):format(sb.endpoints.cacert, basic))
    assert.equal("HTTP/1.1 411 Length Required", seen)
    local gzip = { headers = { ["Content-Encoding"] = "gzip" } }
    assert.equal("x", call(gzip).body)
    assert(sb:settings { content_encoding = "415" })
    expect(call(gzip), 415, HTML, page(415, "Unsupported Media Type"))
    local many = {}
    for i = 1, 101 do many["X-" .. i] = "1" end
    assert.equal(431, call({ headers = many }).status)
    assert.equal(431, call({ headers = { ["X-Long"] = ("x"):rep(65000) } }).status)
    assert(sb:settings { runtime_rate = 1 })
    call()
    expect(call(), 429, HTML, page(429, "Too Many Requests"), { ["retry-after"] = "1" })
  end))

  it("an exceeded size, with the status that is set", with(function(sb, call)
    support.echo(sb, { csrf = false, max_size = 1024 * 1024 })
    local body = ("x"):rep(1024 * 1024 + 1)
    local text = "Message body exceeds configured size limit (1.0 MB)..."
    expect(call { body = body }, 500, TEXT, text)
    assert(sb:settings { size_status = 413 })
    expect(call { body = body }, 413, TEXT, text)
    assert(sb:settings { max_size = 2, size_status = "" })
    support.echo(sb, { csrf = false, address = "/preset" })
    assert.equal(500, call({ path = "/http/preset", body = "xxx" }).status)
  end))

  it("a pause in the body closes the connection, and leaves no log", with(
    function(sb, _, key)
      local flow = support.echo(sb, { csrf = false })
      local port = sb.endpoints.runtime:match ":(%d+)$"
      local basic = support.basic(key.oauth.clientid, key.oauth.clientsecret)
      local seen = raw(port, ([[
s = connect("%s")
s.sendall(b"POST /http/echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n"
          b"Content-Length: 10\r\n\r\nabc")
try:
  print(len(s.recv(4096)))
except OSError:
  print(0)]]):format(sb.endpoints.cacert, basic))
      assert.equal("0", seen)
      assert.is_nil(sb:counters().flows[flow.name])
      assert.same({}, sb:log())
    end, { settings = { body_gap = 1 } }))

  it("no answer for too long: 504 of the balancer, and the run ends by itself", with(
    function(sb, call)
      local released
      support.echo(sb, { csrf = false, process = function()
        repeat core.task.sleep(0.02) until released
        return 200
      end })
      expect(call(), 504, "text/plain; charset=utf-8",
             "504 Gateway Timeout: Registered endpoint failed to answer in time.\n",
             { ["x-cf-routererror"] = "endpoint_timeout" })
      assert.equal("PROCESSING", sb:log()[1].status)
      released = true
      repeat core.task.sleep(0.02) until sb:log()[1].status ~= "PROCESSING"
      assert.equal("COMPLETED", sb:log()[1].status)
    end, { settings = { balancer_timeout = 0.5 } }))

  it("no answer for too long: a closed connection, if that is set", with(
    function(sb, _, _, bearer)
      support.echo(sb, { csrf = false, stream = true, process = function(exchange)
        repeat until not exchange:read()
      end })
      local answer, err = support.request(sb, "runtime", { method = "POST",
        path = "/http/echo", headers = { Authorization = bearer }, body = function()
          core.task.sleep(0.1)
          return "x"
        end })
      assert.is_nil(answer)
      assert.equal("net.reset", err.code)
      repeat core.task.sleep(0.02) until sb:log()[1].status ~= "PROCESSING"
      assert.equal("FAILED", sb:log()[1].status)
    end, { settings = { balancer_timeout = 0.5, balancer_timeout_answer = "reset" } }))

  it("a client that gives up leaves a run that ends, and a repeat is a second one", with(
    function(sb, call, _, bearer)
      local started
      support.echo(sb, { csrf = false, process = function(exchange)
        if exchange.parameters.slow then
          started = true
          core.task.sleep(0.3)
        end
        return 200, {}, "late"
      end })
      local sender <close> = core.task.spawn(function()
        support.request(sb, "runtime", { method = "POST", body = "x",
          path = "/http/echo?slow=1", headers = { Authorization = bearer } })
      end)
      while not started do core.task.sleep(0.01) end
      sender:cancel()
      sender:join()
      assert.equal(200, call().status)
      local log
      repeat
        core.task.sleep(0.02)
        log = sb:log()
      until log[1].status ~= "PROCESSING"
      assert.same({ "COMPLETED", "COMPLETED" }, { log[1].status, log[2].status })
    end))
end)
