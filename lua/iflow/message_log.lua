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
-- `url` says what stands before /api/v1. One request each, at most 50 a second (SAP allows a user
-- 100); who is told err.retryable may ask again, after err.retry_after seconds if that is there.
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
local clock = require "iflow.clock"
local core = require "iflow.core"
local errors = require "iflow.error"
local new_bucket = require "iflow.sender.bucket"
local tenants = require "iflow.tenant"

local LOGS, ENDPOINTS = "/api/v1/MessageProcessingLogs", "/api/v1/ServiceEndpoints"
local RATE = 50          -- requests a second
local TIMEOUT = 60       -- seconds for one of them, unless the options say otherwise
local TEXT_MAX = 64 * 1024

local message_log = {}

local log = { __name = "iflow.message_log" }
log.__index = log

local outcomes = { COMPLETED = "delivered", FAILED = "failed", ESCALATED = "failed",
  CANCELLED = "failed", DISCARDED = "failed" }

-- Literals and answers --------------------------------------------------------------------------

-- A text as an OData literal, ready for a URL: quotes are doubled, everything unusual escaped.
local function literal(text)
  local quoted = "'" .. text:gsub("'", "''") .. "'"
  return (quoted:gsub("[^%w%-._~']", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function value(field)
  if field == core.json.null then return nil end
  return field
end

-- "/Date(1777881600123)/" -> 1777881600.123
local function seconds(field)
  local ms = type(field) == "string" and field:match "^/Date%((-?%d+)[%d+-]*%)/$"
  return ms and tonumber(ms) / 1000 or nil
end

local function entry_of(record)
  local status = value(record.Status)
  return { message_id = value(record.MessageGuid), correlation_id = value(record.CorrelationId),
    application_id = value(record.ApplicationMessageId),
    application_type = value(record.ApplicationMessageType),
    flow = value(record.IntegrationFlowName), sender = value(record.Sender),
    receiver = value(record.Receiver), status = status, custom_status = value(record.CustomStatus),
    log_level = value(record.LogLevel), started = seconds(record.LogStart),
    ended = seconds(record.LogEnd), outcome = outcomes[status] or "open" }
end

-- Errors ----------------------------------------------------------------------------------------

local function decoded(body)
  local document = type(body) == "string" and core.json.decode(body)
  return type(document) == "table" and document or nil
end

-- What the API says in an error: inside "error" with lang and value, bare with @lang and #text, or
-- OData's XML; nil when it is none of these, so that something else answered.
local function said(body)
  local document = decoded(body)
  if not document then
    return type(body) == "string" and body:match "<message[^>]*>([^<]*)</message>" or nil
  end
  local inner = document.error ~= nil and value(document.error) or document
  local text = type(inner) == "table" and inner.message
  if type(text) == "table" then text = text.value or text["#text"] end
  return type(text) == "string" and text or nil
end

local hints = {
  [401] = "the API needs a service key of plan api (role MonitoringDataRead) of this tenant",
  [403] = "the instance of the service key, of plan api, needs the role MonitoringDataRead",
  [404] = "compare the url of the service key, of plan api, with the tenant's address; for an Edge "
    .. "Integration Cell name what stands before /api/v1 in url",
}

-- The plan of a key is only seen in its client id: "…|it-rt-acme!b12" calls flows.
local function plan_note(self)
  local id = self.tenant.service_key.client_id or ""
  if not id:find("|it-rt", 1, true) then return "" end
  return "; this one is of plan integration-flow"
end

local function failure(self, err)
  local copy = {}
  for name, field in pairs(err) do copy[name] = field end
  local text = said(err.body)
  copy.message = ("the message log of %s: %s%s"):format(self.host, err.message,
    text and not err.message:find(text, 1, true) and " (" .. text .. ")" or "")
  local hint = hints[err.status]
  copy.hint = hint and hint .. plan_note(self) or err.hint
  return errors(copy)
end

-- Asking ----------------------------------------------------------------------------------------

local function get(self, to, query)
  self.bucket:take()
  local _ <close> = clock.work()
  local answer, err = self.tenant:call { to = to, method = "GET", query = query,
    headers = { Accept = "application/json" }, idempotent = true, timeout = self.timeout }
  if answer then return answer end
  return nil, failure(self, err)
end

-- The same for one entity: a 404 by the API itself says that it is not there.
local function get_one(self, path)
  local answer, err = get(self, LOGS .. path)
  if not answer and err.status == 404 and said(err.body) then return { status = 404 } end
  return answer, err
end

local function no_answer(self)
  return nil, errors { code = "http.protocol", retryable = true,
    message = ("the message log of %s answered something else than its JSON"):format(self.host),
    hint = "is a proxy or a portal between?" }
end

-- The content of "d" in an answer.
local function content(self, answer)
  local document = decoded(answer.body)
  if not document or type(document.d) ~= "table" then return no_answer(self) end
  return document.d
end

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

--- The entry of a message processing log id; nil when there is none (yet); nil, err.
function log:find(message_id)
  check(self, "find", message_id, 2)
  local answer, err = get_one(self, ("(%s)"):format(literal(message_id)))
  if not answer then return nil, err end
  if answer.status == 404 then return nil end
  local d
  d, err = content(self, answer)
  return d and entry_of(d), err
end

-- The records of a feed: a list | nil, err. What has no list is never taken for an empty one.
local function feed(self, to, query)
  local answer, err = get(self, to, query)
  if not answer then return nil, err end
  local d
  d, err = content(self, answer)
  if not d then return nil, err end
  if type(d.results) ~= "table" then return no_answer(self) end
  return d.results
end

local function list_of(self, query)
  local records, err = feed(self, LOGS, query)
  if not records then return nil, err end
  local list = {}
  for i, record in ipairs(records) do list[i] = entry_of(record) end
  return list
end

--- The entries with that ApplicationMessageId, in no special order: a list, empty when there are
-- none (yet); nil, err. The header SAP_ApplicationID sets it, if the flow's channel lists that
-- under Allowed Headers, or a step of the flow.
function log:search(application_id)
  check(self, "search", application_id, 2)
  return list_of(self, "$filter=ApplicationMessageId%20eq%20" .. literal(application_id))
end

--- The entries that began in that time (seconds since 1970), `limit` of them at most: a list | nil,
-- err. flow: only those of the integration flow with this id, nil: of all.
function log:between(from, to, limit, flow)
  check(self, "between", "-", 2)
  local function date(at) return os.date("!datetime'%Y-%m-%dT%H:%M:%S'", math.floor(at)) end
  local of_flow = flow and "IntegrationArtifact/Id%20eq%20" .. literal(flow) .. "%20and%20" or ""
  return list_of(self, ("$filter=%sLogStart%%20ge%%20%s%%20and%%20LogStart%%20le%%20%s&$top=%d")
    :format(of_flow, date(from), date(to), limit))
end

local function path_of(url)
  return type(url) == "string" and url:gsub("^%a+://[^/]*", ""):gsub("[?#].*$", "") or nil
end

local function serves(endpoint, path)
  for _, point in ipairs((value(endpoint.EntryPoints) or {}).results or {}) do
    if path_of(point.Url) == path then return true end
  end
  return false
end

--- The id of the integration flow that is called at an address (a URL or its path): a text; nil
-- when the tenant names none, or several; nil, err.
function log:flow_at(address)
  check(self, "flow_at", address, 2)
  local records, err = feed(self, ENDPOINTS, "$expand=EntryPoints")
  if not records then return nil, err end
  local path, found = path_of(address), nil
  for _, endpoint in ipairs(records) do
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
  local answer, err = get_one(self, ("(%s)/ErrorInformation/$value"):format(literal(message_id)))
  if not answer then return nil, err end
  if answer.status ~= 200 or answer.body == "" then return nil end
  return answer.body:sub(1, TEXT_MAX)
end

--- As sender:renew. Internal.
function log:renew(accept)
  local before = self.tenant
  local tenant, err = tenants.for_api(self.options, 2)
  if not tenant then return nil, err end
  local ok
  ok, err = accept(tenant)
  if not ok or self.tenant ~= before then
    tenant:close()
    return ok, err
  end
  self.tenant = tenant
  before:close()
  return true
end

--- Closes its connections. May be repeated.
function log:close()
  local tenant = self.tenant
  self.tenant = nil
  if tenant then tenant:close() end
end
log.__close = log.close

function log:__tostring() return "iflow.message_log: " .. self.host end

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

local function new(_, options)
  if type(options) == "string" then options = { service_key = options } end
  if type(options) ~= "table" then
    error("a message log is opened with the path of a service key of plan api, or options of "
      .. "iflow.tenant, got " .. type(options), 2)
  end
  local tenant, err = tenants.for_api(options, 2)
  if not tenant then return nil, err end
  local host = options.url or tenant.service_key.url or "?"
  return setmetatable({ tenant = tenant, options = options, host = host, bucket = new_bucket(RATE),
    timeout = options.timeout == nil and TIMEOUT or nil }, log)
end

return setmetatable(message_log, { __call = new })
