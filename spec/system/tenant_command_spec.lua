-- iflow tenant as a process: what takes time (a log that appears late, following), zones, and what
-- goes wrong on the way. The golden test in spec/cli shows the rest from a user's side.
local async = require "spec.support.async"
local core = require "iflow.core"
local json = core.json
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

local IFLOW = assert(process.iflow, "IFLOW_BIN must name the host binary")

-- A sandbox with the flow "orders": body(tenant, send, sb). tenant(…) runs a command of iflow
-- tenant: { code =, out =, err = }; send(text) gives the message id; words(…) is the command line.
local function with(body, settings)
  return async(function()
    local sb <close> = support.start { settings = settings }
    support.echo(sb, { name = "orders", address = "/orders", csrf = false,
      process = function(exchange)
        local status = exchange.body:match "^(%u+)$"
        if status then exchange:set_status(status, "because") end
        return 200, {}, ""
      end })
    local bearer = support.bearer(sb, support.key(sb, "secret"))
    local function send(text)
      return assert(support.request(sb, "runtime", { method = "POST", path = "/http/orders",
        body = text, headers = { Authorization = bearer } })).headers.sap_messageprocessinglogid
    end
    local key = support.key_file(sb, support.key(sb, "secret", { plan = "api",
      roles = { "MonitoringDataRead" } }))
    local function words(...)
      local command = { IFLOW, "tenant", ... }
      command.env = { IFLOW_SERVICE_KEY = key, IFLOW_TOKEN_CACHE = "off", TZ = "America/New_York",
        IFLOW_CACERT = sb.endpoints.cacert }
      return command
    end
    body(function(...) return process.run(words(...)) end, send, sb, words)
  end)
end

local function decode(result)
  assert.equal("", result.err)
  return assert(json.decode(result.out)), result.code
end

local function last(...) return (select(select("#", ...), ...)) end

describe("iflow tenant log", function()
  it("waits until the log is there and the message is over", with(function(tenant, send, sb, words)
    local id = send "PROCESSING"
    local result = tenant("log", id, "--json", "--wait", "100ms")
    assert.same({ "PROCESSING", 4 }, { decode(result).status, result.code })
    local waiting <close> = process.start(words("log", id, "--json", "--wait", "1m"))
    process.wait_for("a look at the log", function()
      return last(table.unpack(sb:decisions().events)).path:find(id, 1, true)
    end)
    assert(sb:set_status(id, "COMPLETED"))
    result = waiting:wait()
    assert.same({ "COMPLETED", 0 }, { decode(result).status, result.code })
  end))

  it("says that one may still appear", with(function(tenant, send)
    local result = tenant("log", send "x", "--json")
    local err = json.decode(result.out).error
    assert.same({ 4, "call.not_found", true }, { result.code, err.code, err.retryable })
  end, { log_delay = 3600 }))
end)

describe("iflow tenant logs", function()
  it("shows times in the zone of the machine, and takes them so", with(function(tenant, send)
    send "x"
    local entry = decode(tenant("logs", "--json")).logs[1]
    local started = entry.started:match "^20%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$"
      and entry.started:gsub("T", " "):sub(1, 19)
    local python = ("import datetime as d, zoneinfo as z\n"
      .. "t = d.datetime.fromisoformat('%s+00:00').astimezone(z.ZoneInfo('America/New_York'))\n"
      .. "print(t.strftime('%%Y-%%m-%%d %%H:%%M:%%S %%Z'))\n"
      .. "print((t - d.timedelta(seconds=1)).strftime('%%Y-%%m-%%dT%%H:%%M:%%S'))"):format(started)
    local shown, before = process.run({ "/usr/bin/python3", "-c", python }).out
      :match "^(%S+ %S+ %S+)\n(%S+)"
    assert.is_truthy(tenant("logs").out:find("\n" .. shown .. "  A", 1, true))
    assert.equal(1, #decode(tenant("logs", "--json", "--since", before)).logs)
    assert.equal(0, #decode(tenant("logs", "--json", "--until", before)).logs)
    assert.equal(0, #decode(tenant("logs", "--json", "--until", "1h")).logs)
  end))

  it("goes on with what appears and changes, and ends when it is told to", with(
    function(_, send, sb, words)
      local first = send "PROCESSING"
      local following <close> = process.start(words("logs", "--follow", "--json", "--interval",
        "100ms"))
      local function lines()
        local list = {}
        for line in following:output():gmatch "[^\n]+\n" do
          local entry = json.decode(line)
          list[#list + 1] = { entry.message_id, entry.status }
        end
        return list
      end
      process.wait_for("the first log", function() return #lines() == 1 end)
      local second = send "x"
      process.wait_for("the second log", function() return #lines() == 2 end)
      assert(sb:set_status(first, "COMPLETED"))
      process.wait_for("the change", function() return #lines() == 3 end)
      assert.same({ { first, "PROCESSING" }, { second, "COMPLETED" }, { first, "COMPLETED" } },
        lines())
      following:signal "INT"
      assert.same({ 130, "" }, { following:wait().code, following:wait().err })
    end))
end)

describe("iflow tenant", function()
  it("asks again after what passes, and not with --no-retry", with(function(tenant, _, sb)
    sb:fault "api:503@first=1"
    assert.equal(0, tenant("roles").code)
    sb:fault "api:503@first=1"
    local result = tenant("roles", "--no-retry", "--json")
    assert.same({ 4, "call.unavailable" }, { result.code, json.decode(result.out).error.code })
  end))

  it("marks what ends soon in the keystore, and what has no endpoint yet", with(
    function(tenant, _, sb)
      support.foreign_identity(sb, "balancer") -- its root is valid for a day
      local found, code = decode(tenant("keystore", "--json", "--fail-within", "2"))
      assert.same({ 1, "ends soon", "Tenant", 0 }, { code, found.entries[1].mark,
        found.entries[1].owner, found.entries[1].days_left })
      assert.is_nil(found.entries[2].mark)
      assert.equal(0, tenant("keystore", "--fail-within", "0.5").code)
      assert(sb:settings { deploy_time = 3600 })
      support.echo(sb, { name = "late", address = "/late" })
      found = decode(tenant("endpoints", "--json"))
      assert.same({ 0, "late", "STARTING", "orders" }, { #found.endpoints, found.without[1].id,
        found.without[1].status, found.without[2].id })
    end))
end)
