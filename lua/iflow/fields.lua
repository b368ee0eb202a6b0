--- Fields of parsed data by their names: "qty", "address.city", "items.2.sku". Internal; for the
-- transforms that map, check and fill in. A name is looked for as it stands first, since columns of
-- a CSV file may have dots; then its steps are followed, where a number is also an item of a list.

local core = require "iflow.core"

local json, xml = core.json, core.xml

local fields = {}

--- The steps of a name: { "items", "1", name = "items.1", index = { [2] = 1 } }.
function fields.path(name)
  local path = { name = name, index = {} }
  for step in (name .. "."):gmatch "([^.]*)%." do
    path[#path + 1] = step
    path.index[#path] = math.tointeger(tonumber(step))
  end
  return path
end

--- The value of a path in the data, nil when there is none. json.null is a value.
function fields.get(data, path)
  if type(data) ~= "table" then return nil end
  local value = data[path.name]
  if value ~= nil then return value end
  value = data
  for at, step in ipairs(path) do
    if type(value) ~= "table" then return nil end
    local found, index = value[step], path.index[at]
    if found == nil and index then found = value[index] end
    if found == nil then return nil end
    value = found
  end
  return value
end

--- Whether nothing is there: nil or null.
function fields.is_missing(value) return value == nil or value == json.null end

--- A copy of a table; a list stays one, and an element of XML keeps the order of what is in it.
function fields.copy(from)
  local to = {}
  for key, value in next, from do to[key] = value end
  local mark = getmetatable(from)
  if mark == false then return json.is_array(from) and json.array(to) or json.object(to) end
  return mark and setmetatable(to, mark) or to
end

-- Editing ----------------------------------------------------------------------------------------

-- The data is copied where it is changed, and nowhere else; `own` has the tables that are copies.
local editor = {}
editor.__index = editor

--- An editor of the data, a table, which stays as it is; editor.data is the changed copy.
function fields.edit(data)
  local copy = fields.copy(data)
  return setmetatable({ data = copy, own = { [copy] = true } }, editor)
end

-- The table below `key` (or the item `index`), as a copy of our own; made when there is none and
-- `make` says so.
function editor:below(parent, key, index, make)
  local value = parent[key]
  if value == nil and index then
    key = index
    value = parent[key]
  end
  if value == nil and make then value = {}
  elseif type(value) ~= "table" then return nil
  elseif self.own[value] then return value
  else value = fields.copy(value) end
  parent[key], self.own[value] = value, true
  return value
end

--- Sets a path to a value, nil to remove it. False when a step on the way is no table.
function editor:set(path, value)
  local parent, last = self.data, #path
  if last == 1 or parent[path.name] ~= nil then
    parent[path.name] = value
    return true
  end
  for at = 1, last - 1 do
    parent = self:below(parent, path[at], path.index[at], value ~= nil)
    if not parent then return value == nil end
  end
  local key, index = path[last], path.index[last]
  if index and parent[key] == nil and parent[index] ~= nil then key = index end
  parent[key] = value
  return true
end

--- In what order the elements of the data are written as XML, after some were renamed: old -> new.
function editor:reorder(renamed)
  local order = getmetatable(self.data) and xml.order(self.data)
  if not order then return end
  for at, name in ipairs(order) do order[at] = renamed[name] or name end
  xml.order(self.data, order)
end

return fields
