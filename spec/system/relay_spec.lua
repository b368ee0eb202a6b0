-- Relays with true clients: curl, Python's http.client with HTTP/1.0, raw sockets.
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"
local process = require "spec.support.process"
local raw = require "spec.support.raw_client"
local relay = require "spec.support.relay"

local MPL = "AGmEqpWvRKYbKLbQZLuSNb3HAEPh"
local ID = { SAP_ApplicationID = "order-1" }

describe("a relay", function()
  it("answers when the message is durable, and it is delivered", async(function()
    local place <close> = relay.open()
    local got = assert(place:post { body = "one", headers = { ["Content-Type"] = "text/csv",
      SAP_Sender = "legacy", ["X-Correlation-ID"] = "c-1", ["X-Other"] = "no" } })
    assert.equal(202, got.status)
    assert.same({ id = got.headers.sap_applicationid, state = "accepted" }, got.json)
    assert.equal("accepted", got.headers["x-iflow-state"])
    place:wait_received(1)
    local seen = place.received[1]
    assert.same({ "one", "text/csv", "legacy", "c-1", got.json.id }, { seen.body,
      seen.headers["content-type"], seen.headers.sap_sender, seen.headers["x-correlation-id"],
      seen.headers.sap_applicationid })
    assert.is_nil(seen.headers["x-other"])
  end))

  it("takes the id of its client, and knows it when it comes again", async(function()
    local place <close> = relay.open()
    local first = assert(place:post { body = "one", headers = ID })
    place:wait_received(1)
    process.wait_for("the end of it", function()
      return place.service.box:counts().delivered == 1
    end)
    local second = assert(place:post { body = "one", headers = ID })
    assert.same({ 202, 200 }, { first.status, second.status })
    assert.same({ id = "order-1", state = "known", outbox = "delivered" }, second.json)
    assert.equal("order-1", place.received[1].headers.sap_applicationid)
    assert.equal(1, place.fake.calls)
    local status = place.service:status().triggers[1]
    assert.same({ 1, 1 }, { status.accepted, status.known })
  end))

  it("hands on the parameters that it is told to", async(function()
    local place <close> = relay.open { relay = { query = { plant = "X-Plant" } } }
    assert.equal(202, place:post { path = "/orders?plant=1000&other=2" }.status)
    place:wait_received(1)
    assert.equal("1000", place.received[1].headers["x-plant"])
    assert.equal("/http/orders", place.received[1].target)
  end))

  it("takes a large body in chunks through a file that does not stay", async(function()
    local place <close> = relay.open { relay = { max_body = 8000000 } }
    local body = core.crypto.random(1000000):rep(5)
    place.dir:write("large", body)
    local got = place:curl("/orders", "-H", "Transfer-Encoding: chunked", "--data-binary",
      "@" .. place.dir:file "large")
    assert.equal(202, got.status)
    place:wait_received(1)
    assert.is_true(body == place.received[1].body)
    local directory = place:running().listener.directory
    assert.same({}, core.file.list(directory))
  end))

  it("chooses the sender by a function of the request", async(function()
    local place <close> = relay.open { relay = { sender = function(request)
      if request.query.kind == "bad" then return iflow.reject "there is no such kind" end
      if request.query.kind == "broken" then error "oops" end
      if request.headers["x-api-key"] then error "a secret is shown" end
      return request.query.kind
    end } }
    assert.equal(202, place:post { path = "/orders?kind=orders",
      headers = { ["X-API-Key"] = "k", ["X-More"] = "m" } }.status)
    local bad = place:post { path = "/orders?kind=bad" }
    assert.same({ 422, "there is no such kind" }, { bad.status, bad.json.message })
    assert.equal(500, place:post { path = "/orders?kind=nothing" }.status)
    assert.equal(500, place:post { path = "/orders?kind=broken" }.status)
    assert.is_truthy(place.log():find("oops", 1, true))
  end))

  it("shares its address with others", async(function()
    local place <close> = relay.open { more = { { path = "/stock", sender = "orders" } } }
    assert.equal(202, place:post { path = "/orders" }.status)
    assert.equal(202, place:post { path = "/sto%63k" }.status)
    assert.equal(404, place:post { path = "/orders/" }.status)
    assert.equal(2, #place.service:status().triggers)
  end))
end)

describe("a relay refuses", function()
  it("what does not fit its path, method or length", async(function()
    local place <close> = relay.open { relay = { max_body = 10 } }
    assert.equal(404, place:post { path = "/nothing" }.status)
    assert.equal(400, place:post { path = "/orders?x=%zz" }.status)
    assert.equal(415, place:post { headers = { ["Content-Encoding"] = "gzip" } }.status)
    local got = place:post { method = "PUT" }
    assert.same({ 405, "POST" }, { got.status, got.headers.allow })
    assert.equal(413, place:post { body = ("x"):rep(11) }.status)
    assert.equal(202, place:post { body = ("x"):rep(10) }.status)
    assert.equal(411, place:curl("/orders", "-X", "POST").status)
    assert.equal(202, place:curl("/orders", "-X", "POST", "-H", "Content-Length: 0").status)
    assert.equal(413, place:curl("/orders", "-H", "Transfer-Encoding: chunked", "-d",
      ("y"):rep(11)).status)
    local long = { SAP_ApplicationID = ("i"):rep(201) }
    assert.equal(400, place:post { headers = long }.status)
    assert.equal(400, place:post { headers = { SAP_Sender = "\xff" } }.status)
    assert.equal(431, place:post { headers = { SAP_Sender = ("s"):rep(65536) } }.status)
    local counts = place.service.box:counts()
    assert.equal(2, counts.messages + counts.delivered)
  end))

  it("a body that is too large before it is sent", async(function()
    local place <close> = relay.open { relay = { max_body = 10 } }
    place.dir:write("large", ("x"):rep(100000))
    local got = place:curl("/orders", "-H", "Expect: 100-continue", "--data-binary",
      "@" .. place.dir:file "large")
    assert.equal(413, got.status)
    assert.is_nil(got.head:find("100 Continue", 1, true))
  end))

  it("a payload that a transform rejects, with the reason", async(function()
    local place <close> = relay.open { sender = { transform = {
      iflow.transform.json {}, iflow.transform.validate { fields = { qty = { type = "integer" } } },
      iflow.transform.to_json {} } } }
    local got = place:post { body = '{"qty": "many"}' }
    assert.equal(422, got.status)
    assert.equal("string", type(got.json.message))
    assert.equal(422, place:post { body = "{" }.status)
    assert.equal(0, place.service.box:counts().messages)
    assert.equal(202, place:post { body = '{"qty": 5}' }.status)
  end))

  it("nothing of a body whose other records are fine", async(function()
    local place <close> = relay.open { sender = { transform = { iflow.transform.csv {},
      iflow.transform.map { convert = { qty = "integer" } }, iflow.transform.to_json {} } } }
    local got = place:post { body = "qty\n1\nx\n3\n", headers = ID }
    assert.equal(202, got.status)
    assert.same({ "accepted", 2, 1 }, { got.json.state, got.json.count, got.json.rejected })
    place:wait_received(2)
    local again = place:post { body = "qty\n1\nx\n3\n", headers = ID }
    assert.same({ 200, "known" }, { again.status, again.json.state })
    assert.equal(422, place:post { body = "qty\nx\ny\n", headers = { SAP_ApplicationID = "2" } }
      .status)
  end))

  it("messages that the outbox has no room for, and says when to come again", async(function()
    local place <close> = relay.open { outbox = { max_messages = 1 },
      runtime = function(req) return req:answer(503, { ["Retry-After"] = "60" }, "") end }
    assert.equal(202, place:post {}.status)
    local got = place:post {}
    assert.same({ 503, "outbox.full" }, { got.status, got.json.error })
    assert.is_true(tonumber(got.headers["retry-after"]) >= 1)
  end))

  it("more than its rate", async(function()
    local place <close> = relay.open { relay = { rate = 0.01 } }
    assert.equal(202, place:post {}.status)
    local got = place:post {}
    assert.equal(429, got.status)
    assert.is_truthy(got.headers["retry-after"])
  end))

  it("more connections than it may have", async(function()
    local place <close> = relay.open { relay = { max_connections = 1 } }
    assert.equal("202 none", raw(place.port, [[
first, second = connect(), connect()
first.sendall(b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
              b"Connection: close\r\n\r\nx")
print(statuses(rest(first)), "none" if rest(second) in (b"", b"RESET") else "some")
]]))
  end))

  it("more requests at once than it may have", async(function()
    local open = false
    local place <close> = relay.open { relay = { concurrency = 1, wait = true },
      runtime = function(req)
        process.wait_for("the other request", function() return open end)
        return req:answer(200, nil, "done")
      end }
    local first = core.task.spawn(place.post, place, {})
    process.wait_for("the first", function() return #place.received == 1 end)
    local got = place:post {}
    assert.same({ 503, "busy" }, { got.status, got.json.error })
    assert.is_truthy(got.headers["retry-after"])
    open = true
    assert.equal("done", first:join().body)
  end))
end)

describe("a relay that waits", function()
  local function open(runtime, more)
    local options = { relay = { wait = true }, runtime = runtime }
    for name, value in pairs(more or {}) do options[name] = value end
    return relay.open(options)
  end

  it("passes the iFlow's answer on", async(function()
    local place <close> = open(function(req, _, body)
      return req:answer(201, { ["Content-Type"] = "text/x-reply", ["X-Own"] = "no",
        SAP_MessageProcessingLogID = MPL }, "got " .. body)
    end)
    local got = place:post { body = "one", headers = ID }
    assert.same({ 201, "got one", "text/x-reply", MPL, "order-1", "delivered" }, { got.status,
      got.body, got.headers["content-type"], got.headers.sap_messageprocessinglogid,
      got.headers.sap_applicationid, got.headers["x-iflow-state"] })
    assert.is_nil(got.headers["x-own"])
    local again = place:post { body = "one", headers = ID }
    assert.same({ 200, "known", "delivered" }, { again.status, again.json.state,
      again.json.outbox })
  end))

  it("passes on what the tenant says when it rejects", async(function()
    local place <close> = open(function(req)
      return req:answer(400, { ["Content-Type"] = "text/plain" }, "quantity is missing")
    end)
    local got = place:post {}
    assert.same({ 400, "quantity is missing", "rejected" }, { got.status, got.body,
      got.headers["x-iflow-state"] })
  end))

  it("says 202 when there is no answer in time", async(function()
    local place <close> = open(function(req)
      return req:answer(503, { ["Retry-After"] = "60" }, "")
    end, { relay = { wait = "0.5s" } })
    local got = place:post { headers = ID }
    assert.equal(202, got.status)
    assert.same({ id = "order-1", state = "accepted" }, got.json)
  end))

  it("says 504 when nobody knows, and that the message is kept", async(function()
    local place <close> = open(function(req) return req:abort() end)
    local got = place:post { headers = ID }
    assert.equal(504, got.status)
    assert.same({ "order-1", "in_doubt", true }, { got.json.id, got.json.state,
      got.json.durable })
  end))

  it("says 502 when the retries are used up, and that the message is kept", async(function()
    local place <close> = open(function(req) return req:answer(502, nil, "") end,
      { sender = { idempotent = true } })
    local got = place:post { headers = ID }
    assert.equal(502, got.status)
    assert.same({ "order-1", "rejected", true, 502 }, { got.json.id, got.json.state,
      got.json.durable, got.json.status })
  end))

  it("finds the answer also where transforms or functions make the id", async(function()
    local ids = 0
    for _, sender in ipairs {
      { transform = { iflow.transform.lines {} } },
      { message_id = function() ids = ids + 1 return "own-" .. ids end },
    } do
      local place <close> = open(nil, { sender = sender })
      local got = place:post { body = "one" }
      assert.same({ 200, "ok", "delivered" }, { got.status, got.body,
        got.headers["x-iflow-state"] })
    end
    assert.equal(1, ids)
  end))
end)

describe("a relay and old clients", function()
  it("serves HTTP/1.0, with and without keep-alive", async(function()
    local place <close> = relay.open()
    local out = raw(place.port, [[
sock = connect()
head = b"POST /orders HTTP/1.0\r\nContent-Length: 3\r\n"
sock.sendall(head + b"Connection: keep-alive\r\n\r\none")
first = until(sock, b"}\n")
sock.sendall(head + b"\r\ntwo")
print(statuses(first + rest(sock)))
]])
    assert.equal("202 202", out)
    place:wait_received(2)
    local python = process.run { "python3", "-c", [[
import http.client, sys
http.client.HTTPConnection._http_vsn, http.client.HTTPConnection._http_vsn_str = 10, "HTTP/1.0"
for body in ("three", "four"):
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
    connection.request("POST", "/orders", body)
    answer = connection.getresponse()
    print(answer.status, len(answer.read()) > 0)
]], tostring(place.port) }
    assert.equal("202 True\n202 True\n", python.out)
    place:wait_received(4)
    local bodies = {}
    for i, seen in ipairs(place.received) do bodies[i] = seen.body end
    table.sort(bodies)
    assert.same({ "four", "one", "three", "two" }, bodies)
  end))

  it("does not take a body without an end for an empty one", async(function()
    local place <close> = relay.open()
    assert.equal("411", raw(place.port, [[
print(statuses(ask(b"POST /orders HTTP/1.0\r\n\r\nall until I close")))]]))
    assert.equal(0, place.service.box:counts().messages)
  end))

  it("stores nothing of a body that breaks off", async(function()
    local place <close> = relay.open()
    raw(place.port, [[
sock = connect()
sock.sendall(b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf")
reset(sock)
]])
    process.wait_for("the end of the request", function()
      return place:running().route.in_flight == 0
    end)
    assert.equal(202, place:post {}.status)
    place:wait_received(1)
    assert.same({ "x", 1 }, { place.received[1].body, #place.received })
  end))

  it("gives up on a body that does not go on", async(function()
    local place <close> = relay.open { relay = { body_gap = "0.5s" } }
    assert.equal("408", raw(place.port, [[
sock = connect()
sock.sendall(b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf")
print(statuses(rest(sock)))]]))
  end))
end)

describe("a relay that stops", function()
  local HALF = [[
import threading
sock = connect()
sock.sendall(b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nhalf")
]]

  it("finishes what it is reading, and takes nothing new", async(function()
    local place <close> = relay.open()
    local path = place.dir:file "go"
    local client <close> = process.start { "python3", "spec/support/raw_client.py",
      tostring(place.port), HALF .. ([[
import os
while not os.path.exists(%q): time.sleep(0.05)
sock.sendall(b"more")
print(statuses(rest(sock)))
]]):format(path) }
    process.wait_for("the request", function() return place:running().route.in_flight == 1 end)
    local stop = core.task.spawn(place.service.stop, place.service, 30)
    process.wait_for("the stop", function() return place:running().route.stopping end)
    local got = place:post {}
    assert.same({ 503, "stopping" }, { got.status, got.json.error })
    place.dir:write("go", "")
    assert.equal("202\n", client:wait().out)
    stop:join()
    assert.is_nil((place:post {}))
    local box <close> = assert(iflow.outbox.open { path = place.dir:file "outbox.db" })
    local counts = box:counts()
    assert.equal(1, counts.delivered + counts.messages)
  end))

  it("does not wait longer than it may", async(function()
    local place <close> = relay.open()
    local client <close> = process.start { "python3", "spec/support/raw_client.py",
      tostring(place.port), HALF .. "print(statuses(rest(sock)))" }
    process.wait_for("the request", function() return place:running().route.in_flight == 1 end)
    place.service:stop(0.5)
    assert.is_nil(client:wait().out:find "202")
    local box <close> = assert(iflow.outbox.open { path = place.dir:file "outbox.db" })
    assert.equal(0, box:counts().messages)
  end))

  it("tells those who wait for an iFlow that their message is durable", async(function()
    local place <close> = relay.open { relay = { wait = true }, runtime = function(req)
      return req:answer(503, { ["Retry-After"] = "600" }, "")
    end }
    local waiting = core.task.spawn(place.post, place, { headers = ID })
    place:wait_received(1)
    place.service:stop(1)
    local got = waiting:join()
    assert.same({ 202, "order-1" }, { got.status, got.json.id })
  end))

  it("does not start where somebody listens, and leaves nothing", async(function()
    local place <close> = relay.open()
    local other <close> = relay.open { stopped = true,
      relay = { listen = "127.0.0.1:" .. place.port } }
    local ok, err = other.service:start()
    assert.same({ nil, "system.failed" }, { ok, err.code })
    assert.is_truthy(err.message:find("127.0.0.1:" .. place.port, 1, true))
  end))
end)
