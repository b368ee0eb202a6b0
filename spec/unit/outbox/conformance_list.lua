-- What every backend of the outbox lists: a part of conformance.lua, which calls it with busted's
-- functions and its own.
local assert = require "luassert"
local raises = require "spec.support.raises"

return function(kit)
  local describe, it, with_box = kit.describe, kit.it, kit.with_box
  local put, ids, claim_one = kit.put, kit.ids, kit.claim_one

  describe("list", function()
    it("filters and pages", with_box(function(box)
      for i = 1, 10 do put(box, "m" .. i, { sender = i > 5 and "late" or "orders" }) end
      local dead = claim_one(box)
      box:rejected(dead, { code = "call.rejected" })
      assert.same({ "m6", "m7" }, ids(box:list { sender = "late", limit = 2 }))
      assert.same({ "m8", "m9" }, ids(box:list { sender = "late", limit = 2, after = 7 }))
      assert.same({ "m1" }, ids(box:list { state = "rejected" }))
      assert.same({ "m1" }, ids(box:list { code = "call.rejected" }))
      assert.same({ "m4" }, ids(box:list { id = "m4" }))
      assert.equal(9, #box:list { state = "ready" })
      assert.equal(10, #box:list())
      assert.same({}, box:list { older_than = "1h" })
      assert.equal("body of m4", box:list({ id = "m4", bodies = true })[1].body)
      assert.is_nil(box:list({ id = "m4" })[1].body)
    end))

    it("knows what is blocked from what is ready, and several states", with_box(function(box)
      for i = 1, 6 do put(box, "m" .. i, { key = i <= 3 and "k" or nil }) end
      local list = box:claim("orders", 10) -- m1, m4, m5, m6
      box:rejected(list[2])
      box:in_doubt(list[3])
      assert.same({ "m1", "m6" }, ids(box:list { state = "ready" }))
      assert.same({ "m2", "m3" }, ids(box:list { state = "blocked" }))
      assert.same({ "m1", "m2", "m3", "m6" }, ids(box:list { state = { "ready", "blocked" } }))
      assert.same({ "m4", "m5" }, ids(box:list { state = { "rejected", "in_doubt" } }))
      assert.same({ "m2", "m3", "m4" }, ids(box:list { state = { "rejected", "blocked" } }))
      assert.same({ "m5" }, ids(box:list { state = { "rejected", "in_doubt" }, after = 4 }))
      assert.equal(6, #box:list { state = "any" })
      raises("'state' must be", function() box.handle:list { state = { "ready", "lost" } } end)
      raises("'state' must be", function() box.handle:list { state = 1 } end)
      raises("empty list", function() box.handle:list { state = {} } end)
    end))

    it("filters by key, code and age", with_box(function(box)
      for i = 1, 4 do put(box, "m" .. i, { key = "k" .. i % 2 }) end
      assert.same({ "m2", "m4" }, ids(box:list { key = "k0" }))
      assert.same({}, box:list { key = "k0", sender = "invoices" })
      local list = box:claim("orders", 10)
      box:rejected(list[1], { code = "call.rejected" })
      box:rejected(list[2], { code = "transform.[x]?" })
      assert.same({ "m1" }, ids(box:list { code = "call.*" }))
      assert.same({ "m1", "m2" }, ids(box:list { code = "*" }))
      assert.same({ "m2" }, ids(box:list { code = "*.[x]?" }))
      assert.same({}, box:list { code = "call" })
      assert.same({}, box:list { code = "c?ll.rejected" })
      assert.equal(4, #box:list { newer_than = "1h" })
      assert.same({}, box:list { newer_than = "1h", older_than = "30m" })
    end))
  end)
end
