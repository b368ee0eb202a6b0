--- Resource paths and query options of the OData API. Pure.
local literal = require "iflow.sandbox.api.literal"
local web = require "iflow.sandbox.web"

local uri = {}

-- What stands in the parentheses of a segment: { "x" } or { Id = "x", Version = "active" }.
local function read_key(text)
  local key, at = {}, 1
  while true do
    local name, behind = text:match("^%s*([%a_]%w*)=()", at)
    local value, after = literal.read(text, behind or at)
    if not value or value.kind == "null" then return nil end
    key[name or 1] = value.value
    at = text:match("^%s*()", after)
    if at > #text then return key end
    if text:sub(at, at) ~= "," or not name then return nil end
    at = at + 1
  end
end

-- Where a segment ends: at a slash outside of quotes.
local function segment_end(path, at)
  local inside = false
  for i = at, #path do
    local c = path:sub(i, i)
    if c == "'" then inside = not inside end
    if c == "/" and not inside then return i end
  end
  return #path + 1
end

--- "/Logs('x')/Status" -> { { name = "Logs", key = { "x" } }, { name = "Status" } }; nil when it is
--- malformed. The path is decoded already.
function uri.segments(path)
  local list, at = {}, 2
  while at <= #path do
    local stop = segment_end(path, at)
    local text = path:sub(at, stop - 1)
    local name, inside = text:match "^([%a_$][%w_]*)%((.*)%)$"
    name = name or text:match "^[%a_$][%w_]*$"
    local key = inside and inside ~= "" and read_key(inside) or nil
    if not name or (inside and inside ~= "" and not key) then return nil end
    list[#list + 1] = { name = name, key = key }
    at = stop + 1
  end
  return list
end

--- The query as name -> value; nil when an escape is broken.
function uri.options(query) return web.form(query) end

--- Text as a part of a URI.
function uri.escape(text)
  return (tostring(text):gsub("[^%w%-._~']", function(c) return ("%%%02X"):format(c:byte()) end))
end

--- The key of an entity, as it stands between quotes.
function uri.key(value) return uri.escape((tostring(value):gsub("'", "''"))) end

return uri
