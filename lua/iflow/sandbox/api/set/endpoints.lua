--- ServiceEndpoints: where deployed flows are called (sap-reference 7.4).
local endpoints = require "iflow.sandbox.api.endpoints"

return {
  name = "ServiceEndpoints", type = "ServiceEndpoint", key = "Id",
  roles = { "MonitoringDataRead" }, family = "artifacts",
  properties = { { "Name", "Edm.String" }, { "Id", "Edm.String" }, { "Title", "Edm.String" },
                 { "Version", "Edm.String" }, { "Summary", "Edm.String" },
                 { "Description", "Edm.String" }, { "LastUpdated", "Edm.DateTime" },
                 { "Protocol", "Edm.String" } },
  navigation = {
    { name = "EntryPoints", set = "EntryPoints", many = true, read = endpoints.entry_points_of },
    { name = "ApiDefinitions", set = "APIDefinitions", many = true,
      read = function() return {} end },
  },
  list = endpoints.list,
}
