--- BuildAndDeployStatus: what became of a deployment, by the task id it gave.
return {
  name = "BuildAndDeployStatus", type = "BuildAndDeployStatus", key = "TaskId",
  roles = { "WorkspaceArtifactsDeploy", "MonitoringDataRead" }, family = "design",
  properties = { { "TaskId", "Edm.String" }, { "Status", "Edm.String" } },
  find = function(tenant, id)
    local status = tenant.artifacts:task_status(id)
    return status and { TaskId = id, Status = status }
  end,
}
