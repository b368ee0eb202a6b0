--- instances() -> list of descriptions, without secrets
local json = require "iflow.core".json
local broker = require "iflow.sandbox.broker"

return function(tenant)
  local list = json.array {}
  for _, instance in pairs(tenant.broker:instances()) do
    list[#list + 1] = broker.describe(instance)
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end
