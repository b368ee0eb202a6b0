-- iflow run with a script that enqueues, where it is interrupted, or finds its outbox held. What it
-- does otherwise stands in spec/cli/enqueue.t.
local async = require "spec.support.async"
local process = require "spec.support.process"
local serve = require "spec.support.serve"

local PUT = [[
local iflow = require "iflow"
iflow.sender "orders" { to = "/http/orders", idempotent = iflow.args.idempotent == "1" }
for i = 1, 3 do assert(iflow.sender "orders":enqueue("x", { ids = "message " .. i })) end
io.write "stored\n"
io.flush()
]]

-- Answers that are given when the spec says so, or ends.
local function gate()
  local open = false
  return setmetatable({
    answer = function(req)
      process.wait_for("the gate", function() return open end)
      req:answer(200, { ["Content-Type"] = "text/plain" }, "ok")
    end,
    open = function() open = true end,
  }, { __close = function() open = true end })
end

describe("iflow run", function()
  it("says where its messages are when it is interrupted, and a later run delivers them", async(
    function()
      local held <close> = gate()
      local place <close> = serve.place { runtime = held.answer }
      place:script("put.lua", PUT)
      local run <close> = place:start { "run", "put.lua", "--set", "idempotent=1" }
      process.wait_for("calls in flight", function() return #place.received == 3 end)
      run:signal "INT"
      local result = run:wait()
      assert.equal(130, result.code)
      assert.is_truthy(result.err:find("outbox.db", 1, true))
      place:with_box(function(box) assert.equal(3, box:counts().ready) end)
      held.open()
      local again = place:run("run", "put.lua", "--set", "idempotent=1")
      assert.same({ 0, "stored\n" }, { again.code, again.out }, again.err)
      place:with_box(function(box) assert.equal(3, box:counts().delivered) end)
    end))

  it("does not repeat what was under way when it was interrupted", async(function()
    local held <close> = gate()
    local place <close> = serve.place { runtime = held.answer }
    place:script("put.lua", PUT)
    local run <close> = place:start { "run", "put.lua" }
    process.wait_for("calls in flight", function() return #place.received == 3 end)
    run:signal "TERM"
    assert.equal(143, run:wait().code)
    held.open()
    local again = place:run("run", "put.lua")
    assert.equal(0, again.code) -- nothing became worse
    assert.is_truthy(again.err:find("3 in doubt", 1, true))
    assert.equal(3, #place.received)
  end))

  it("does not enqueue into the outbox of a service", async(function()
    local place <close> = serve.place()
    place:script("orders.lua", serve.SENDER)
    place:script("put.lua", PUT)
    local service <close> = place:serve("orders.lua")
    local code, exit, message = place:fails("run", "put.lua")
    assert.same({ "outbox.locked", 4 }, { code, exit })
    assert.is_truthy(message:find(tostring(service.started.pid), 1, true))
  end))
end)
