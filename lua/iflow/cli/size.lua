-- size.lua -- sizes in words of a command line: 4096, 64K, 256M, 1G.
local size = {}

local units = { [""] = 1, K = 1 << 10, M = 1 << 20, G = 1 << 30 }
local MAX = 1 << 50

--- Its bytes, nil when the text is none.
function size.bytes(text)
  local digits, unit = tostring(text):match "^(%d+)([KMG]?)$"
  local count = math.tointeger(tonumber(digits))
  if not count or count > MAX // units[unit] then return nil end
  return count * units[unit]
end

--- For an option's row: the text when it is well, nil and what is wrong.
function size.check(text)
  if size.bytes(text) then return text end
  return nil, "is no size, such as 64M or 1G"
end

return size
