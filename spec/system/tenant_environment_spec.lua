-- spec/system/tenant_spec.lua pointed at a tenant by the environment, as somebody with an account
-- does it: here the tenant is a sandbox with a key of each type.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

-- Runs it with those variables: how many tests passed, and the lines of the report.
local function run(dir, variables)
  local report = dir:file "report"
  local env = { LUA_PATH = os.getenv "LUA_PATH", LUA_CPATH = os.getenv "LUA_CPATH",
                IFLOW_TENANT_REPORT = report }
  for name, value in pairs(variables) do env[name] = value end
  local result = process.run { process.lua, "/usr/bin/busted", "-o", "json",
                               "spec/system/tenant_spec.lua", env = env, timeout = 120 }
  assert.equal(0, result.code, result.out .. result.err)
  return #core.json.decode(result.out).successes, process.read(report) or ""
end

describe("the environment #stock", function()
  it("points the specs at a tenant, and what it answers is reported", async(function()
    local dir <close> = process.tempdir()
    local sb <close> = support.start()
    local function write(name, document)
      return dir:write(name, assert(core.json.encode(document)))
    end
    local secret = support.key(sb, "secret")
    local api = support.key(sb, "secret", { plan = "api", roles = { "MonitoringDataRead" } })
    local passed, report = run(dir, {
      IFLOW_TENANT_KEY = write("flow.json", secret), IFLOW_TENANT_API_KEY = write("api.json", api),
      IFLOW_TENANT_CACERT = sb.endpoints.cacert })
    assert.equal(16, passed)
    local lines = 0
    for line in report:gmatch "[^\n]+" do
      lines = lines + 1
      assert.equal("number", type(core.json.decode(line).status))
    end
    assert.is_true(lines >= 15)
    for _, oauth in ipairs { secret.oauth, api.oauth } do
      assert.is_nil(report:find(oauth.clientsecret, 1, true))
    end
    assert.is_nil(report:find("access_token", 1, true))
  end))

  it("takes one key alone, and an external certificate", async(function()
    local dir <close> = process.tempdir()
    local sb <close> = support.start()
    local own = support.foreign_identity(sb, "both")
    local key = support.key(sb, "external", { x509 = own.leaf })
    local passed = run(dir, {
      IFLOW_TENANT_KEY = dir:write("flow.json", assert(core.json.encode(key))),
      IFLOW_TENANT_CERT = dir:write("own.pem", own.chain),
      IFLOW_TENANT_CERT_KEY = dir:write("own.key", own.key_pem),
      IFLOW_TENANT_CACERT = sb.endpoints.cacert })
    assert.equal(7, passed)
  end))
end)
