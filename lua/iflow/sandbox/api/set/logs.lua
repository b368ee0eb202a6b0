--- MessageProcessingLogs (sap-reference 7.3).
local logs = require "iflow.sandbox.api.logs"

local function navigation(name, set, many, read)
  return { name = name, set = set, many = many, read = function(tenant, record)
    return read(record.entry, tenant)
  end }
end

return {
  name = "MessageProcessingLogs", type = "MessageProcessingLog", key = "MessageGuid",
  roles = { "MonitoringDataRead" }, family = "logs",
  properties = {
    { "MessageGuid", "Edm.String" }, { "CorrelationId", "Edm.String" },
    { "ApplicationMessageId", "Edm.String" }, { "ApplicationMessageType", "Edm.String" },
    { "PredecessorMessageGuid", "Edm.String" },
    { "LogStart", "Edm.DateTime" }, { "LogEnd", "Edm.DateTime" }, { "Sender", "Edm.String" },
    { "Receiver", "Edm.String" }, { "IntegrationFlowName", "Edm.String" },
    { "Status", "Edm.String" }, { "AlternateWebLink", "Edm.String" },
    { "IntegrationArtifact", type = "IntegrationArtifact", parts = {
      { "Id", "Edm.String" }, { "Name", "Edm.String" }, { "Type", "Edm.String" },
      { "PackageId", "Edm.String" }, { "PackageName", "Edm.String" } } },
    { "LogLevel", "Edm.String" }, { "CustomStatus", "Edm.String" },
    { "TransactionId", "Edm.String" }, { "PreviousComponentName", "Edm.String" },
    { "LocalComponentName", "Edm.String" }, { "OriginComponentName", "Edm.String" },
  },
  navigation = {
    navigation("ErrorInformation", "MessageProcessingLogErrorInformations", false, logs.error_of),
    navigation("AdapterAttributes", "MessageProcessingLogAdapterAttributes", true,
               logs.attributes_of),
    navigation("CustomHeaderProperties", "MessageProcessingLogCustomHeaderProperties", true,
               logs.headers_of),
    navigation("Attachments", "MessageProcessingLogAttachments", true, logs.none),
    navigation("Runs", "MessageProcessingLogRuns", true, logs.runs_of),
    navigation("MessageStoreEntries", "MessageStoreEntries", true, logs.none),
  },
  list = logs.list,
  find = logs.find,
}
