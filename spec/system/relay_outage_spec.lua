-- A legacy client that speaks nothing but plain HTTP posts its orders to `iflow serve` while the
-- tenant is down: all arrive after it is back, each once, the orders of a customer in their order.
-- And what it is told when the disk is full, and what a large body costs.
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"
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
  -- The tenant may be back a moment before its flow is.
  retry = iflow.retry { first = "500ms", max = "5s", attempts = 20,
    on = { 404, 429, "5xx", "connect", "timeout", "token.unavailable" } },
  order_by = function(msg) return msg.id:match "^[^-]+" end,
}
iflow.relay { listen = "127.0.0.1:%d", path = "/orders", sender = "orders", max_body = 1 << 30 }
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

-- A service whose tenant is nowhere, started by the words in front of it.
local function serve_alone(dir, port, ...)
  local nowhere = "http://127.0.0.1:9"
  dir:write("key.json", assert(json.encode { oauth = { clientid = "sb-1!b2|it-rt-acme!b3",
    clientsecret = "s3cret", url = nowhere, tokenurl = nowhere .. "/oauth/token",
    createdate = "2026-05-04T08:00:00.000Z" } }))
  dir:write("orders.lua", (SCRIPT:gsub("cacert = %%q, ", "")):format(dir:file "key.json",
    port))
  local words = { ... }
  -- What a kill leaves goes with the directory; what is freed counts as free for sanitizers, too.
  words.env = { TMPDIR = dir.path,
    ASAN_OPTIONS = (os.getenv "ASAN_OPTIONS" or "") .. ":quarantine_size_mb=1" }
  for _, word in ipairs { process.iflow, "serve", dir:file "orders.lua", "--outbox",
    dir:file "outbox.db" } do
    words[#words + 1] = word
  end
  local service = process.start(words)
  process.wait_port(port, service)
  return service
end

-- Its files cannot grow beyond so many KiB.
local function serve_on_full_disk(dir, port, kib)
  return serve_alone(dir, port, "sh", "-c", "ulimit -f $1; shift; exec \"$@\"", "sh",
    tostring(kib * 2))
end

-- Posts bodies of that size until one is not taken: how many were, and the answer that refused.
local function post_until_refused(port, bytes)
  for taken = 0, 1000 do
    local answer = assert(core.http.request { url = ("http://127.0.0.1:%d/orders"):format(port),
      method = "POST", body = ("x"):rep(bytes), proxy = "" })
    if answer.status ~= 202 then return taken, answer end
  end
end

describe("the relay on a full disk", function()
  it("asks its clients to come again, and loses nothing that it took", async(function()
    local dir <close> = process.tempdir()
    local port = process.free_port()
    local service <close> = serve_on_full_disk(dir, port, 2048)
    local taken, answer = post_until_refused(port, 50000)
    assert.same({ 503, "60" }, { answer.status, answer.headers["retry-after"] })
    assert.equal("outbox.disk_full", json.decode(answer.body).error)
    local none
    none, answer = post_until_refused(port, 3000000) -- in a file of its own first
    assert.same({ 0, 503 }, { none, answer.status })
    service:signal "KILL"
    service:wait()
    local box <close> = assert(iflow.outbox.open { path = dir:file "outbox.db" })
    assert.is_true(taken > 5)
    assert.equal(taken, box:counts().messages)
  end))
end)

describe("the relay and a large body", function()
  local MIB = size.of(64, 512)

  local function peak_of(service) -- KiB
    local status = assert(process.read(("/proc/%d/status"):format(service.pid)))
    return tonumber(status:match "VmHWM:%s*(%d+) kB")
  end

  it("keeps it on disk, not in memory", async(function()
    local dir <close> = process.tempdir()
    local port = process.free_port()
    local service <close> = serve_alone(dir, port)
    local before = peak_of(service)
    local file = dir:file "large"
    assert(os.execute(("truncate -s %dM %s"):format(MIB, process.quote(file))))
    local result = process.run { "curl", "-sS", "-X", "POST", "-T", file, "-H", "Expect:",
      "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "300",
      ("http://127.0.0.1:%d/orders"):format(port), timeout = 310 }
    assert.equal("202", result.out, result.err)
    assert.is_true(peak_of(service) - before < MIB * 1024 / 4)
    service:signal "TERM"
    assert.equal(0, service:wait().code)
    local box <close> = assert(iflow.outbox.open { path = dir:file "outbox.db" })
    assert.equal(MIB << 20, box:list({})[1].size)
  end, { limit = 400 }))
end)
