local answers = require "iflow.service.relay.answers"
local iflow = require "iflow"
local json = require "iflow.json"
local raises = require "spec.support.raises"
local registry = require "iflow.registry"
local requests = require "iflow.service.relay.request"

local function define(over)
  local options = { path = "/orders", sender = "orders" }
  for key, value in pairs(over or {}) do options[key] = value end
  return iflow.relay(options)
end

describe("iflow.relay", function()
  local before

  before_each(function() before = registry.install(registry.new()) end)
  after_each(function() registry.install(before) end)

  it("defines a trigger, with defaults", function()
    local relay = define()
    assert.same({ relay }, registry.current().triggers)
    assert.equal("relay", relay.kind)
    assert.equal("127.0.0.1:8080/orders", relay.name)
    assert.equal("iflow.relay: 127.0.0.1:8080/orders", tostring(relay))
    assert.is_truthy(relay.place:find "^spec/unit/lua/relay_spec.lua:%d+$")
    local o = relay.options
    assert.same({ host = "127.0.0.1", port = 8080, text = "127.0.0.1:8080", loopback = true,
      any = false }, o.address)
    assert.same({ false, 10 * 1024 * 1024, 256 }, { o.wait, o.max_body, o.concurrency })
    assert.same({ "SAP_*", "X-Correlation-ID" }, o.headers)
  end)

  it("takes addresses with names, numbers and ports", function()
    for listen, text in pairs {
      ["localhost:0"] = "127.0.0.1:0", ["[::1]:81"] = "[::1]:81", ["127.9.9.9:5"] = "127.9.9.9:5",
      [8081] = "127.0.0.1:8081",
    } do
      local address = define { listen = listen }.options.address
      assert.equal(text, address.text)
      assert.is_true(address.loopback)
    end
  end)

  it("waits a minute, or as long as it is told", function()
    assert.equal(60, define { wait = true }.options.wait)
    assert.equal(30, define { wait = "30s", path = "/b" }.options.wait)
    assert.equal(5, define { wait = 5, path = "/c" }.options.wait)
  end)

  it("checks its options at the line that writes them", function()
    for text, over in pairs {
      ["unknown option 'pth', did you mean 'path'?"] = { pth = "/a" },
      ["option 'path' must be a path"] = { path = "orders" },
      ["option 'path' must be"] = { path = "/orders?x=1" },
      ["option 'sender' must be"] = { sender = 5 },
      ["option 'listen': \"8080\""] = { listen = "8080" },
      ["option 'listen': \"example.com:80\""] = { listen = "example.com:80" },
      ["option 'listen': \"127.0.0.256:1\""] = { listen = "127.0.0.256:1" },
      ["option 'listen': \"127.0.0.1:65536\""] = { listen = "127.0.0.1:65536" },
      ["option 'path' must be a path, such as"] = { path = "/a%20b" },
      ["option 'wait' must be less than 'total_timeout'"] = { wait = 30, total_timeout = "30s" },
      ["option 'name' must be"] = { name = "" },
      ["option 'wait'"] = { wait = "soon" },
      ["option 'wait' is longer than 0"] = { wait = 0 },
      ["at most 1 h"] = { wait = "2h" },
      ["option 'max_body' must be"] = { max_body = 0 },
      ["option 'rate' must be"] = { rate = 0 },
      ["option 'concurrency' must be"] = { concurrency = 0 },
      ["option 'max_connections' must be"] = { max_connections = 0 },
      ["option 'body_gap'"] = { body_gap = "never" },
      ["option 'headers' must be a list of texts"] = { headers = { "A", 5 } },
      ["option 'hosts' must be a list of texts"] = { hosts = { name = "a" } },
      ["is no origin"] = { origins = { "intranet.example" } },
      ["option 'origins': \"*\" is no origin"] = { origins = { "*" } },
      ["option 'query' is a table"] = { query = { "plant" } },
      ["option 'query' is"] = { query = { plant = "X Plant" } },
      ["option 'api_key_file' names no file"] = { api_key_file = {} },
      ["option 'key' needs 'cert'"] = { key = "a.key" },
      ["option 'pass_file' needs 'cert'"] = { pass_file = "a.pass" },
      ["option 'client_ca' needs 'cert'"] = { client_ca = "ca.pem" },
      ["option 'subjects' needs 'client_ca'"] = { subjects = { "CN=a" } },
    } do
      raises(text, function()
        local options = { path = "/orders", sender = "orders" }
        for key, value in pairs(over) do options[key] = value end
        iflow.relay(options)
      end)
      assert.same({}, registry.current().triggers)
    end
    raises("option 'path' is missing", function() iflow.relay { sender = "orders" } end)
    raises("option 'sender' is missing", function() iflow.relay { path = "/orders" } end)
    raises("a relay is defined by a table", function() iflow.relay "orders" end)
  end)

  it("refuses addresses that others can reach, unless it is HTTPS and knows its clients", function()
    for _, listen in ipairs { "0.0.0.0:8443", "192.168.1.5:8443", "[::]:8443" } do
      raises("set 'cert'", function()
        iflow.relay { listen = listen, path = "/a", sender = "s" }
      end)
      raises("set 'cert'", function()
        iflow.relay { listen = listen, path = "/a", sender = "s", api_key_file = "k" }
      end)
      raises("set 'api_key_file' or 'client_ca'", function()
        iflow.relay { listen = listen, path = "/a", sender = "s", cert = "c", key = "k" }
      end)
      define { listen = listen, path = "/a", cert = "c", key = "k", api_key_file = "k" }
      registry.install(registry.new())
      define { listen = listen, path = "/a", cert = "c", key = "k", client_ca = "ca" }
      registry.install(registry.new())
    end
  end)

  it("shares an address: its first relay says what belongs to the address", function()
    define { cert = "c", key = "k", client_ca = "ca", max_connections = 7, body_gap = "3s" }
    local other = define { path = "/stock" }.options
    assert.same({ "c", "k", "ca", 7, 3 }, { other.cert, other.key, other.client_ca,
      other.max_connections, other.body_gap })
    define { path = "/same", cert = "c", body_gap = 3 }
    raises("option 'cert' belongs to the address", function()
      iflow.relay { path = "/third", sender = "orders", cert = "other" }
    end)
    raises("option 'idle_timeout' belongs to the address", function()
      iflow.relay { path = "/third", sender = "orders", idle_timeout = 5 }
    end)
    raises("is taken by the relay at", function()
      iflow.relay { path = "/stock", sender = "orders", name = "again" }
    end)
    raises("is defined twice", function()
      iflow.relay { path = "/else", sender = "orders", name = "127.0.0.1:8080/stock" }
    end)
    assert.is_nil(define { listen = 8081 }.options.cert)
  end)
end)

describe("a request of a relay", function()
  local function of(target, headers)
    headers = headers or {}
    headers.raw = headers.raw or {}
    return requests.of { target = target, headers = headers, method = "POST", peer = "p" }
  end

  it("has path and query decoded", function()
    local request = of "/a%20b?x=1&y=%C3%A4+z&x=2&flag"
    assert.equal("/a b", request.path)
    assert.same({ x = "1", y = "ä z", flag = "" }, request.query)
    assert.is_nil(of("/a%2").path)
    assert.is_nil(of("/a?x=%zz").query)
  end)

  it("knows the name in a Host field", function()
    for field, name in pairs { ["LOCALHOST:80"] = "localhost", ["[::1]:80"] = "::1", ["a."] = "a",
      ["127.0.0.1"] = "127.0.0.1" } do
      assert.equal(name, requests.host_name(field))
    end
  end)

  it("hands on the headers that patterns name, and never some", function()
    local raw = { { "SAP_Sender", "a" }, { "sap_receiver", "b" }, { "X-Other", "c" },
      { "Authorization", "Bearer k" }, { "X-API-Key", "k" }, { "Host", "h" }, { "Cookie", "c" },
      { "Content-Length", "5" }, { "SAP_Sender", "z" } }
    local headers = { raw = raw, sap_sender = "a, z", sap_receiver = "b", ["x-other"] = "c",
      authorization = "Bearer k", ["x-api-key"] = "k", host = "h", cookie = "c",
      ["content-length"] = "5" }
    local request = of("/?plant=1000&none", headers)
    assert.same({ SAP_Sender = "a, z", sap_receiver = "b" },
      requests.forwarded(request, requests.matcher { "SAP_*" }, {}))
    local all = { SAP_Sender = "a, z", sap_receiver = "b", ["X-Other"] = "c", ["X-Plant"] = "1000" }
    assert.same(all, requests.forwarded(request, requests.matcher { "*" },
      { plant = "X-Plant", no = "X-No" }))
    assert.same({}, requests.forwarded(request, requests.matcher { "SAP.*", "x-o.her" }, {}))
    assert.same({ ["SAP_Receiver"] = "b", ["x-OTHER"] = "c" },
      requests.forwarded(request, requests.matcher { "SAP_Receiver", "x-OTHER" }, {}))
    local twice = { raw = { { "X-A", "1" }, { "x-a", "2" } }, ["x-a"] = "1, 2" }
    assert.same({ ["X-A"] = "1, 2" }, requests.forwarded(of("/", twice), requests.matcher { "*" },
      {}))
    local none, name = requests.forwarded(of("/", { raw = { { "A", "\xff" } }, a = "\xff" }),
      requests.matcher { "A" }, {})
    assert.same({ nil, "A" }, { none, name })
  end)
end)

describe("an answer of a relay", function()
  local function failed(fields)
    local err = iflow.error { code = fields.code, message = "why" }
    err.outcome = fields.outcome
    local answer = answers.failed(err)
    return answer.status, answer.headers["Retry-After"], json.decode(answer.body)
  end

  it("tells who should come again, and who must mend something", function()
    for code, expected in pairs {
      ["outbox.full"] = { 503, "10" }, ["outbox.disk_full"] = { 503, "60" },
      ["outbox.read_only"] = { 503, "10" }, ["outbox.corrupt"] = { 503, "10" },
      ["file.io"] = { 503, "10" }, ["object.closed"] = { 503, "10" },
      ["transform.failed"] = { 422 }, ["message.rejected"] = { 422 }, ["limit.exceeded"] = { 413 },
      ["usage.invalid"] = { 500 },
    } do
      local status, later, body = failed { code = code }
      assert.same({ code, expected }, { code, { status, later } })
      assert.equal(code, body.error)
    end
    assert.equal(422, (failed { code = "script.failed", outcome = "rejected" }))
  end)

  it("is JSON whatever it quotes", function()
    local answer = answers.refuse(422, "transform.failed", "a \xff b")
    assert.equal("a ? b", json.decode(answer.body).message)
    local durable = answers.durable({ id = "\xff", state = "accepted", count = 1, known = 0,
      rejected = 0 }, "SAP_ApplicationID")
    assert.equal("?", json.decode(durable.body).id)
  end)

  it("counts what became of several messages", function()
    local function of(fields)
      local answer = answers.durable(fields, "SAP_ApplicationID")
      local body = json.decode(answer.body)
      return { answer.status, body.state, body.count, body.known, body.rejected }
    end
    assert.same({ 202, "accepted" }, of { id = "1", state = "accepted", count = 1, known = 0,
      rejected = 0 })
    assert.same({ 202, "accepted", 3, 1, 2 }, of { id = "1", state = "rejected", count = 3,
      known = 1, rejected = 2 })
    assert.same({ 200, "known", 2, 2 }, of { id = "1", state = "known", count = 2, known = 2,
      rejected = 0 })
    assert.same({ 422, "rejected", 0, 0, 2 }, of { id = "1", state = "rejected", count = 0,
      known = 0, rejected = 2 })
    assert.same({ 200, "skipped" }, of { state = "skipped", count = 0, known = 0, rejected = 0 })
  end)

  it("never has a 5xx for a message that is kept without saying so", function()
    for outcome, status in pairs { in_doubt = 504, retryable = 502 } do
      local err = iflow.error { code = "call.in_doubt", message = "why" }
      err.outcome = outcome
      local answer = answers.ended(err, "1", "SAP_ApplicationID")
      assert.equal(status, answer.status)
      assert.is_true(json.decode(answer.body).durable)
    end
    assert.is_nil(answers.ended(iflow.error { code = "task.timeout", message = "why" }, "1", "ID"))
  end)
end)
