-- The doctor at the runtime and the endpoint: rows of sap-reference 8.1 from authentication to the
-- flow, each made to happen by the sandbox, or by a server of TLS that answers what it is told.
local async = require "spec.support.async"
local core = require "iflow.core"
local doctor = require "spec.support.doctor"
local iflow = require "iflow"
local landscape = require "spec.support.landscape"
local sandbox = require "spec.support.sandbox"

local SEND = { to = "/http/orders", send = true, body = "x" }
local LOOK = { to = "/http/orders", csrf = true }

local function with(body, opts)
  return async(function()
    local land <close> = landscape.open(opts)
    local function first(options, more)
      return doctor.first(doctor.run(land, "secret", options, more))
    end
    body(land, first)
  end)
end

local function runs(land) return land.sb:counters().flows.orders or 0 end

describe("iflow check, without sending,", function()
  it("fetches a CSRF token when the channel is protected: no flow runs", with(function(land)
    local report = doctor.run(land, "secret", LOOK)
    assert.equal("fine", doctor.step(report, "endpoint")[1].verdict)
    assert.equal(0, runs(land))
  end, { csrf = true }))

  it("says it when the channel was not protected after all", with(function(land)
    local report = doctor.run(land, "secret", LOOK)
    assert.equal("not_csrf_protected", doctor.step(report, "endpoint")[1].cause)
    assert.equal(1, runs(land))
  end))

  it("does not know, and touches nothing, unless it is told so", with(function(land)
    local report = doctor.run(land, "secret", { to = "/http/orders" })
    assert.equal("unknown", doctor.step(report, "endpoint")[1].verdict)
    assert.equal(0, runs(land))
    assert.equal(0, land.sb:counters().csrf_tokens)
  end))
end)

describe("iflow check names, of the runtime:", function()
  it("a key of plan api", with(function(land)
    local oauth = land:other_key({ "MonitoringDataRead" }, "api")
    oauth.url = land:key("secret").oauth.url
    local path = land.dir:write("api.json", core.json.encode { oauth = oauth })
    local report = doctor.run(land, nil, LOOK, { service_key = path, cacert = land.cacert,
      token_cache = false })
    assert.same({ "runtime", "wrong_plan", "call.unauthorized" }, doctor.first(report))
    assert.equal("wrong_plan", doctor.step(report, "configuration")[2].cause)
    assert.equal(3, report.exit_code)
  end))

  it("a trial, which takes no certificates", with(function(land)
    local report = doctor.run(land, "certificate", { auth = "certificate" })
    assert.equal("certificate_in_no_key", doctor.step(report, "runtime")[1].cause)
  end, { settings = { trial = true } }))

  it("a wrong secret with Basic", with(function(land, first)
    assert(land.sb:fault "runtime:deleted")
    assert.same({ "runtime", "basic_refused", "call.unauthorized" },
      first { auth = "basic" })
  end))

  it("a tenant whose runtime is gone", with(function(land, first)
    assert(land.sb:worker "removed")
    assert.same({ "runtime", "host_unknown", "call.not_found" }, first(LOOK))
  end))

  for fault, cause in pairs { ["401"] = "token_refused", ["429"] = "platform_limit",
                              ["502"] = "worker_closing", ["503"] = "runtime_down",
                              ["504"] = "worker_closing" } do
    it(fault .. " for everybody", with(function(land, first)
      assert(land.sb:fault("runtime:" .. fault))
      assert.same({ "runtime", cause }, { table.unpack(first(LOOK), 1, 2) })
    end))
  end
end)

describe("iflow check names, of the endpoint:", function()
  it("a role that the instance lacks", with(function(land, first)
    land.sb:role("add", "Orders.send")
    sandbox.echo(land.sb, { address = "/secret", role = "Orders.send", csrf = true })
    assert.same({ "endpoint", "role_missing", "call.forbidden" },
      first { to = "/http/secret", csrf = true })
    -- When the role is told, the token says it already.
    assert.same({ "token", "role_missing", "call.forbidden" },
      first { to = "/http/secret", role = "Orders.send" })
  end))

  it("an address that nothing serves", with(function(_, first)
    assert.same({ "endpoint", "flow_missing", "call.not_found" },
      first { to = "/http/nothing", csrf = true })
  end))

  it("a flow that is still starting", with(function(_, first)
    assert.same({ "endpoint", "flow_missing", "call.not_found" }, first(LOOK))
  end, { settings = { deploy_time = 600 } }))

  it("a method that is not offered", with(function(land, first)
    sandbox.echo(land.sb, { address = "/soap", adapter = "soap" })
    assert.same({ "endpoint", "method" }, { table.unpack(first { to = "/cxf/soap", csrf = true },
      1, 2) })
  end))

  it("a message that is delivered, with its id", with(function(land)
    local report = doctor.run(land, "secret", SEND)
    local result = doctor.step(report, "endpoint")[1]
    assert.equal("fine", result.verdict)
    assert.is_string(result.message_id)
    assert.equal(1, runs(land))
  end, { csrf = true }))

  it("a flow that fails, by its message id", with(function(land)
    local result = doctor.step(doctor.run(land, "secret", SEND), "endpoint")[1]
    assert.same({ "flow_failed", "call.flow_failed" }, { result.cause, result.code })
    assert.is_string(result.message_id)
  end, { process = function() error "no" end }))

  it("a message that is too large", with(function(land, first)
    sandbox.echo(land.sb, { address = "/small", max_size = 10, csrf = false })
    assert.equal("too_large", first { to = "/http/small", send = true, body = ("x"):rep(99) }[2])
  end))

  local faults = { ["500"] = "adapter_failed", ["502"] = "worker_closing",
    ["503"] = "runtime_down", ["reset"] = "connection_closed" }
  for fault, cause in pairs(faults) do
    it(fault .. " for a message", with(function(land, first)
      assert(land.sb:fault(("runtime:%s@flow=orders"):format(fault)))
      assert.same({ "endpoint", cause }, { table.unpack(first(SEND), 1, 2) })
    end))
  end

  it("no answer in time: what was sent is in doubt", with(function(land)
    assert(land.sb:fault "runtime:stall@flow=orders")
    local tenant <close> = assert(iflow.tenant(land:tenant_options "secret"))
    local report = tenant:check { to = "/http/orders", send = true, body = "x", timeout = 1 }
    assert.same({ "endpoint", "no_answer_in_time", "call.in_doubt" }, doctor.first(report))
    assert.equal(5, report.exit_code)
  end))
end)

describe("iflow check knows from the tenant's API", function()
  local function told(land, to)
    local key = sandbox.key(land.sb, "secret", { plan = "api", roles = { "MonitoringDataRead" } })
    local api = land.dir:write("api.json", core.json.encode(key))
    local report = doctor.run(land, "secret", { to = to, api = api })
    local result = doctor.step(report, "address")[1]
    return result.cause or result.verdict, result
  end

  it("what serves the address, and what is near", with(function(land)
    sandbox.echo(land.sb, { address = "/below/*" })
    sandbox.echo(land.sb, { address = "/soap", adapter = "soap" })
    assert.equal("fine", (told(land, "/http/orders")))
    assert.equal("fine", (told(land, "/http/below/some/where")))
    assert.equal("fine", (told(land, "/cxf/soap/more")))
    assert.equal("address_case", (told(land, "/http/Orders")))
    assert.equal("address_prefix", (told(land, "/cxf/orders")))
    local cause, result = told(land, "/http/ordesr")
    assert.equal("address_name", cause)
    assert.truthy(result.next_step:find("/http/orders", 1, true))
    assert.equal("flow_missing", (told(land, "/http/something/quite/else")))
    assert.equal(0, runs(land))
  end))

  it("nothing, when its key has not the role for it", with(function(land)
    local key = sandbox.key(land.sb, "secret", { plan = "api", roles = { "QueuesRetry" } })
    local api = land.dir:write("api.json", core.json.encode(key))
    local report = doctor.run(land, "secret", { to = "/http/orders", api = api })
    assert.same({ "warning", "api" }, { doctor.step(report, "address")[1].verdict,
      doctor.step(report, "address")[1].cause })
  end))
end)

-- A runtime that answers as it is told: what a sandbox never does.
describe("iflow check names, of other runtimes:", function()
  -- answer(req, known): known is whether the request has credentials.
  local function told_by(land, answer, options)
    local now = math.floor(core.task.now())
    local identity = assert(land.sb.tenant.authority:server_identity({ "DNS:localhost" }, now))
    local server = assert(core.server.new { tls = true, identity = identity, request = function(req)
      req:body()
      answer(req, req.headers.authorization ~= nil)
    end })
    local oauth = {}
    for name, value in pairs(land:key("secret").oauth) do oauth[name] = value end
    oauth.url = ("https://localhost:%d"):format(server:port())
    local path = land.dir:write("told.json", core.json.encode { oauth = oauth })
    local report = doctor.run(land, nil, options, { service_key = path, cacert = land.cacert,
      token_cache = false, proxy = "" })
    server:close()
    return report, doctor.first(report)
  end

  local function unauthorized(body)
    return function(req) req:answer(401, { ["Content-Type"] = "application/json" }, body) end
  end

  it("an Edge Integration Cell", with(function(land)
    local inner = [[{\"error\":\"check the authentication logs, id 4711\",\"responseCode\":401}]]
    local _, found = told_by(land, unauthorized(
      [[{"error":{"code":"unauthorized","message":"]] .. inner .. [["}}]]), LOOK)
    assert.same({ "runtime", "edge_refused", "call.unauthorized" }, found)
  end))

  it("an Authorization field that a proxy removed", with(function(land)
    local _, found = told_by(land, unauthorized([[{"error":"unauthorized","error_description":]]
      .. [["An Authentication object was not found in the SecurityContext"}]]), LOOK)
    assert.same({ "runtime", "authorization_removed", "call.unauthorized" }, found)
  end))

  -- The runtime is as it should be, and the endpoint answers this.
  local function at_endpoint(status, headers)
    return function(req, known)
      if not known then return req:answer(401) end
      if req.target:find "^/iflow%-check" then return req:answer(404) end
      req:answer(status, headers)
    end
  end

  it("cookies that do not reach the same worker", with(function(land)
    local _, found = told_by(land, at_endpoint(403, { ["X-CSRF-Token"] = "required" }), SEND)
    assert.same({ "endpoint", "csrf_cookies", "call.csrf" }, found)
  end))

  it("a length that is missing, and sizes", with(function(land)
    local _, found = told_by(land, at_endpoint(411), SEND)
    assert.equal("no_length", found[2])
    _, found = told_by(land, at_endpoint(413), SEND)
    assert.equal("too_large", found[2])
  end))

  it("one that looks for the address first: then it is not known", with(function(land)
    local report = told_by(land, function(req) req:answer(404) end, { to = "/http/orders" })
    assert.equal("unknown", doctor.step(report, "runtime")[1].verdict)
  end))
end)
