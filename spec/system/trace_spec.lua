-- Traces over real sockets: from a client of a relay through the outbox to the endpoint.
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"
local process = require "spec.support.process"
local relay = require "spec.support.relay"

local ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
local FINE = ("00-%s-%s-01"):format(ID, PARENT)

-- Trace, parent and flags of what the tenant got.
local function seen(place, number)
  local text = place.received[number].headers.traceparent
  if not text then return nil end
  return text:match "^00%-(%x+)%-(%x+)%-(%x%x)$"
end

local function delivered(place, count)
  process.wait_for("the end of it", function()
    return place.service.box:counts().delivered == count
  end)
end

describe("the trace of a message", function()
  local level
  before_each(function() level = core.log.level "debug" end)
  after_each(function() core.log.level(level) end)

  it("goes on from a relay's client, with a new parent at each attempt, and into each line",
    async(function()
      local place <close> = relay.open { runtime = function(req, n)
          return req:answer(n < 3 and 503 or 200, {}, "")
        end }
      assert.equal(202, place:post { headers = { traceparent = FINE, tracestate = "a=1, b=2" }
        }.status)
      place:wait_received(3)
      delivered(place, 1)
      local parents = { [PARENT] = true }
      for i = 1, 3 do
        local id, parent, flags = seen(place, i)
        assert.same({ ID, "01", "a=1,b=2" }, { id, flags, place.received[i].headers.tracestate })
        assert.is_nil(parents[parent])
        parents[parent] = true
      end
      local count = 0
      for line in place.log():gmatch "[^\n]+" do
        if line:find " id=" then
          count = count + 1
          assert.is_truthy(line:find("trace_id=" .. ID, 1, true), line)
        end
      end
      assert.is_true(count >= 4) -- accepted twice, two retries, delivered
    end))

  it("is kept in the outbox over a restart", async(function()
    local place <close> = relay.open { stopped = true }
    local message = iflow.message.new { body = "x", trace = iflow.trace.parse(FINE, "a=1") }
    local id = assert(iflow.sender "orders":enqueue(message)).id
    local row = place.service.box:show(place.service.box:list { id = id }[1].number)
    assert.same({ traceparent = FINE, tracestate = "a=1" }, row.about.trace)
    assert(place.service:start())
    place:wait_received(1)
    assert.equal(ID, (seen(place, 1)))
  end))

  it("is a new one where the client's is not valid", async(function()
    local place <close> = relay.open()
    for i, text in ipairs { "nonsense", ("00-%s-%s-01"):format(("0"):rep(32), PARENT),
      FINE .. "-more" } do
      place:post { headers = { traceparent = text, tracestate = "a=1" } }
      place:wait_received(i)
      local id = seen(place, i)
      assert.is_truthy(id)
      assert.not_equal(ID, id)
      assert.is_nil(place.received[i].headers.tracestate)
    end
    place:curl("/orders", "-d", "x", "-H", "traceparent: " .. FINE, "-H", "traceparent: " .. FINE)
    place:wait_received(4)
    assert.not_equal(ID, (seen(place, 4)))
  end))

  it("is none where none came, unless the sender makes one", async(function()
    do
      local place <close> = relay.open { relay = { headers = { "*" } } }
      place:post {}
      place:wait_received(1)
      assert.is_nil(seen(place, 1))
    end
    local place <close> = relay.open { sender = { trace = true } }
    place:post {}
    place:wait_received(1)
    assert(iflow.sender "orders":send "y")
    assert(iflow.sender "orders":send(iflow.message.new { body = "z",
      headers = { Traceparent = FINE } }))
    local first, second = seen(place, 1), seen(place, 2)
    assert.is_truthy(first and second and first ~= second)
    assert.equal(ID, (seen(place, 3)))
  end))
end)
