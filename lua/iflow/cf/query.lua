--- Fields as application/x-www-form-urlencoded, in the order of their names: for queries and forms
--- of the Cloud Foundry API and its UAA.
local function escape(text)
  return (tostring(text):gsub("[^%w._~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

--- { names = "a b", page = 2 } -> "names=a%20b&page=2". A list stands for its values separated by
--- commas, as filters want them.
return function(fields)
  local parts = {}
  for name, value in pairs(fields) do
    if type(value) == "table" then value = table.concat(value, ",") end
    parts[#parts + 1] = escape(name) .. "=" .. escape(value)
  end
  table.sort(parts)
  return table.concat(parts, "&")
end
