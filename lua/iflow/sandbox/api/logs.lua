--- The message processing logs as records of the OData API: which are shown yet, and still, and
--- what hangs on each. A log appears after the setting log_delay, and goes after log_retention.
local logs = {}

local WEB_LINK = "%s/itspaces/shell/monitoring/MessageProcessingRunDetails/"
  .. "%%7B%%22id%%22:%%22%s%%22%%7D"

local function is_shown(tenant, entry)
  local age, settings = tenant.now() - entry.started, tenant.settings
  return age >= settings.log_delay
    and (settings.log_retention == 0 or age < settings.log_retention * 86400)
end

-- Properties that are an entry's field by another name, and those that are made of it.
local SAME = {
  MessageGuid = "id", CorrelationId = "correlation_id", ApplicationMessageId = "application_id",
  ApplicationMessageType = "application_type", PredecessorMessageGuid = "predecessor_id",
  LogStart = "started", LogEnd = "ended", Sender = "sender_name", Receiver = "receiver_name",
  IntegrationFlowName = "flow", Status = "status", TransactionId = "transaction_id",
}
local MADE = {
  AlternateWebLink = function(entry, tenant)
    return WEB_LINK:format(tenant.addresses:url("api"), entry.id)
  end,
  IntegrationArtifact = function(entry)
    return { Id = entry.flow, Name = entry.flow, Type = "INTEGRATION_FLOW", PackageId = "Sandbox",
             PackageName = "Sandbox" }
  end,
  LogLevel = function(entry) return entry.log_level or "INFO" end,
  CustomStatus = function(entry) return entry.custom_status or entry.status end,
  LocalComponentName = function() return "CPI_sandbox" end,
}

-- Properties are looked up when they are asked for: a query reads few of many logs.
local record = {}

function record.__index(self, name)
  if SAME[name] then return self.entry[SAME[name]] end
  return MADE[name] and MADE[name](self.entry, self.tenant)
end

local function record_of(tenant, entry)
  return setmetatable({ entry = entry, tenant = tenant }, record)
end

--- All that are shown, oldest first.
function logs.list(tenant)
  local list = {}
  for entry in tenant.log:each() do
    if is_shown(tenant, entry) then list[#list + 1] = record_of(tenant, entry) end
  end
  return list
end

--- The one of that id, if it is shown.
function logs.find(tenant, id)
  local entry = tenant.log:find(id)
  return entry and is_shown(tenant, entry) and record_of(tenant, entry) or nil
end

function logs.none() return {} end

--- What a log says of its failure; its text is the $value.
function logs.error_of(entry) return { MessageGuid = entry.id, text = entry.error } end

-- What hangs on a log has its id and a number behind a dash as id.
local function numbered(entry, list, make)
  local records = {}
  for i, item in ipairs(list or {}) do
    records[i] = make(item)
    records[i].Id, records[i].entry = ("%s-%d"):format(entry.id, i), entry
  end
  return records
end

function logs.attributes_of(entry)
  return numbered(entry, entry.adapter_attributes, function(attribute)
    return { AdapterId = attribute.adapter, AdapterMessageId = entry.id, Name = attribute.name,
             Value = attribute.value }
  end)
end

function logs.headers_of(entry)
  return numbered(entry, entry.custom_headers, function(header)
    return { Name = header.name, Value = header.value }
  end)
end

function logs.runs_of(entry)
  return numbered(entry, { entry }, function()
    return { RunStart = entry.started, RunStop = entry.ended, LogLevel = entry.log_level or "INFO",
             OverallState = entry.status, ProcessId = "sandbox" }
  end)
end

--- What of(entry) gives, of all that are shown.
function logs.all(tenant, of)
  local list = {}
  for entry in tenant.log:each() do
    for _, item in ipairs(is_shown(tenant, entry) and of(entry) or {}) do list[#list + 1] = item end
  end
  return list
end

--- The navigation back to the log.
function logs.back(name)
  return { name = name, set = "MessageProcessingLogs", many = false,
           read = function(tenant, item) return record_of(tenant, item.entry) end }
end

return logs
