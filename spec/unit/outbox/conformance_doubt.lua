-- What every backend of the outbox takes as a decision about messages in doubt: a part of
-- conformance.lua, which calls it with busted's functions and its own.
local assert = require "luassert"

return function(kit)
  local describe, it, with_box = kit.describe, kit.it, kit.with_box
  local put, claim_one = kit.put, kit.claim_one

  -- Three messages in doubt: their numbers.
  local function three_in_doubt(box)
    local list = {}
    for i, id in ipairs { "a", "b", "c" } do
      put(box, id, { key = "k" .. id })
      local msg = claim_one(box)
      box:start(msg)
      assert.equal(1, box:in_doubt(msg, { error = "reset" }))
      list[i] = msg.number
    end
    return list
  end

  describe("a message in doubt", function()
    it("is delivered, rejected or ready again by its number", with_box(function(box)
      local one, two, three = table.unpack(three_in_doubt(box))
      assert.equal(1, box:delivered(one, { message_id = "AGd" }))
      assert.equal(1, box:rejected(two, { message_id = "AGe", code = "call.flow_failed",
        error = "no such customer" }))
      assert.equal(1, box:requeue(three, { code = "call.not_arrived", error = "lost" }))
      local through, dead = box:show(one), box:show(two)
      assert.same({ "delivered", "AGd" }, { through.state, through.message_id })
      assert.same({ "rejected", "AGe", "call.flow_failed", "no such customer" },
        { dead.state, dead.message_id, dead.code, dead.error })
      local history = box:show(three).history
      assert.equal("call.not_arrived", history[#history].code)
      local again = claim_one(box)
      assert.same({ three, "c", 0 }, { again.number, again.id, again.attempts })
    end))

    it("is decided once", with_box(function(box)
      local one, two = table.unpack(three_in_doubt(box))
      assert.equal(1, box:rejected(one))
      assert.equal(0, box:delivered(one))
      assert.equal("rejected", box:show(one).state)
      assert.equal(1, box:delivered(two))
      assert.equal(0, box:rejected(two))
      assert.equal(0, box:requeue(two))
      assert.equal("delivered", box:show(two).state)
    end))
  end)
end
