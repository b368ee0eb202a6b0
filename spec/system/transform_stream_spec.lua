-- Large inputs go through in constant memory. Not under sanitizers: what is freed stays there.
local process = require "spec.support.process"
local size = require "spec.support.size"

local MIB = size.of(8, 256)
local GROWTH = 4096 -- KiB that a large input may take more than a small one

local function flow(kind, mib)
  local result = process.run { process.lua, "spec/support/stream_flow.lua", kind, mib,
    timeout = 900, env = { LUA_PATH = package.path, LUA_CPATH = package.cpath } }
  assert.equal(0, result.code, result.err)
  local records, bytes, peak = result.out:match "(%d+)%s+(%d+)%s+(%d+)"
  return tonumber(records), tonumber(bytes), tonumber(peak)
end

describe("a large input #stock", function()
  for _, kind in ipairs { "csv", "fixed_width" } do
    it("of " .. kind .. " goes through in constant memory", function()
      local few, _, small = flow(kind, 1)
      local many, bytes, large = flow(kind, MIB)
      assert.is_true(few > 10000)
      assert.is_true(many > few * (MIB - 1))
      assert.is_true(bytes > MIB << 20)
      assert.is_true(large < small + GROWTH, ("%d KiB, then %d KiB"):format(small, large))
    end)
  end
end)
