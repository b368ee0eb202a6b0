--- What a tenant says of itself through its OData API: endpoints, message logs, artifacts, roles
-- and keystore (sap-reference 7.3, 7.4), as `iflow tenant` prints it. Needs a service key of plan
-- api whose instance has the role MonitoringDataRead.
--
--   local tenant_api = require "iflow.tenant_api"
--   local api <close>, err = tenant_api { service_key = "api-key.json" }
--   local list, err = api:endpoints()      -- each has a url: for near matches of an address
--
-- Options are those of lua/iflow/odata.lua. Inside iflow.run. Each function gives nil, err when it
-- fails; times are seconds since 1970; a field that the tenant does not give is nil.
--   endpoints{ protocol =, flow = }   list of { flow = id of the iFlow, name, title, version,
--                protocol = "REST" (HTTPS) | "SOAP" (and IDoc) | "ODATAV2" | "AS2" | "AS4", url,
--                type = "PROD" | "DEV" | "TEST" | "SANDBOX", definitions = { { url, type } … } }.
--                One is shown 30 s to more than 3 minutes after its flow has started.
--   logs{ … }    list of entries (below), newest first; list.more: there are others.
--                  message_id, correlation_id, application_id, flow, status (a text or a list),
--                  since, before (seconds; of the start), headers = { name = value } (custom
--                  header properties), limit = 50
--                SAP's advice is not to combine one of the three ids with other conditions: of
--                several the most telling is asked for alone, and the rest holds here.
--   log(id)      an entry, or nil when there is none (yet): one appears seconds to about a minute
--                after the call, and never with log level NONE. With it
--                  error_text, runs = { { id, started, ended, status, log_level, process } … },
--                  attributes = { { adapter, name, value } … }, headers = { { name, value } … },
--                  unread = { { what =, error = } … }: what the tenant refused to show of these
--   artifacts{ status =, errors = true }   list of { id, name, version, type, status = "STARTING" |
--                "STARTED" | "ERROR" | "STOPPING", deployed_by, deployed_on, error }; error: why
--                one failed, read with errors = true
--   roles()      list of { name, description, owner }
--   keystore()   list of { alias, type, owner, key_type, key_size, not_before, not_after, subject,
--                issuer, serial, sha256, validity, status }
-- An entry: message_id, correlation_id, application_id, application_type, flow, package, sender,
-- receiver, status, custom_status, log_level, transaction_id, web_link, started, ended, duration
-- (seconds), outcome = "delivered", "failed" or "open" (lua/iflow/message_log.lua).

local failure = require "iflow.odata.failure"
local literal = require "iflow.odata.literal"
local odata = require "iflow.odata"
local records = require "iflow.tenant_api.records"
local suggest = require "iflow.suggest"

local LOGS, ARTIFACTS = "MessageProcessingLogs", "IntegrationRuntimeArtifacts"
local LIMIT = 50
local TEXT_MAX = 64 * 1024

local tenant_api = {}

local api = { __name = "iflow.tenant_api" }
api.__index = api

-- Each record through make: a list | nil, err.
local function list_of(self, path, options, make)
  local found, err = self.odata:list(path, options)
  if not found then return nil, err end
  local list = { more = found.more, count = found.count }
  for i, record in ipairs(found) do list[i] = make(record) end
  return list
end

local function check(options, names, level)
  if options == nil then return {} end
  if type(options) ~= "table" then
    error("a table of options is expected, got " .. type(options), level + 1)
  end
  suggest.check_keys(options, names, level + 1)
  return options
end

-- Endpoints -------------------------------------------------------------------------------------

--- The endpoints of deployed flows: a list | nil, err.
function api:endpoints(options)
  options = check(options, { "protocol", "flow" }, 2)
  local found, err = self.odata:list("ServiceEndpoints", { expand = "EntryPoints,ApiDefinitions",
    filter = options.protocol and "Protocol eq " .. odata.literal(options.protocol) or nil })
  if not found then return nil, err end
  local list = {}
  for _, record in ipairs(found) do
    for _, endpoint in ipairs(records.endpoints(record)) do
      if endpoint.url and (not options.flow or endpoint.flow == options.flow) then
        list[#list + 1] = endpoint
      end
    end
  end
  return list
end

-- Logs ------------------------------------------------------------------------------------------

-- The ids by which a log is found, the most telling first.
local ids = { { "message_id", "MessageGuid" }, { "application_id", "ApplicationMessageId" },
  { "correlation_id", "CorrelationId" } }

local function statuses_of(options)
  local status = options.status
  if status == nil or type(status) == "table" and not status[1] then return nil end
  return type(status) == "table" and status or { status }
end

-- "Status eq 'A' or Status eq 'B'" in parentheses, when there are several.
local function any_status(list)
  local parts = {}
  for i, status in ipairs(list) do parts[i] = "Status eq " .. odata.literal(status) end
  return #parts == 1 and parts[1] or "(" .. table.concat(parts, " or ") .. ")"
end

local function conditions(options)
  for _, row in ipairs(ids) do
    local id = options[row[1]]
    if id then return ("%s eq %s"):format(row[2], odata.literal(id)), true end
  end
  local parts, statuses = {}, statuses_of(options)
  local function add(form, value)
    if value ~= nil then parts[#parts + 1] = form:format(value) end
  end
  add("IntegrationFlowName eq %s", options.flow and odata.literal(options.flow))
  add("%s", statuses and any_status(statuses))
  add("LogStart ge %s", options.since and odata.time(options.since))
  add("LogStart lt %s", options.before and odata.time(math.ceil(options.before)))
  return parts[1] and table.concat(parts, " and ") or nil, false
end

local function header_conditions(headers)
  local parts = {}
  for name, value in pairs(headers or {}) do
    parts[#parts + 1] = ("%s eq %s"):format(odata.literal(name), odata.literal(value))
  end
  table.sort(parts)
  return parts[1] and { filterCustomHeaderProperties = table.concat(parts, " and ") } or nil
end

local function has(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

-- What the question left out.
local function fits(entry, options)
  for _, row in ipairs(ids) do
    if options[row[1]] and entry[row[1]] ~= options[row[1]] then return false end
  end
  local statuses = statuses_of(options)
  return (not options.flow or entry.flow == options.flow)
    and (not statuses or has(statuses, entry.status))
    and (not options.since or (entry.started or math.huge) >= math.floor(options.since))
    and (not options.before or (entry.started or 0) < math.ceil(options.before))
end

local function newest_first(a, b) return (a.started or 0) > (b.started or 0) end

-- What an id finds is little: all of it, the rest of the conditions here.
local function by_id(self, filter, options, limit)
  local found, err = list_of(self, LOGS, { filter = filter }, records.log)
  if not found then return nil, err end
  table.sort(found, newest_first)
  local list = { more = false }
  for _, entry in ipairs(found) do
    if fits(entry, options) then
      if #list == limit then
        list.more = true
        break
      end
      list[#list + 1] = entry
    end
  end
  return list
end

--- The message processing logs that fit, newest first: a list | nil, err.
function api:logs(options)
  options = check(options, { "message_id", "correlation_id", "application_id", "flow", "status",
    "since", "before", "headers", "limit" }, 2)
  local limit = options.limit or LIMIT
  local filter, is_id = conditions(options)
  if is_id and not options.headers then return by_id(self, filter, options, limit) end
  return list_of(self, LOGS, { filter = filter, orderby = "LogStart desc", limit = limit,
    query = header_conditions(options.headers) }, records.log)
end

-- What hangs on a log; what the tenant refuses is noted, since the rest is worth telling.
local function hanging(self, entry, path, what, make)
  local found, err = list_of(self, path .. "/" .. what, nil, make)
  if found then return found end
  entry.unread[#entry.unread + 1] = { what = what, error = err }
  return {}
end

--- One log with all that hangs on it: an entry; nil when there is none (yet); nil, err.
function api:log(id)
  local path = odata.entity(LOGS, id)
  local record, err = self.odata:find(path)
  if not record then return nil, err end
  local entry = records.log(record)
  entry.unread = {}
  entry.attributes = hanging(self, entry, path, "AdapterAttributes", records.note)
  entry.headers = hanging(self, entry, path, "CustomHeaderProperties", records.note)
  entry.runs = hanging(self, entry, path, "Runs", records.run)
  if entry.outcome ~= "delivered" then
    local text
    text, err = self.odata:text(path .. "/ErrorInformation")
    if err then entry.unread[#entry.unread + 1] = { what = "ErrorInformation", error = err } end
    entry.error_text = text and text:sub(1, TEXT_MAX)
  end
  return entry
end

-- Artifacts, roles, keystore --------------------------------------------------------------------

-- The text in the JSON of an artifact's error; all of it when it is of another form.
local function error_of(text)
  local document = failure.decode(text)
  local message = document and document.message
  if type(message) == "table" then message = message.messageText or message.messageId end
  return type(message) == "string" and message or text:sub(1, TEXT_MAX)
end

local function read_errors(self, list)
  for _, artifact in ipairs(list) do
    if artifact.status == "ERROR" and artifact.id then
      local text, err = self.odata:text(literal.entity(ARTIFACTS, artifact.id)
        .. "/ErrorInformation")
      if err then return nil, err end
      artifact.error = text and error_of(text)
    end
  end
  return list
end

--- What is deployed: a list | nil, err.
function api:artifacts(options)
  options = check(options, { "status", "errors" }, 2)
  local list, err = list_of(self, ARTIFACTS, {
    filter = options.status and "Status eq " .. odata.literal(options.status) or nil },
    records.artifact)
  if list and options.errors then return read_errors(self, list) end
  return list, err
end

--- The user roles that sender channels can ask for: a list | nil, err.
function api:roles() return list_of(self, "UserRoles", nil, records.role) end

--- The entries of the tenant's keystore: a list | nil, err.
function api:keystore() return list_of(self, "KeystoreEntries", nil, records.keystore_entry) end

--- Closes its connections. May be repeated.
function api:close() self.odata:close() end
api.__close = api.close

function api:__tostring() return "iflow.tenant_api: " .. self.odata.host end

return setmetatable(tenant_api, { __call = function(_, options)
  local client, err = odata.open(options, 2)
  if not client then return nil, err end
  return setmetatable({ odata = client }, api)
end })
