--- Query options of OData as the query of a URL. Internal, for lua/iflow/odata.lua.
local literal = require "iflow.odata.literal"

local query = {}

--- The options that a question may have, beside `query` and `limit`.
query.names = { filter = "$filter", orderby = "$orderby", top = "$top", skip = "$skip",
  select = "$select", expand = "$expand" }

local function text_of(value)
  if type(value) == "table" then return table.concat(value, ",") end
  return math.type(value) == "float" and ("%d"):format(value) or tostring(value)
end

local function escape(text) return (literal.escape(text):gsub("%%2C", ",")) end

--- { filter = "…", top = 5, count = true, query = { name = value } } -> "$filter=…&$top=5&…"; nil
-- for none. A list becomes words with commas.
function query.encode(options)
  local parts = {}
  for name, option in pairs(query.names) do
    if options[name] ~= nil then
      parts[#parts + 1] = ("%s=%s"):format(option, escape(text_of(options[name])))
    end
  end
  if options.count then parts[#parts + 1] = "$inlinecount=allpages" end
  for name, value in pairs(options.query or {}) do
    parts[#parts + 1] = ("%s=%s"):format(escape(name):gsub("%%24", "$"), escape(text_of(value)))
  end
  table.sort(parts)
  return parts[1] and table.concat(parts, "&") or nil
end

return query
