--- Instances, keys, and the like by the guids that the Cloud Foundry API uses.
local find = {}

function find.instance(tenant, guid)
  for _, instance in pairs(tenant.broker:instances()) do
    if instance.guid == guid then return instance end
  end
end

--- The key, and its instance.
function find.key(tenant, guid)
  for _, instance in pairs(tenant.broker:instances()) do
    for _, key in pairs(instance.keys) do
      if key.guid == guid then return key, instance end
    end
  end
end

--- All in the order in which they were created.
function find.in_order(list)
  table.sort(list, function(a, b)
    if a.created ~= b.created then return a.created < b.created end
    return a.guid < b.guid
  end)
  return list
end

function find.instances(tenant)
  local list = {}
  for _, instance in pairs(tenant.broker:instances()) do list[#list + 1] = instance end
  return find.in_order(list)
end

--- As { key, instance, created, updated, guid, name }.
function find.keys(tenant)
  local list = {}
  for _, instance in pairs(tenant.broker:instances()) do
    for _, key in pairs(instance.keys) do
      list[#list + 1] = { key = key, instance = instance, created = key.created,
                          updated = key.updated, guid = key.guid, name = key.name }
    end
  end
  return find.in_order(list)
end

return find
