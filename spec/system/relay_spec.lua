-- Relays with true clients: curl, Python's http.client with HTTP/1.0, raw sockets.
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"
local process = require "spec.support.process"
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
      return request.query.kind
    end } }
    assert.equal(202, place:post { path = "/orders?kind=orders" }.status)
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
    assert.equal(2, place.service.box:counts().messages + place.service.box:counts().delivered)
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
