--- MessageProcessingLogRuns: how a message was processed; the sandbox tells of the last run.
local logs = require "iflow.sandbox.api.logs"

return {
  name = "MessageProcessingLogRuns", type = "MessageProcessingLogRun", key = "Id",
  roles = { "MonitoringDataRead" }, family = "logs",
  properties = { { "Id", "Edm.String" }, { "RunStart", "Edm.DateTime" },
                 { "RunStop", "Edm.DateTime" }, { "LogLevel", "Edm.String" },
                 { "OverallState", "Edm.String" }, { "ProcessId", "Edm.String" } },
  list = function(tenant) return logs.all(tenant, logs.runs_of) end,
}
