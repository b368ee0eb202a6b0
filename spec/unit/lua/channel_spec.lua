local async = require "spec.support.async"
local iflow = require "iflow"

local function collect(ch)
  local values = {}
  for value in ch:values() do values[#values + 1] = value end
  return values
end

describe("iflow.channel", function()
  for _, capacity in ipairs { 0, 1, 3, 100 } do
    it("keeps the order with capacity " .. capacity, async(function()
      local ch = iflow.channel(capacity)
      iflow.spawn(function()
        for i = 1, 50 do
          assert.is_true(ch:send(i))
          assert.is_true(#ch <= capacity)
        end
        ch:close()
      end)
      local values = collect(ch)
      for i = 1, 50 do assert.equal(i, values[i]) end
      assert.equal(50, #values)
    end))
  end

  it("makes the sender wait when it is full", async(function()
    local ch = iflow.channel(2)
    assert.is_true(ch:send(1))
    assert.is_true(ch:send(2))
    local ok, err = ch:send(3, 0.005)
    assert.is_nil(ok)
    assert.equal("task.timeout", err.code)
    assert.same({ 1, 2 }, { ch:receive(), ch:receive() })
    assert.equal("task.timeout", select(2, ch:receive(0.005)).code)
  end))

  it("carries false, and refuses nil", async(function()
    local ch = iflow.channel(1)
    ch:send(false)
    assert.is_false(ch:receive())
    assert.error_matches(function() ch:send(nil) end, "cannot carry nil")
  end))

  it("gives what is inside after close, then the end", async(function()
    local ch = iflow.channel(5)
    ch:send "a"
    ch:close()
    ch:close()
    local ok, err = ch:send "b"
    assert.is_nil(ok)
    assert.equal("channel.closed", err.code)
    assert.equal("a", ch:receive())
    assert.equal("channel.closed", select(2, ch:receive()).code)
    assert.same({}, collect(ch))
  end))

  it("wakes everybody who waits when it is closed", async(function()
    local full, empty = iflow.channel(), iflow.channel()
    local waiting = {
      iflow.spawn(full.send, full, 1), iflow.spawn(full.send, full, 2),
      iflow.spawn(empty.receive, empty), iflow.spawn(empty.receive, empty),
    }
    iflow.sleep(0)
    full:close()
    empty:close()
    for _, t in ipairs(waiting) do
      local value, err = t:join()
      assert.is_nil(value)
      assert.equal("channel.closed", err.code)
    end
  end))

  it("serves those who wait in their order", async(function()
    local ch, got = iflow.channel(), {}
    for i = 1, 3 do
      iflow.spawn(function() got[i] = ch:receive() end)
    end
    iflow.sleep(0)
    for i = 1, 3 do ch:send(i) end
    iflow.sleep(0)
    assert.same({ 1, 2, 3 }, got)
  end))

  it("loses no value to a receiver that is cancelled", async(function()
    local ch = iflow.channel()
    local gone = iflow.spawn(ch.receive, ch)
    iflow.sleep(0)
    gone:cancel()
    iflow.spawn(ch.send, ch, "value")
    assert.equal("value", ch:receive())
  end))

  it("takes no value from a sender that is cancelled", async(function()
    local ch = iflow.channel()
    local gone = iflow.spawn(ch.send, ch, "never")
    iflow.sleep(0)
    gone:cancel()
    iflow.sleep(0)
    assert.equal("task.timeout", select(2, ch:receive(0.002)).code)
  end))

  it("holds nothing of those who gave up", async(function()
    local ch = iflow.channel()
    for _ = 1, 20 do ch:receive(0) end
    assert.equal(ch.receivers, ch.receivers.next)
  end))

  it("is noticed when nobody is left on the other side", function()
    local _, err = pcall(iflow.run, function() iflow.channel():receive() end)
    assert.equal("task.deadlock", err.code)
  end)

  it("raises for a wrong capacity", function()
    for _, capacity in ipairs { -1, 1.5, "1", 1e9 } do
      assert.error_matches(function() iflow.channel(capacity) end, "whole number")
    end
  end)
end)
