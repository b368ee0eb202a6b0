--- EntryPoints: the URLs of service endpoints.
local endpoints = require "iflow.sandbox.api.endpoints"

return {
  name = "EntryPoints", type = "EntryPoint", key = "Url",
  roles = { "MonitoringDataRead" }, family = "artifacts",
  properties = { { "Name", "Edm.String" }, { "Url", "Edm.String" }, { "Type", "Edm.String" },
                 { "AdditionalInformation", "Edm.String" } },
  list = function(tenant)
    local list = {}
    for _, endpoint in ipairs(endpoints.list(tenant)) do
      table.move(endpoints.entry_points_of(tenant, endpoint), 1, 1, #list + 1, list)
    end
    return list
  end,
}
