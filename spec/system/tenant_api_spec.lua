-- What a tenant says of itself, read from a sandbox over TLS: endpoints, logs, artifacts, roles and
-- keystore as tables of Lua.
local async = require "spec.support.async"
local core = require "iflow.core"
local support = require "spec.support.sandbox"
local tenant_api = require "iflow.tenant_api"

-- A sandbox and the API of it: body(api, sb).
local function with(body, settings)
  return async(function()
    local sb <close> = support.start { settings = settings }
    local key = support.key(sb, "secret", { plan = "api", roles = { "MonitoringDataRead" } })
    local api <close> = assert(tenant_api { service_key = key, token_cache = false,
      cacert = sb.endpoints.cacert })
    body(api, sb)
  end)
end

local function sorted(list, field)
  local values = {}
  for i, row in ipairs(list) do values[i] = row[field] end
  table.sort(values)
  return values
end

describe("tenant_api:endpoints", function()
  it("has the address of every flow that is called", with(function(api, sb)
    support.echo(sb, { name = "orders", address = "/orders/new" })
    support.echo(sb, { name = "invoices", address = "/invoices", adapter = "soap" })
    local list = assert(api:endpoints())
    assert.same({ "invoices", "orders" }, sorted(list, "flow"))
    assert.same({ sb.endpoints.runtime .. "/cxf/invoices", sb.endpoints.runtime
      .. "/http/orders/new" }, sorted(list, "url"))
    local one = assert(api:endpoints { protocol = "REST" })
    assert.same({ 1, "orders", "REST", "PROD" }, { #one, one[1].flow, one[1].protocol,
      one[1].type })
    assert.equal("invoices", assert(api:endpoints { flow = "invoices" })[1].flow)
  end))
end)

describe("tenant_api:roles and keystore", function()
  it("are read", with(function(api)
    assert.is_true(#assert(api:roles()) > 0)
    local entry = assert(api:keystore())[1]
    assert.is_true(entry.not_after > core.task.now())
    assert.equal("Certificate", entry.type)
  end))
end)
