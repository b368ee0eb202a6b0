--- What the path of a request to the OData API names. resource.find(tenant, caller, segments) gives
---   { kind = "feed", set, records }     { kind = "count", set, records }
---   { kind = "entry", set, record }     { kind = "property", set, record, property }
---   { kind = "value", set, record, [property] }
--- or nil, status, text; status 403 comes with the roles one of which is needed.
local sets = require "iflow.sandbox.api.sets"

local resource = {}

local function none(...) return nil, 404, (...):format(select(2, ...)) end

local function allowed(caller, set)
  for _, role in ipairs(set.roles) do
    if caller.roles[role] then return true end
  end
  return nil, 403, table.concat(set.roles, " or ")
end

-- The value of a key, given alone or by the name of the key property.
local function key_value(set, key) return key[1] or key[set.key] end

local function first(tenant, caller, segment)
  local set = sets.find(segment.name)
  if not set then return none("there is no entity set '%s'", segment.name) end
  local fine, status, text = allowed(caller, set)
  if not fine then return nil, status, text end
  if not segment.key then
    if not set.list then return nil, 405, set.name .. " is asked for one entity, by its key" end
    return { kind = "feed", set = set, records = set.list(tenant) }
  end
  local record = sets.record(tenant, set, key_value(set, segment.key))
  if not record then return none("there is no such entity in %s", set.name) end
  return { kind = "entry", set = set, record = record }
end

local function navigate(tenant, caller, at, segment, navigation)
  local set = sets.find(navigation.set)
  local fine, status, text = allowed(caller, set)
  if not fine then return nil, status, text end
  local found = navigation.read(tenant, at.record)
  if not navigation.many then
    if not found then return none("there is no %s", navigation.name) end
    return { kind = "entry", set = set, record = found }
  elseif not segment.key then
    return { kind = "feed", set = set, records = found }
  end
  for _, record in ipairs(found) do
    if record[set.key] == key_value(set, segment.key) then
      return { kind = "entry", set = set, record = record }
    end
  end
  return none("there is no such entity in %s", set.name)
end

local function below_entry(tenant, caller, at, segment)
  if segment.name == "$links" then return nil, 501, "$links is not supported" end
  if segment.name == "$value" then
    if not at.set.value then return none("%s has no $value", at.set.name) end
    return { kind = "value", set = at.set, record = at.record }
  end
  local navigation = sets.navigation(at.set, segment.name)
  if navigation then return navigate(tenant, caller, at, segment, navigation) end
  for _, property in ipairs(at.set.properties) do
    if property[1] == segment.name and not segment.key then
      return { kind = "property", set = at.set, record = at.record, property = property }
    end
  end
  return none("%s has no '%s'", at.set.name, segment.name)
end

local function next_of(tenant, caller, at, segment)
  if at.kind == "feed" and segment.name == "$count" then
    return { kind = "count", set = at.set, records = at.records }
  elseif at.kind == "entry" then
    return below_entry(tenant, caller, at, segment)
  elseif at.kind == "property" and segment.name == "$value" and not at.property.parts then
    return { kind = "value", set = at.set, record = at.record, property = at.property }
  end
  return none("there is nothing by the name '%s' here", segment.name)
end

function resource.find(tenant, caller, segments)
  local at, status, text = first(tenant, caller, segments[1])
  for i = 2, #segments do
    if not at then break end
    at, status, text = next_of(tenant, caller, at, segments[i])
  end
  return at, status, text
end

return resource
