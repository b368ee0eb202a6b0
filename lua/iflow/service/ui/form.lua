--- Queries and forms of web pages, application/x-www-form-urlencoded. Internal.

local FIELDS = 32 -- at most; what is more is left out

local form = {}

local function plain(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

--- "a=1&b=x+y" -> { a = "1", b = "x y" }; of a name that comes twice the first counts.
function form.parse(text)
  local fields, count = {}, 0
  for part in text:gmatch "[^&]+" do
    local name, value = part:match "^([^=]+)=?(.*)$"
    if name and count < FIELDS then
      count, name = count + 1, plain(name)
      if fields[name] == nil then fields[name] = plain(value) end
    end
  end
  return fields
end

--- A text as part of a query.
function form.escape(text)
  return (tostring(text):gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

--- { state = "rejected", after = 7 } -> "?after=7&state=rejected"; "" for nothing.
function form.query(fields)
  local list = {}
  for name, value in pairs(fields) do
    if value ~= "" then list[#list + 1] = name .. "=" .. form.escape(value) end
  end
  table.sort(list)
  return #list > 0 and "?" .. table.concat(list, "&") or ""
end

return form
