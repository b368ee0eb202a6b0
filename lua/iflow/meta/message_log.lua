---@meta _

--- The message log: what became of a message, by the tenant's own word.
---
--- Asks the tenant's OData API with a service key of plan api whose instance has the role
--- MonitoringDataRead. The sender options `api`, `confirm` and `in_doubt` use it by themselves.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.run(function()
---   local log <close> = assert(iflow.message_log { service_key = "api-key.json" })
---   local entry, err = log:find "AGdzT1b…"
---   print(entry and entry.status or err)
--- end)
--- ```

--- An entry of the log.
---@class iflow.message_log.entry
--- Message processing log id.
---@field message_id? string
--- Correlation id.
---@field correlation_id? string
--- ApplicationMessageId, which the header SAP_ApplicationID sets.
---@field application_id? string
--- ApplicationMessageType.
---@field application_type? string
--- Id of the integration flow.
---@field flow? string
--- Of the flow's package.
---@field package? string
--- Sender, as the flow says.
---@field sender? string
--- Receiver, as the flow says.
---@field receiver? string
--- COMPLETED, FAILED, PROCESSING, RETRY …
---@field status? string
--- Status that the flow set.
---@field custom_status? string
--- NONE, INFO, DEBUG, TRACE …
---@field log_level? string
--- Id of the transaction.
---@field transaction_id? string
--- Address of its page.
---@field web_link? string
--- Seconds since 1970.
---@field started? number
--- Seconds since 1970; nil while it runs.
---@field ended? number
--- Seconds that it took.
---@field duration? number
--- What the status means for the message.
---@field outcome "delivered"|"failed"|"open"

--- Opens message logs. Options are those of a tenant; a path alone is the service key. Errors:
--- those of `iflow.tenant`.
---@class iflow.message_log.module
---@overload fun(options: string|iflow.tenant.options): iflow.message_log?, iflow.error?
local module = {}

--- What several entries of one message say together: "delivered" when one is COMPLETED, "open"
--- when one may still become it, "failed", "stale" when they are all older than `since`, "none".
---@param list iflow.message_log.entry[]
---@param since? number Seconds since 1970; all count when it is not given
---@return "delivered"|"open"|"failed"|"stale"|"none" verdict
---@return iflow.message_log.entry? entry The one that decides
function module.judge(list, since) end

--- The message log of a tenant. A `<close>` variable closes it. One request each, and one a page
--- of a list. Errors: those of `tenant:call`, in words of the API.
---@class iflow.message_log
local log = {}

--- The entry of a message processing log id.
---@param message_id string
---@return iflow.message_log.entry? entry nil alone when there is none (yet)
---@return iflow.error? err
function log:find(message_id) end

--- The entries with an ApplicationMessageId.
---@param application_id string
---@return iflow.message_log.entry[]? entries
---@return iflow.error? err
function log:search(application_id) end

--- The entries that began in a time.
---@param from number Seconds since 1970
---@param to number Seconds since 1970
---@param limit? integer How many at most
---@param flow? string Id of the integration flow; all when it is not given
---@return iflow.message_log.entry[]? entries
---@return iflow.error? err
function log:between(from, to, limit, flow) end

--- The id of the integration flow that is called at an address.
---@param address string A URL or its path
---@return string? flow nil alone when the tenant names none, or several
---@return iflow.error? err
function log:flow_at(address) end

--- Why a message failed.
---@param message_id string
---@return string? text nil alone when the log has none
---@return iflow.error? err
function log:error_text(message_id) end

--- Closes its connections. May be repeated.
function log:close() end
