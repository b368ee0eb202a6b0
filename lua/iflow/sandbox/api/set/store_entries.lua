--- MessageStoreEntries: flows of the sandbox store no payloads.
local logs = require "iflow.sandbox.api.logs"

return {
  name = "MessageStoreEntries", type = "MessageStoreEntry", key = "Id",
  roles = { "MessagePayloadsRead" }, family = "logs",
  properties = { { "Id", "Edm.String" }, { "MessageGuid", "Edm.String" },
                 { "MessageStoreId", "Edm.String" }, { "TimeStamp", "Edm.DateTime" },
                 { "HasAttachments", "Edm.Boolean" } },
  list = logs.none,
}
