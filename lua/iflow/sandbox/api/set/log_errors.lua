--- MessageProcessingLogErrorInformations: why a message failed; the text is its $value.
local logs = require "iflow.sandbox.api.logs"

return {
  name = "MessageProcessingLogErrorInformations", type = "MessageProcessingLogErrorInformation",
  key = "MessageGuid", roles = { "MonitoringDataRead" }, family = "logs",
  properties = { { "MessageGuid", "Edm.String" }, { "Type", "Edm.String" },
                 { "LastErrorModelStepId", "Edm.String" } },
  find = function(tenant, id)
    local record = logs.find(tenant, id)
    return record and logs.error_of(record.entry)
  end,
  value = function(_, record) return record.text, "text/plain;charset=utf-8" end,
}
