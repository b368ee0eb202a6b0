-- What every backend of the outbox remembers beside messages: a part of conformance.lua, which
-- calls it with busted's functions and its own.
local assert = require "luassert"
local async = require "spec.support.async"
local core = require "iflow.core"
local raises = require "spec.support.raises"

return function(kit)
  local describe, it, with_box = kit.describe, kit.it, kit.with_box
  local open, put = kit.open, kit.put

  describe("a note", function()
    it("is remembered until it is removed", with_box(function(box)
      local text, err = box:note "job/nightly"
      assert.is_nil(text)
      assert.is_nil(err)
      assert.is_true(box:note("job/nightly", "1"))
      assert.is_true(box:note("job/hourly", "a\0b"))
      assert.equal("1", box:note "job/nightly")
      assert.is_true(box:note("job/nightly", "second"))
      assert.is_true(box:note("empty", ""))
      assert.equal("second", box:note "job/nightly")
      assert.equal("a\0b", box:note "job/hourly")
      assert.equal("", box:note "empty")
      assert.is_true(box:note("job/nightly", false))
      assert.is_true(box:note("never", false))
      assert.is_nil(box:note "job/nightly")
      assert.equal("a\0b", box:note "job/hourly")
    end))

    it("is there after opening again, and counts as no message", async(function()
      local most = ("x"):rep(65536)
      do
        local box <close> = open()
        assert.is_true(box:note("most", most))
        put(box, "a")
      end
      local box <close> = open()
      assert.equal(most, box:note "most")
      assert.equal(1, box:counts().messages)
    end))

    it("is written together with what others write", with_box(function(box)
      local tasks = {}
      for i = 1, 100 do
        tasks[i] = core.task.spawn(function()
          assert(i % 2 == 0 and put(box, "m" .. i) or box:note("n" .. i % 5, tostring(i)))
        end)
      end
      for _, task in ipairs(tasks) do task:join() end
      assert.equal(50, box:counts().ready)
      assert.equal("99", box.handle:note "n4")
    end))

    it("raises for mistakes", with_box(function(box)
      raises("no name of a note", function() box.handle:note "" end)
      raises("no name of a note", function() box.handle:note(("x"):rep(513)) end)
      raises("no name of a note", function() box.handle:note "a\0b" end)
      raises("a text or false", function() box.handle:note("a", true) end)
      raises("a text or false", function() box.handle:note("a", 7) end)
      raises("65536 bytes", function() box.handle:note("a", ("x"):rep(65537)) end)
    end))
  end)
end
