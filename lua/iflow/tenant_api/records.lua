--- Records of the OData API as tables of Lua with names of our own. What has another type than it
-- should is left out, so that nobody meets a number where a text is. Internal, for
-- lua/iflow/tenant_api.lua and lua/iflow/message_log.lua; their headers tell the fields.
local seconds = require "iflow.odata".seconds

local records = {}

local function text(value)
  if type(value) == "string" and value ~= "" then return value end
  return type(value) == "number" and tostring(value) or nil
end

local function list(value) return type(value) == "table" and value or {} end

-- What a status means for the message (sap-reference 7.3).
local outcomes = { COMPLETED = "delivered", FAILED = "failed", ESCALATED = "failed",
  CANCELLED = "failed", DISCARDED = "failed" }

--- A message processing log.
function records.log(record)
  local status, artifact = text(record.Status), list(record.IntegrationArtifact)
  local started, ended = seconds(record.LogStart), seconds(record.LogEnd)
  return { message_id = text(record.MessageGuid), correlation_id = text(record.CorrelationId),
    application_id = text(record.ApplicationMessageId),
    application_type = text(record.ApplicationMessageType),
    flow = text(record.IntegrationFlowName) or text(artifact.Id),
    package = text(artifact.PackageId), sender = text(record.Sender),
    receiver = text(record.Receiver), status = status,
    custom_status = text(record.CustomStatus), log_level = text(record.LogLevel),
    transaction_id = text(record.TransactionId), web_link = text(record.AlternateWebLink),
    started = started, ended = ended,
    duration = started and ended and math.max(0, math.floor((ended - started) * 1000 + 0.5)) / 1000
      or nil,
    outcome = outcomes[status] or "open" }
end

--- One run of a message.
function records.run(record)
  return { id = text(record.Id), started = seconds(record.RunStart),
    ended = seconds(record.RunStop), status = text(record.OverallState),
    log_level = text(record.LogLevel),
    process = text(record.ProcessId) }
end

--- What an adapter, or a flow, noted about a message.
function records.note(record)
  return { adapter = text(record.AdapterId), name = text(record.Name), value = text(record.Value) }
end

--- The endpoints of a service endpoint: one for each of its entry points.
function records.endpoints(record)
  local made, definitions = {}, {}
  for i, one in ipairs(list(record.ApiDefinitions)) do
    definitions[i] = { url = text(list(one).Url), type = text(list(one).Type) }
  end
  local id = text(record.Id) or ""
  local flow = id:match "^(.-)%$endpointAddress=" or text(record.Name)
  for _, point in ipairs(list(record.EntryPoints)) do
    point = list(point)
    made[#made + 1] = { flow = flow, name = text(record.Name) or flow, title = text(record.Title),
      version = text(record.Version), protocol = text(record.Protocol), url = text(point.Url),
      type = text(point.Type), definitions = definitions }
  end
  return made
end

--- A deployed artifact.
function records.artifact(record)
  return { id = text(record.Id), name = text(record.Name), version = text(record.Version),
    type = text(record.Type), status = text(record.Status), deployed_by = text(record.DeployedBy),
    deployed_on = seconds(record.DeployedOn) }
end

--- A user role.
function records.role(record)
  return { name = text(record.Name), description = text(record.Description),
    owner = text(record.Owner) }
end

--- An entry of the keystore.
function records.keystore_entry(record)
  return { alias = text(record.Alias), type = text(record.Type), owner = text(record.Owner),
    key_type = text(record.KeyType), key_size = math.tointeger(tonumber(record.KeySize)),
    not_before = seconds(record.ValidNotBefore), not_after = seconds(record.ValidNotAfter),
    subject = text(record.SubjectDN), issuer = text(record.IssuerDN),
    serial = text(record.SerialNumber), sha256 = text(record.FingerprintSha256),
    validity = text(record.Validity), status = text(record.Status) }
end

return records
