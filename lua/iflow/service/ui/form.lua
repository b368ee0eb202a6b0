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
  for name, value in text:gmatch "([^&=]+)=?([^&]*)" do
    name = plain(name)
    if count == FIELDS then break end
    count = count + 1
    if fields[name] == nil then fields[name] = plain(value) end
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
