--- RuntimeArtifactErrorInformations: why an artifact could not be deployed, as JSON in its $value.
local json = require "iflow.core".json

return {
  name = "RuntimeArtifactErrorInformations", type = "RuntimeArtifactErrorInformation", key = "Id",
  roles = { "MonitoringDataRead" }, family = "artifacts",
  properties = { { "Id", "Edm.String" } },
  find = function(tenant, id)
    for _, artifact in ipairs(tenant.artifacts:list()) do
      if artifact.Id == id then return { Id = id, text = artifact.error } end
    end
  end,
  value = function(_, record)
    if not record.text then return nil end
    return assert(json.encode { message = { subsystemName = "CONTENT", messageId = "DeployFailed",
                                            messageText = record.text },
                                parameter = json.array { record.text } }), "application/json"
  end,
}
