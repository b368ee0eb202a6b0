-- A legacy client that speaks nothing but plain HTTP posts its orders to `iflow serve` while the
-- tenant is down: all arrive after it is back, each once, the orders of a customer in their order.
local async = require "spec.support.async"
local core = require "iflow.core"
local json = require "iflow.json"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"
local size = require "spec.support.size"

local COUNT = size.of(500, 10000)
local DOWN = size.of(3, 60) -- seconds
local LIMIT = size.of(120, 900)

local SCRIPT = [[
local iflow = require "iflow"
iflow.sender "orders" {
  service_key = %q, cacert = %q, to = "/http/orders", token_cache = false,
  retry = iflow.retry { first = "500ms", max = "5s", attempts = 20 },
  order_by = function(msg) return msg.body:match "^%%S+" end,
}
iflow.relay { listen = "127.0.0.1:%d", path = "/orders", sender = "orders" }
]]

-- The tenant writes down what arrives.
local function start_tenant(dir, port, arrived)
  local sb = sandbox.start { dir = dir:file "tenant", port = port,
    settings = { token_rate = 0, log_size = 2 * COUNT } }
  assert(sb:deploy { name = "orders", address = "/orders", csrf = false,
    allowed_headers = "SAP_ApplicationID", process = function(exchange)
      arrived[#arrived + 1] = { exchange:header "SAP_ApplicationID", exchange.body }
      return 200, {}, ""
    end })
  return sb
end

-- Makes the tenant and its key, and takes it down: its port.
local function prepare(dir)
  local sb <close> = start_tenant(dir, 0, {})
  dir:write("key.json", assert(json.encode((sandbox.key(sb, "secret",
    { roles = { "ESBMessaging.send" } })))))
  return tonumber(sb.endpoints.token:match ":(%d+)")
end

local function serve(dir, port)
  dir:write("orders.lua", SCRIPT:format(dir:file "key.json", dir:file "tenant/ca.pem", port))
  local service = process.start { process.iflow, "serve", dir:file "orders.lua", "--outbox",
    dir:file "outbox.db" }
  process.wait_port(port, service)
  return service
end

-- Each once, and the orders of a customer in their order.
local function check(arrived)
  local last, seen = {}, {}
  for _, order in ipairs(arrived) do
    local id, body = order[1], order[2]
    assert.is_nil(seen[id], id)
    seen[id] = true
    local customer, number = body:match "^(%S+) (%d+)$"
    assert.equal(customer .. "-" .. number, id)
    assert.equal((last[customer] or 0) + 1, tonumber(number), customer)
    last[customer] = tonumber(number)
  end
  assert.equal(COUNT, #arrived)
end

describe("the relay while the tenant is down", function()
  it("takes all that a legacy client posts, and delivers it afterwards", async(function()
    local dir <close> = process.tempdir()
    local tenant_port, port = prepare(dir), process.free_port()
    local service <close> = serve(dir, port)
    local down = core.task.monotonic()
    local client <close> = process.start { "python3", "spec/support/legacy_client.py",
      tostring(port), tostring(COUNT) }
    local result = client:wait(LIMIT)
    assert.same({ 0, "" }, { result.code, result.err })
    assert.equal(COUNT, json.decode(result.out)["202"])
    while core.task.monotonic() - down < DOWN do process.pause() end

    local arrived = {}
    local sb <close> = start_tenant(dir, tenant_port, arrived)
    process.wait_for("all orders to arrive", function() return #arrived >= COUNT end, LIMIT)
    service:signal "TERM"
    assert.equal(0, service:wait().code)
    check(arrived)
    assert.equal(COUNT, #sb:log())
  end, { limit = LIMIT * 2 }))
end)
