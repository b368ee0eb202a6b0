-- In which order every backend of the outbox accepts messages of a key: a part of conformance.lua,
-- which calls it with busted's functions and its own.
local assert = require "luassert"
local core = require "iflow.core"

return function(kit)
  local describe, it, with_box = kit.describe, kit.it, kit.with_box
  local put, claim_one = kit.put, kit.claim_one

  describe("the order of a key", function()
    -- Enqueues these at once, each in a task of its own, and tells the ids as they are claimed.
    local function claimed_of(box, messages, meanwhile)
      local tasks, found = {}, {}
      for i, message in ipairs(messages) do
        tasks[i] = core.task.spawn(function()
          assert.equal("accepted", put(box, "m" .. i, message))
        end)
      end
      if meanwhile then meanwhile() end
      for _, task in ipairs(tasks) do task:join() end
      for i = 1, #messages do
        local msg = claim_one(box)
        found[i] = msg.id
        assert.equal(1, box:delivered(msg))
      end
      return table.concat(found, " ")
    end

    it("holds for large bodies and small ones", with_box(function(box)
      local large = ("x"):rep(1 << 20)
      assert.equal("m1 m2 m3 m4", claimed_of(box, { { key = "k", body = large },
        { key = "k" }, { key = "k", body = large }, { key = "k" } }))
    end, { inline_max = 1000 }))

    it("holds for those that wait for room", with_box(function(box)
      put(box, "first", { body = ("x"):rep(90) })
      assert.equal("m1 m2 m3", claimed_of(box, { { key = "k", body = ("x"):rep(50), wait = "5m" },
        { key = "k", body = "", wait = "5m" }, { key = "k", body = "x", wait = "5m" } },
        function()
          assert.equal("accepted", put(box, "other", { key = "other", body = "" }))
          assert.equal(1, box:delivered(claim_one(box)))
          assert.equal(1, box:delivered(claim_one(box)))
        end))
    end, { max_bytes = 100 }))

    it("lets nobody wait for longer than he would", with_box(function(box)
      put(box, "first", { body = ("x"):rep(90) })
      local tasks, codes = {}, {}
      for i, wait in ipairs { "600ms", "600ms", "10m", "0s", "600ms" } do
        tasks[i] = core.task.spawn(function()
          local state, err = put(box, "m" .. i, { key = "k", wait = wait })
          codes[i] = state or err.code
        end)
      end
      tasks[4]:join()
      assert.equal("outbox.full", codes[4])
      assert.equal("outbox.full", select(2, put(box, "late", { key = "k" })).code)
      for _, i in ipairs { 1, 2, 5 } do tasks[i]:join() end
      assert.same({ "outbox.full", "outbox.full", [4] = "outbox.full", [5] = "outbox.full" }, codes)
      assert.equal(1, box:delivered(claim_one(box)))
      tasks[3]:join()
      assert.equal("accepted", codes[3])
    end, { max_messages = 1 }))

    it("keeps nobody waiting behind one who has gone", with_box(function(box)
      local large = ("x"):rep(1 << 20)
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = core.task.spawn(function()
          return put(box, "m" .. i, { key = "k", body = large })
        end)
      end
      core.task.sleep(0)
      tasks[2]:cancel()
      tasks[1]:join()
      assert.equal("accepted", tasks[3]:join())
    end, { inline_max = 1000 }))
  end)
end
