--- APIDefinitions: documents that describe endpoints; flows of the sandbox have none.
return {
  name = "APIDefinitions", type = "APIDefinition", key = "Url",
  roles = { "MonitoringDataRead" }, family = "artifacts",
  properties = { { "Url", "Edm.String" }, { "Name", "Edm.String" }, { "Type", "Edm.String" } },
  list = function() return {} end,
}
