-- Why a request ended as it did: the rule of every step, over real connections, and how
-- `iflow sandbox log --follow` shows it.
local api_client = require "spec.support.api_client"
local async = require "spec.support.async"
local client = require "iflow.sandbox.client"
local core = require "iflow.core"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

-- What was noted while body ran.
local function events_of(sb, body)
  local before = assert(sb:decisions()).last
  body()
  return sb:decisions(before).events
end

local FORM = "grant_type=client_credentials"

describe("the deciding rule", function()
  -- body(sb, call, why): call(fields) posts to the runtime; why(body) gives status and rule.
  local function with(settings, body)
    return async(function()
      local sb <close> = support.start { settings = settings }
      local key, instance = support.key(sb, "secret")
      local bearer = support.bearer(sb, key)
      local function call(path, headers, fields)
        local all = { method = "POST", path = path, body = "x",
                      headers = { Authorization = bearer } }
        for name, value in pairs(headers or {}) do all.headers[name] = value or nil end
        for name, value in pairs(fields or {}) do all[name] = value or nil end
        return assert(support.request(sb, "runtime", all))
      end
      local function why(request)
        local events = events_of(sb, request)
        assert.equal(1, #events)
        return events[1].status, events[1].rule, events[1]
      end
      body(sb, call, why, { key = key, instance = instance, bearer = bearer })
    end)
  end

  local function check(why, status, pattern, request)
    local got, rule, event = why(request)
    assert.equal(status, got, rule)
    assert.matches(pattern, rule)
    return event
  end

  it("names the step of the runtime", with({}, function(sb, call, why, own)
    support.echo(sb, { name = "open", address = "/open", csrf = false })
    support.echo(sb, { name = "safe", address = "/safe" })
    support.echo(sb, { name = "role", address = "/role", csrf = false, role = "Orders.send" })
    support.echo(sb, { name = "small", address = "/small", csrf = false, max_size = 1 })
    support.echo(sb, { name = "soap", address = "/soap", adapter = "soap" })
    support.echo(sb, { name = "bad", address = "/bad", csrf = false,
                       process = function() error("no such customer", 0) end })
    local event = check(why, 200, "^flow: 'open' ran, its log is COMPLETED$",
                        function() call "/http/open" end)
    assert.same({ "runtime", "POST", "/http/open", own.key.oauth.clientid, "open",
                  sb:log()[1].id }, { event.host, event.method, event.path, event.client_id,
                                      event.flow, event.message_id })
    check(why, 500, "^flow: 'bad' raised, its log is FAILED: no such customer$",
          function() call "/http/bad" end)
    check(why, 403, "^role: instance roles {ESBMessaging.send} in the token lack Orders.send$",
          function() call "/http/role" end)
    local oauth = own.key.oauth
    check(why, 403, "^role: instance roles {ESBMessaging.send} lack Orders.send$", function()
      call("/http/role", { Authorization = support.basic(oauth.clientid, oauth.clientsecret) })
    end)
    check(why, 403, "^csrf: the channel is protected, and no token came$",
          function() call "/http/safe" end)
    check(why, 403, "^csrf: the token came without the cookies",
          function() call("/http/safe", { ["X-CSRF-Token"] = "abc" }) end)
    check(why, 200, "^csrf: a token was fetched, the flow does not run$", function()
      call("/http/safe", { ["X-CSRF-Token"] = "Fetch" }, { method = "GET", body = false })
    end)
    check(why, 404, "^address: no flow serves /http/nothing$",
          function() call "/http/nothing" end)
    check(why, 404, "^address: no flow serves /http/Open, but flow 'open' serves /http/open$",
          function() call "/http/Open" end)
    check(why, 404, "but flow 'soap' serves /cxf/soap$", function() call "/http/soap" end)
    check(why, 405, "^method: the channel does not offer PUT$",
          function() call("/cxf/soap", {}, { method = "PUT" }) end)
    check(why, 500, "^content: the channel 'soap' cannot read the body$",
          function() call "/cxf/soap" end)
    check(why, 500, "^size: more than the flow's max_size of 1 bytes$",
          function() call("/http/small", {}, { body = "xx" }) end)
    check(why, 404, "^address: the Host field 'other%.it.*' names no host of this tenant$",
          function()
            local port = sb.endpoints.runtime:match ":(%d+)"
            call("/", {}, { url = ("https://other.it-cpi001-rt.localhost:%s/"):format(port) })
          end)
    assert(sb:worker "stopped")
    check(why, 503, "^router: no_endpoints$", function() call "/http/open" end)
  end))

  it("tells what is wrong with credentials, and no secret", with({}, function(sb, call, why, own)
    local oauth = own.key.oauth
    local api = api_client.open(sb, {})
    local stranger = support.identity(support.foreign_identity(sb))
    local listed = support.identity(support.foreign_identity(sb, "balancer"))
    local function unauthorized(pattern, headers, fields)
      local event = check(why, 401, "^authentication: " .. pattern,
                          function() call("/http/x", headers, fields) end)
      assert.is_nil(event.rule:find("s3cret", 1, true))
    end
    unauthorized("neither an Authorization field nor a certificate$", { Authorization = false })
    unauthorized("no signing key of this tenant", { Authorization = "Bearer s3cret" })
    unauthorized("the token is of another plan, 'integration%-flow' is needed$",
                 { Authorization = api.authorization })
    unauthorized("Basic, no key has that client id$",
                 { Authorization = support.basic("s3cret", "s3cret") })
    unauthorized("Basic, the secret is not that of key '" .. "key%-",
                 { Authorization = support.basic(oauth.clientid, "s3cret") })
    unauthorized("Basic, the key is of another plan", {
      Authorization = support.basic(api.key.oauth.clientid, api.key.oauth.clientsecret) })
    unauthorized("no Authorization field, and the balancer dropped the certificate: ",
                 { Authorization = false }, { identity = stranger })
    unauthorized("certificate '.*': it is in no key$", { Authorization = false },
                 { identity = listed })
  end))

  it("tells that the instance has a role by now which the token lacks", with({},
    function(sb, call, why, own)
      support.echo(sb, { name = "role", address = "/role", csrf = false, role = "Orders.send" })
      sb.tenant.broker:instances()[own.instance].roles = { "Orders.send" }
      check(why, 403, "which the instance has by now: a new token is needed$",
            function() call "/http/role" end)
    end))

  it("names the step of the token server", with({ token_rate = 100 }, function(sb, _, why, own)
    local oauth = own.key.oauth
    local function ask(fields, kind) support.ask_token(sb, kind or "token", fields) end
    local basic = support.basic(oauth.clientid, oauth.clientsecret)
    local event = check(why, 200, "^token: issued to key '.-' of instance '.-' with {.*}",
                        function() ask { form = FORM, headers = { Authorization = basic } } end)
    assert.equal(oauth.clientid, event.client_id)
    check(why, 401, "^client: the secret is not that of key '", function()
      ask { form = FORM, headers = { Authorization = support.basic(oauth.clientid, "x") } }
    end)
    check(why, 401, "^client: no key has that client id$", function()
      ask { form = FORM .. "&client_id=x&client_secret=y" }
    end)
    check(why, 401, "^client: neither Basic", function() ask { form = FORM } end)
    check(why, 400, "^request: Missing grant type %(key '.-' of instance '.-'%)$", function()
      ask { form = "", headers = { Authorization = basic } }
    end)
    check(why, 400, "^request: .* is invalid", function()
      ask { form = FORM .. "&scope=foreign", headers = { Authorization = basic } }
    end)
    check(why, 401, "^client: a secret and no certificate at the host for certificates$", function()
      ask({ form = FORM, headers = { Authorization = basic } }, "token_cert")
    end)
    local certificate = support.key(sb, "certificate").oauth
    local id = certificate.clientid:gsub("[!|]", { ["!"] = "%21", ["|"] = "%7C" })
    local stranger = support.identity(support.foreign_identity(sb))
    local other = support.identity(support.key(sb, "certificate"))
    for pattern, identity in pairs { ["reaches no root the token server lists"] = stranger,
                                     ["' is not that of key '"] = other } do
      check(why, 401, "^client: .*" .. pattern, function()
        ask({ form = FORM .. "&client_id=" .. id, identity = identity }, "token_cert")
      end)
    end
    check(why, 404, "^address: the token server has no /nothing$",
          function() support.request(sb, "token", { path = "/nothing" }) end)
  end))

  it("names the step of the API", with({}, function(sb, _, why)
    local api, none = api_client.open(sb, { "MonitoringDataRead" }), api_client.open(sb, {})
    check(why, 200, "^api: 2 of UserRoles$", function() api:get "/UserRoles" end)
    check(why, 403, "^role: instance roles {} lack MonitoringDataRead or UserRolesEdit$",
          function() none:get "/UserRoles" end)
    check(why, 404, "^api: there is no entity set 'Nothing'$", function() api:get "/Nothing" end)
    check(why, 404, "^address: the API host has no /other$",
          function() support.request(sb, "api", { path = "/other" }) end)
  end))
end)

describe("a certificate that is refused by a TLS alert", function()
  it("is told, though there was no request", async(function()
    local sb <close> = support.start()
    local now = math.floor(core.task.now())
    local unfit = support.foreign_identity(sb, "both", { client_auth = false })
    local expired = support.foreign_identity(sb, "both", { not_before = now - 7200,
                                                           not_after = now - 3600 })
    for pattern, own in pairs { ["no clientAuth"] = unfit, ["expired"] = expired } do
      for _, host in ipairs { "runtime", "api" } do
        local events = events_of(sb, function()
          assert.is_nil(support.request(sb, host, { path = "/", identity = support.identity(own) }))
        end)
        assert.same({ 1, host, "TLS" }, { #events, events[1].host, events[1].method })
        assert.is_nil(events[1].status)
        assert.matches("^balancer: certificate '/O=Partner/CN=partner.*' has .*" .. pattern,
                       events[1].rule)
      end
    end
  end))

  it("is one of the last sixteen", async(function()
    local sb <close> = support.start()
    local unfit = support.identity(support.foreign_identity(sb, "both", { client_auth = false }))
    local events = events_of(sb, function()
      for _ = 1, 20 do
        assert.is_nil(support.request(sb, "runtime", { path = "/", identity = unfit }))
      end
    end)
    assert.equal(16, #events)
    assert.same({}, events_of(sb, function() end))
  end))
end)

describe("iflow sandbox log --follow", function()
  local function start(sb, ...)
    return process.start { process.iflow, "sandbox", "log", "--follow", "--dir", sb.dir, ... }
  end

  local function lines_of(helper)
    local lines = {}
    for line in (helper.dir:read "out" or ""):gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
    return lines
  end

  local function await_lines(helper, count)
    return process.wait_for(count .. " lines", function()
      local lines = lines_of(helper)
      return #lines >= count and lines
    end)
  end

  it("shows the last requests, each new one as it happens, and ends with the sandbox",
    async(function()
      local sb = support.start()
      support.echo(sb, { name = "role", address = "/role", csrf = false, role = "Orders.send" })
      local bearer = support.bearer(sb, support.key(sb, "secret"))
      local text <close> = start(sb)
      local objects <close> = start(sb, "--json", "--last", "0")
      assert.matches("token: issued to key", await_lines(text, 1)[1])
      assert(sb:decisions()) -- the admin path is not shown
      process.wait_for("the second command", function()
        return sb.tenant.decisions.waiters == 2
      end)
      assert(support.request(sb, "runtime", { method = "POST", path = "/http/role?a=b", body = "x",
                                              headers = { Authorization = bearer } }))
      local line = await_lines(text, 2)[2]
      assert.matches("^%d%d:%d%d:%d%d%.%d%d%d  runtime     POST /http/role  role: instance roles "
        .. "{ESBMessaging.send} in the token lack Orders.send → 403$", line)
      local event = core.json.decode(await_lines(objects, 1)[1])
      assert.same({ "runtime", "/http/role", 403, "role" },
                  { event.host, event.path, event.status, event.rule:match "^%l+" })
      assert.is_true(event.time > 0)
      sb:close()
      for _, helper in ipairs { text, objects } do assert.equal(0, helper:wait().code) end
      assert.equal(1, #lines_of(objects))
    end))

  it("ends with a sandbox that is killed", async(function()
    local dir <close> = process.tempdir()
    local path = dir:file "sb"
    local sandbox <close> = process.start { process.iflow, "sandbox", "start", "--dir", path }
    local sb = process.wait_for("the sandbox", function()
      local opened = client.open(path)
      return opened and opened:status() and opened
    end)
    local helper <close> = start(sb)
    assert(support.request(sb, "token", { path = "/nothing" }))
    await_lines(helper, 1)
    sandbox:signal "KILL"
    assert.equal(0, helper:wait().code)
  end))

  it("ends by a signal, and when nobody reads any more", async(function()
    local sb <close> = support.start()
    local helper <close> = start(sb)
    process.wait_for("the command", function() return sb.tenant.decisions.waiters == 1 end)
    helper:signal "INT"
    assert.equal(130, helper:wait().code)
    support.bearer(sb, support.key(sb, "secret"))
    local command = ("%s sandbox log --follow --dir %s | head -n 1"):format(
      process.quote(process.iflow), process.quote(sb.dir))
    local reader <close> = process.start { "sh", "-c", command }
    await_lines(reader, 1)
    process.wait_for("the pipe to be closed", function()
      support.bearer(sb, support.key(sb, "secret"))
      return not reader:alive()
    end)
  end))

  it("refuses a sandbox that is not there, and a wrong number", async(function()
    local dir <close> = process.tempdir()
    local run = process.run { process.iflow, "sandbox", "log", "--follow", "--dir", dir.path,
                              "--json" }
    assert.same({ 2, "sandbox.not_running" }, { run.code, core.json.decode(run.out).error.code })
    run = process.run { process.iflow, "sandbox", "log", "--follow", "--dir", dir.path, "--last",
                        "-1", "--json" }
    assert.same({ 2, "usage.invalid" }, { run.code, core.json.decode(run.out).error.code })
  end))
end)

describe("iflow sandbox log --id", function()
  it("shows one message, and changes its status", async(function()
    local sb <close> = support.start()
    support.echo(sb, { name = "later", address = "/later", csrf = false,
                       process = function(exchange)
      exchange:set_status("RETRY", "the receiver is away")
      exchange:add_custom_header("po_number", "4711")
      return 202, {}, ""
    end })
    assert(support.request(sb, "runtime", { method = "POST", path = "/http/later", body = "x",
      headers = { Authorization = support.bearer(sb, support.key(sb, "secret")) } }))
    local id = sb:log()[1].id
    local function log(...)
      return process.run { process.iflow, "sandbox", "log", "--dir", sb.dir, ... }
    end
    local text = log("--id", id)
    assert.equal(0, text.code, text.err)
    assert.matches("\nstatus +RETRY\n", text.out)
    assert.matches("4711", text.out)
    local entry = core.json.decode(log("--id", id, "--json").out)
    assert.same({ "RETRY", "the receiver is away" }, { entry.status, entry.error })
    entry = core.json.decode(log("--id", id, "--set-status", "CANCELLED", "--reason", "by hand",
                                 "--json").out)
    assert.same({ "CANCELLED", "by hand" }, { entry.status, entry.error })
    assert.equal("CANCELLED", sb:log()[1].status)
    for _, words in ipairs { { "--id", "nothing" }, { "--id", id, "--set-status", "DONE" },
                             { "--set-status", "FAILED" }, { "--id", id, "--reason", "x" },
                             { "--id", id, "--follow" } } do
      assert.equal(2, log(table.unpack(words)).code, table.concat(words, " "))
    end
  end))
end)
