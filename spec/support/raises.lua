-- raises.lua -- that a mistake of a script is raised where the script makes it.
local assert = require "luassert"

--- Fails unless fn raises an error with the text (plain) that names a line of the caller's file.
return function(text, fn)
  local file = debug.getinfo(2, "S").short_src
  local fine, err = pcall(fn)
  assert.is_false(fine)
  assert.equal(file, tostring(err):match "^(.-):%d+: ")
  assert.is_truthy(err:find(text, 1, true), err)
end
