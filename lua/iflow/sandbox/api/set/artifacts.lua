--- IntegrationRuntimeArtifacts: what is deployed, or failed to be. DELETE undeploys.
return {
  name = "IntegrationRuntimeArtifacts", type = "IntegrationRuntimeArtifact", key = "Id",
  roles = { "MonitoringDataRead" }, family = "artifacts",
  delete_roles = { "MonitoringArtifactsDeploy", "WorkspaceArtifactsDeploy" },
  properties = { { "Id", "Edm.String" }, { "Version", "Edm.String" }, { "Name", "Edm.String" },
                 { "Type", "Edm.String" }, { "DeployedBy", "Edm.String" },
                 { "DeployedOn", "Edm.DateTime" }, { "Status", "Edm.String" } },
  navigation = {
    { name = "ErrorInformation", set = "RuntimeArtifactErrorInformations", many = false,
      read = function(_, record) return { Id = record.Id, text = record.error } end },
  },
  list = function(tenant) return tenant.artifacts:list() end,
  delete = function(tenant, record) return tenant.artifacts:undeploy(record.Id) end,
}
