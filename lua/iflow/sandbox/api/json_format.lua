--- OData V2 in JSON: records become the "d" that SAP's API answers (sap-reference 7.3).
local json = require "iflow.core".json
local sets = require "iflow.sandbox.api.sets"
local web = require "iflow.sandbox.web"

local json_format = {}

local function value_of(value, kind)
  if value == nil then return json.null end
  if kind == "Edm.DateTime" then return ("/Date(%d)/"):format(math.floor(value * 1000 + 0.5)) end
  if kind == "Edm.Int64" then return tostring(value) end
  return value
end

local function complex(record, property)
  local out = { __metadata = { type = sets.NAMESPACE .. "." .. property.type } }
  for _, part in ipairs(property.parts) do
    out[part[1]] = value_of((record or {})[part[1]], part[2])
  end
  return out
end

local function property_of(record, property)
  if property.parts then return complex(record[property[1]], property) end
  return value_of(record[property[1]], property[2])
end

local entity

local function related(page, set, record, navigation)
  local inside = page.expand and page.expand[navigation.name]
  if not inside then
    return { __deferred = { uri = page:uri(set, record) .. "/" .. navigation.name } }
  end
  local target = sets.find(navigation.set)
  local found = navigation.read(page.tenant, record)
  local inner = page:inner(inside)
  if not navigation.many then return found and entity(inner, target, found) or json.null end
  local results = json.array {}
  for i, one in ipairs(found) do results[i] = entity(inner, target, one) end
  return { results = results }
end

function entity(page, set, record)
  local uri = page:uri(set, record)
  local out = { __metadata = { id = uri, uri = uri, type = sets.NAMESPACE .. "." .. set.type } }
  for _, property in ipairs(set.properties) do
    if page:selects(property[1]) then out[property[1]] = property_of(record, property) end
  end
  for _, navigation in ipairs(set.navigation or {}) do
    if page:selects(navigation.name) then
      out[navigation.name] = related(page, set, record, navigation)
    end
  end
  return out
end

local function answer(value)
  local out = web.json(200, { d = value })
  out.headers["Content-Type"] = "application/json"
  out.headers.DataServiceVersion = "2.0"
  return out
end

--- page: query.lua.
function json_format.feed(page, set)
  local results = json.array {}
  for i, record in ipairs(page.records) do results[i] = entity(page, set, record) end
  return answer { results = results, __count = page.count and tostring(page.count),
                  __next = page.next }
end

function json_format.entry(page, set, record) return answer(entity(page, set, record)) end

function json_format.property(record, property)
  return answer { [property[1]] = property_of(record, property) }
end

function json_format.service()
  local names = json.array {}
  for i, set in ipairs(sets.list()) do names[i] = set.name end
  return answer { EntitySets = names }
end

return json_format
