--- MessageProcessingLogAdapterAttributes: what adapters noted of a message.
local logs = require "iflow.sandbox.api.logs"

return {
  name = "MessageProcessingLogAdapterAttributes", type = "MessageProcessingLogAdapterAttribute",
  key = "Id", roles = { "MonitoringDataRead" }, family = "logs",
  properties = { { "Id", "Edm.String" }, { "AdapterId", "Edm.String" },
                 { "AdapterMessageId", "Edm.String" }, { "Name", "Edm.String" },
                 { "Value", "Edm.String" } },
  navigation = { logs.back "MessageProcessingLog" },
  list = function(tenant) return logs.all(tenant, logs.attributes_of) end,
}
