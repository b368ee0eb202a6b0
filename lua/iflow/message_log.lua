--- The message processing log of a tenant: what became of a message, by the tenant's own word. Asks
-- its OData API (sap-reference 7.1, 7.3) with a service key of plan api whose instance has the role
-- MonitoringDataRead; a key of plan integration-flow does not open it.
--
--   local log <close> = assert(iflow.message_log { service_key = "api-key.json" })
--   local entry, err = log:find(answer.message_id)           -- by message processing log id
--   local list, err  = log:search("018f…")                   -- by ApplicationMessageId: a list
--   local text, err  = log:error_text(entry.message_id)      -- why it failed
--   local flow, err  = log:flow_at "/http/orders"            -- the id of the flow that is called
--   local verdict, entry = iflow.message_log.judge(list)     -- all of them together
--
-- Options are those of iflow.tenant; a path alone is the service key. For an Edge Integration Cell
-- `url` says what stands before /api/v1. One request each, and one a page of a longer list, at most
-- 50 a second (SAP allows a user 100); who is told err.retryable may ask again, after
-- err.retry_after seconds if that is there. More of what a tenant says: lua/iflow/tenant_api.lua.
--
-- An entry: message_id, correlation_id, application_id, application_type, flow, sender, receiver,
-- status, custom_status, log_level, started, ended (seconds since 1970; ended nil while it runs),
-- and outcome, what the status means for the message:
--   "delivered"  COMPLETED
--   "failed"     FAILED, ESCALATED, CANCELLED, DISCARDED: it is over, nothing was delivered
--   "open"       PROCESSING, RETRY, ABANDONED (it may resume), and any status not known here
--
-- A log appears seconds to about a minute after the call, so one that is not there says nothing
-- before that; and with log level NONE there never is one. The sender options `api`, `confirm` and
-- `in_doubt` (lua/iflow/sender.lua) do the waiting.

local caller = require "iflow.caller"
local odata = require "iflow.odata"
local records = require "iflow.tenant_api.records"

local LOGS, ENDPOINTS = "MessageProcessingLogs", "ServiceEndpoints"
local TEXT_MAX = 64 * 1024

local message_log = {}

local log = { __name = "iflow.message_log" }
log.__index = log

local function check(self, name, text, level)
  if getmetatable(self) ~= log then
    error(("use a colon: log:%s(…)"):format(name), level + 1)
  end
  if type(text) ~= "string" or text == "" then
    error(("log:%s takes an id, a text, got %s"):format(name, type(text)), level + 1)
  end
  if not self.tenant then error("the message log is closed", level + 1) end
  caller.check_waits(name, level + 1)
end

local function list_of(self, options)
  local found, err = self.api:list(LOGS, options)
  if not found then return nil, err end
  local list = {}
  for i, record in ipairs(found) do list[i] = records.log(record) end
  return list
end

--- The entry of a message processing log id; nil when there is none (yet); nil, err.
function log:find(message_id)
  check(self, "find", message_id, 2)
  local record, err = self.api:find(odata.entity(LOGS, message_id))
  return record and records.log(record), err
end

--- The entries with that ApplicationMessageId, in no special order: a list, empty when there are
-- none (yet); nil, err. The header SAP_ApplicationID sets it, if the flow's channel lists that
-- under Allowed Headers, or a step of the flow.
function log:search(application_id)
  check(self, "search", application_id, 2)
  return list_of(self, { filter = "ApplicationMessageId eq " .. odata.literal(application_id) })
end

--- The entries that began in that time (seconds since 1970), `limit` of them at most: a list | nil,
-- err. flow: only those of the integration flow with this id, nil: of all.
function log:between(from, to, limit, flow)
  check(self, "between", "-", 2)
  local of_flow = flow and ("IntegrationArtifact/Id eq %s and "):format(odata.literal(flow)) or ""
  return list_of(self, { limit = limit, filter = ("%sLogStart ge %s and LogStart le %s"):format(
    of_flow, odata.time(from), odata.time(to)) })
end

local function path_of(url)
  return type(url) == "string" and url:gsub("^%a+://[^/]*", ""):gsub("[?#].*$", "") or nil
end

local function serves(endpoint, path)
  for _, point in ipairs(records.endpoints(endpoint)) do
    if path_of(point.url) == path then return true end
  end
  return false
end

--- The id of the integration flow that is called at an address (a URL or its path): a text; nil
-- when the tenant names none, or several; nil, err.
function log:flow_at(address)
  check(self, "flow_at", address, 2)
  local endpoints, err = self.api:list(ENDPOINTS, { expand = "EntryPoints" })
  if not endpoints then return nil, err end
  local path, found = path_of(address), nil
  for _, endpoint in ipairs(endpoints) do
    local id = serves(endpoint, path) and type(endpoint.Id) == "string"
      and endpoint.Id:match "^(.-)%$endpointAddress="
    if id and found and id ~= found then return nil end
    found = id or found
  end
  return found
end

--- Why the message with that message processing log id failed: a text; nil when the log has none;
-- nil, err.
function log:error_text(message_id)
  check(self, "error_text", message_id, 2)
  local text, err = self.api:text(odata.entity(LOGS, message_id) .. "/ErrorInformation")
  return text and text:sub(1, TEXT_MAX), err
end

--- As sender:renew. Internal.
function log:renew(accept)
  local ok, err = self.api:renew(accept)
  self.tenant = self.api.tenant
  return ok, err
end

--- Closes its connections. May be repeated.
function log:close()
  self.tenant = nil
  self.api:close()
end
log.__close = log.close

function log:__tostring() return "iflow.message_log: " .. self.api.host end

-- Judging ---------------------------------------------------------------------------------------

local function later(a, b) return (a.started or 0) > (b.started or 0) end

--- What several entries of one message say together: a verdict and the entry that decides.
--   "delivered"  one of them is COMPLETED: whatever else was tried, the message is through
--   "open"       none is, and one may still become it
--   "failed"     all are over, without success; the entry is the last one
--   "stale"      the same, but all began before `since`: they tell of earlier attempts only
--   "none"       there are none
-- since: seconds since 1970, nil: all count.
function message_log.judge(list, since)
  local found = {}
  for _, entry in ipairs(list) do
    local other = found[entry.outcome]
    if not other or later(entry, other) then found[entry.outcome] = entry end
  end
  if found.delivered then return "delivered", found.delivered end
  if found.open then return "open", found.open end
  if not found.failed then return "none" end
  local is_stale = since and found.failed.started and found.failed.started < since
  return is_stale and "stale" or "failed", found.failed
end

-- One request means one: who waits for a log asks again by a plan of its own.
local function new(_, options)
  if type(options) == "string" then options = { service_key = options } end
  if type(options) ~= "table" then
    error("a message log is opened with the path of a service key of plan api, or options of "
      .. "iflow.tenant, got " .. type(options), 2)
  end
  local api, err = odata.open(options, 2, "none")
  if not api then return nil, err end
  return setmetatable({ api = api, tenant = api.tenant }, log)
end

return setmetatable(message_log, { __call = new })
