--- MessageProcessingLogCustomHeaderProperties: what a flow noted to find the message by.
local logs = require "iflow.sandbox.api.logs"

return {
  name = "MessageProcessingLogCustomHeaderProperties",
  type = "MessageProcessingLogCustomHeaderProperty", key = "Id",
  roles = { "MonitoringDataRead" }, family = "logs",
  properties = { { "Id", "Edm.String" }, { "Name", "Edm.String" }, { "Value", "Edm.String" } },
  navigation = { logs.back "Log" },
  list = function(tenant) return logs.all(tenant, logs.headers_of) end,
}
