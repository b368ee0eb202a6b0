--- Literals, keys and times of OData V2, as URLs and JSON have them. Pure; for lua/iflow/odata.lua
-- and whoever writes a filter.

local literal = {}

--- A text for a filter, quotes doubled: "o'brien" -> "'o''brien'". Not escaped for a URL yet.
function literal.text(text) return "'" .. text:gsub("'", "''") .. "'" end

--- Seconds since 1970 for a filter: "datetime'2026-05-04T08:00:00'". Whole seconds in UTC, without
-- a zone: SAP understands no other (sap-reference 7.1).
function literal.time(seconds)
  return os.date("!datetime'%Y-%m-%dT%H:%M:%S'", math.floor(seconds))
end

--- Text as a part of a URL.
function literal.escape(text)
  return (text:gsub("[^%w%-._~']", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function sorted_names(fields)
  local names = {}
  for name in pairs(fields) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- "Set('key')", ready for a URL. key: a text, or { Id = "x", Version = "active" } when several
-- properties make it.
function literal.entity(set, key)
  if type(key) == "string" then key = { [""] = key } end
  local parts = {}
  for i, name in ipairs(sorted_names(key)) do
    parts[i] = (name == "" and "" or name .. "=") .. literal.escape(literal.text(key[name]))
  end
  return ("%s(%s)"):format(set, table.concat(parts, ","))
end

--- The key of a keystore entry: its alias in hexadecimal UTF-8.
function literal.hex(text)
  return (text:gsub(".", function(c) return ("%02X"):format(c:byte()) end))
end

--- Seconds since 1970 of a date in JSON: "/Date(1777881600123)/" -> 1777881600.123; nil for what is
-- none.
function literal.seconds(field)
  local ms = type(field) == "string" and field:match "^/Date%((-?%d+)[%d+-]*%)/$"
  return ms and tonumber(ms) / 1000 or nil
end

--- A parsed JSON value as Lua likes it: null is nil, { results = … } the list itself, and what the
-- server adds for itself (__metadata, __deferred) is left out.
function literal.plain(value, null)
  if value == null then return nil end
  if type(value) ~= "table" then return value end
  if value.__deferred ~= nil then return nil end
  if type(value.results) == "table" then value = value.results end
  local copy = {}
  for name, field in pairs(value) do
    if name ~= "__metadata" then copy[name] = literal.plain(field, null) end
  end
  return copy
end

return literal
