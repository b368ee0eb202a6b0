-- A Postman collection plays the whole procedure against the sandbox, run by newman. scripts/setup
-- --test installs it below build/newman, or writes down there why the registry does not offer it.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

local HOME = "build/newman"
local COLLECTION = "spec/support/postman/procedure.json"
local ABSENT = process.read(HOME .. "/absent")

if ABSENT then
  it("newman is not offered by the registry of this machine", function()
    assert.is_nil(core.file.stat(HOME .. "/node_modules/newman"))
    assert.is_true(#ABSENT > 0)
  end)
  return
end

-- What newman reports when the collection runs with these variables.
local function newman(sb, dir, variables)
  local values = core.json.array {}
  for name, value in pairs(variables) do values[#values + 1] = { key = name, value = value } end
  local environment = dir:write("environment.json",
    assert(core.json.encode { name = "sandbox", values = values }))
  local report = dir:file "report.json"
  local run = process.run { "node", HOME .. "/node_modules/newman/bin/newman.js", "run", COLLECTION,
    "--environment", environment, "--ssl-extra-ca-certs", sb.endpoints.cacert,
    "--reporters", "cli,json", "--reporter-json-export", report, "--color", "off",
    env = { NODE_NO_WARNINGS = "1" }, timeout = 120 }
  return run, core.json.decode(process.read(report) or "")
end

-- A sandbox with the flow "orders", and the variables of the collection for it.
local function landscape(sb)
  support.echo(sb, { name = "orders", address = "/orders", role = "Orders.send",
                     process = function(exchange)
    if exchange.body == "fail" then error("the order is refused", 0) end
    return 200, {}, exchange.body
  end })
  local own = support.key(sb, "secret", { roles = { "Orders.send" } }).oauth
  local other = support.key(sb, "secret").oauth
  local api = support.key(sb, "secret", { plan = "api", roles = { "MonitoringDataRead" } }).oauth
  return { tokenUrl = own.tokenurl, runtimeUrl = own.url, apiUrl = api.url, flowPath = "orders",
           clientId = own.clientid, clientSecret = own.clientsecret, otherId = other.clientid,
           otherSecret = other.clientsecret, apiId = api.clientid, apiSecret = api.clientsecret }
end

describe("the Postman collection #stock", function()
  it("plays the whole procedure", async(function()
    local dir <close> = process.tempdir()
    local sb <close> = support.start { hostname = "localhost" }
    local run, report = newman(sb, dir, landscape(sb))
    assert.equal(0, run.code, run.out .. run.err)
    local stats = report.run.stats
    assert.same({ 20, 0 }, { stats.requests.total, stats.requests.failed })
    assert.is_true(stats.assertions.total >= 35)
    assert.equal(0, stats.assertions.failed)
  end))

  it("notices a tenant that behaves otherwise", async(function()
    local dir <close> = process.tempdir()
    local sb <close> = support.start { hostname = "localhost" }
    local variables = landscape(sb)
    variables.otherId, variables.otherSecret = variables.clientId, variables.clientSecret
    local run, report = newman(sb, dir, variables)
    assert.not_equal(0, run.code)
    assert.is_true(report.run.stats.assertions.failed > 0)
  end))
end)
