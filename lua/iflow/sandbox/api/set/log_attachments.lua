--- MessageProcessingLogAttachments: flows of the sandbox write none.
local logs = require "iflow.sandbox.api.logs"

return {
  name = "MessageProcessingLogAttachments", type = "MessageProcessingLogAttachment", key = "Id",
  roles = { "MessagePayloadsRead" }, family = "logs",
  properties = { { "Id", "Edm.String" }, { "MessageGuid", "Edm.String" },
                 { "TimeStamp", "Edm.DateTime" }, { "Name", "Edm.String" },
                 { "ContentType", "Edm.String" }, { "PayloadSize", "Edm.Int64" } },
  list = logs.none,
}
