--- The entity sets of the OData API: each is one file set/NAME.lua. A new file is all a new one
--- needs. It returns
---   name, type     of the set and of its entities
---   key            the property that is the key
---   roles          of role templates, one of which the caller needs to read
---   family         whose rate limit counts (rates.lua)
---   properties     list of { name, EDM type }; a complex one { name, parts = list of the same }
---   navigation     list of { name, set, many, read(tenant, record) -> record, or list when many }
---   list(tenant) -> all records; nil: the set can only be asked for one
---   find(tenant, key) -> one record; nil: it is looked for in the list
---   value(tenant, record) -> text, Content-Type         what $value gives; nil is "no content"
---   delete(tenant, record) -> true | nil, err, and delete_roles
--- A record is a table of the properties: texts, numbers, booleans, dates as seconds.
local folder = require "iflow.folder"

local sets = {}

sets.NAMESPACE = "com.sap.hci.api"

local all = {}
for i, file in ipairs(folder.names "iflow.sandbox.api.set") do
  all[i] = require("iflow.sandbox.api.set." .. file)
  all[all[i].name] = all[i]
end

--- The set of that name, or nil.
function sets.find(name) return type(name) == "string" and all[name] or nil end

--- All of them, in the order of the service document.
function sets.list() return all end

--- EDM type by property of a set, with "Name/Part" for the parts of a complex one.
function sets.types(set)
  local types = {}
  for _, property in ipairs(set.properties) do
    for _, part in ipairs(property.parts or {}) do
      types[("%s/%s"):format(property[1], part[1])] = part[2]
    end
    if not property.parts then types[property[1]] = property[2] end
  end
  return types
end

--- The navigation of a set by name, or nil.
function sets.navigation(set, name)
  for _, navigation in ipairs(set.navigation or {}) do
    if navigation.name == name then return navigation end
  end
end

--- One record of a set by its key, or nil.
function sets.record(tenant, set, key)
  if set.find then return set.find(tenant, key) end
  for _, record in ipairs(set.list(tenant)) do
    if record[set.key] == key then return record end
  end
end

return sets
