-- torture.lua -- everything that can fail fails once: torture("allocation", fn) calls fn again and
-- again and lets the n-th event of the kind fail, for n = 1, 2, … until none is left. Each call
-- gives what was asked for, nil and the error system.no_memory, or raises Lua's own "not enough
-- memory". Returns n. Needs the interpreter of the sanitizer build, which looks for what is lost.
local assert = require "luassert"
local fault = require "fault"

return function(kind, fn)
  local n, fired = 1, true
  while fired do
    local ok, value, err = pcall(function()
      fault.arm(kind, n)
      return fn()
    end)
    fired = fault.disarm()
    local what = ("failing %s %d"):format(kind, n)
    if not ok then
      assert.is_truthy(tostring(value):find("not enough memory", 1, true), what .. tostring(value))
    elseif not value then
      assert.equal("system.no_memory", err.code, what .. ": " .. tostring(err))
    end
    value, err = nil, nil -- luacheck: ignore
    n = n + 1
  end
  collectgarbage()
  assert.is_truthy(fn())
  return n
end
