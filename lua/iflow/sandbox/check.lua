--- Reading what a caller gave: unknown names are mistakes and raise.
local suggest = require "iflow.suggest"

local check = {}

--- Raises for a key of t that is not a key of known.
function check.keys(t, known, what)
  for key in pairs(t) do
    if known[key] == nil then
      local names = {}
      for name in pairs(known) do names[#names + 1] = name end
      local near = suggest.nearest(tostring(key), names)
      error(("unknown %s '%s'%s"):format(what, tostring(key),
        near and (", did you mean '%s'?"):format(near) or ""), 0)
    end
  end
end

--- A set of the words of a list, for check.keys.
function check.set(...)
  local set = {}
  for _, name in ipairs { ... } do set[name] = true end
  return set
end

return check
