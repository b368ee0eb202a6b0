-- SAP's own published library for the Cloud Foundry API (package @sap/cf-tools) against the
-- sandbox. It sends its requests by the program cf, for which a few lines around curl stand in
-- here. scripts/setup --test installs it below build/cf-tools, or writes down there why the
-- registry does not offer it.
local async = require "spec.support.async"
local cf_support = require "spec.support.cf"
local core = require "iflow.core"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

local HOME = "build/cf-tools"
local ABSENT = process.read(HOME .. "/absent")

-- cf curl PATH [-d BODY] [-X METHOD], and cf target.
local CF = [[
#!/usr/bin/env bash
case "$1" in
  target) echo "API endpoint:   $CF_API" ;;
  curl)
    exec curl -sS -g --noproxy '*' --cacert "$CF_CA" -H "@$CF_HOME/token" "$CF_API$2" "${@:3}" ;;
  *) echo "FAILED: $1"; exit 1 ;;
esac
]]

-- What spec/support/cf_tools.js prints.
local function node(sb, cf, dir)
  dir:write("cf", CF)
  dir:write("token", "Authorization: bearer " .. cf.token .. "\n")
  assert(os.execute(("chmod 755 %s && mkdir %s"):format(dir:file "cf", dir:file ".cf")))
  dir:write(".cf/config.json", core.json.encode { SpaceFields = { GUID = cf.space } })
  local directory = assert(core.file.absolute(HOME .. "/node_modules/@sap/cf-tools"))
  local result = process.run { "node", "spec/support/cf_tools.js", directory, env = {
    CF_API = cf.api, CF_CA = sb.endpoints.cacert, CF_HOME = dir.path,
    PATH = dir.path .. ":" .. os.getenv "PATH" } }
  assert.equal(0, result.code, result.out .. result.err)
  return assert(core.json.decode(result.out))
end

if ABSENT then
  it("SAP's library for Cloud Foundry is not offered by the registry of this machine", function()
    assert.is_nil(core.file.stat(HOME .. "/node_modules/@sap/cf-tools"))
    assert.is_true(#ABSENT > 0)
  end)
  return
end

local function by_label(list)
  local found = {}
  for _, one in ipairs(list) do found[one.label] = one end
  return found
end

describe("SAP's library for Cloud Foundry", function()
  it("finds plans, creates instances and reads keys", async(function()
    local sb <close> = support.start()
    local dir <close> = process.tempdir()
    assert(sb:create_instance { name = "orders" })
    assert(sb:create_instance { name = "api", plan = "api" })
    local secret = assert(sb:create_key { instance = "orders", name = "k1" })
    local made = assert(sb:create_key { instance = "orders", name = "k2", type = "certificate" })
    local cf = cf_support.logon(sb)
    local got = node(sb, cf, dir)

    assert.same({ "acme", "dev", cf.space }, { got.organizations[1].label, got.spaces[1].label,
                                               got.spaces[1].guid })
    assert.equal("it-rt", got.services[1].label)
    local plans = by_label(got.plans)
    assert.same({ cf:plan "integration-flow", cf:plan "api", "it-rt" },
                { plans["integration-flow"].guid, plans.api.guid, plans.api.service_offering.name })
    assert.equal(plans.api.guid, by_label(got.same_plans).api.guid)

    assert.same({ "by-tools", { "a", "b" }, "succeeded" },
                { got.created.name, got.created.tags, got.created.last_operation.state })
    assert.matches("Service broker error: .*No%.such", got.refused.error)
    assert.matches("The service instance name is taken: by%-tools", got.taken.error)

    local instances = by_label(got.instances)
    assert.equal(4, #got.instances) -- over two pages
    assert.same({ "it-rt", "integration-flow", "api" },
                { instances.orders.serviceName, instances.orders.plan, instances.api.plan })
    assert.same({ serviceName = "orders", plan = "integration-flow", service = "it-rt",
                  plan_guid = cf:plan "integration-flow" }, got.metadata)
    assert.same({ "k1", "k2" }, { got.keys[1].name, got.keys[2].name })
    assert.same({ { credentials = secret }, { credentials = made } }, got.credentials)
  end))
end)
