---@meta _

--- OData: any question to the tenant's API.
---
--- It knows literals, pages, errors, rate limits and CSRF; what the sets mean is for
--- `iflow.tenant_api`, or for you.
---
--- ```lua
--- local iflow = require "iflow"
--- local odata = iflow.odata
--- iflow.run(function()
---   local api <close> = assert(odata { service_key = "api-key.json" })
---   local list = assert(api:list("MessageProcessingLogs", { orderby = "LogStart desc", limit = 50,
---     filter = "Status eq " .. odata.literal "FAILED" }))
---   for _, record in ipairs(list) do print(record.MessageGuid, odata.seconds(record.LogEnd)) end
--- end)
--- ```

--- Options of `iflow.odata` and `iflow.tenant_api`.
---@class iflow.odata.options : iflow.tenant.options
--- What is done about transient failures of reads. Default: `"sap"`.
---@field retry? iflow.retry|iflow.retry.options|"sap"|"none"|iflow.retry.ask

--- Opens clients, and writes what stands in questions. A path alone is the service key. Errors:
--- those of `iflow.tenant`.
---@class iflow.odata.module
---@overload fun(options: string|iflow.odata.options): iflow.odata?, iflow.error?
local module = {}

--- A text for a filter, quotes doubled.
---@param text string
---@return string literal
function module.literal(text) end

--- A time for a filter.
---@param seconds number Since 1970
---@return string literal
function module.time(seconds) end

--- The path of an entity: a set and its key.
---@param set string
---@param key string|table<string, string> A text, or several properties
---@return string path
function module.entity(set, key) end

--- What a date in JSON says.
---@param field any
---@return number? seconds Since 1970; nil when it is no date
function module.seconds(field) end

--- The key of a keystore entry: its alias in hexadecimal.
---@param text string
---@return string hex
function module.hex(text) end

--- The plan that a client id tells of.
---@param client_id string
---@return "api"|"integration-flow"|nil plan
function module.plan(client_id) end

--- Options of a question.
---@class iflow.odata.query
--- $filter.
---@field filter? string
--- $orderby.
---@field orderby? string|string[]
--- $top.
---@field top? integer
--- $skip.
---@field skip? integer
--- $select.
---@field select? string|string[]
--- $expand.
---@field expand? string|string[]
--- $inlinecount: `list.count` says how many match. Default: `false`.
---@field count? boolean
--- What else there is, by name.
---@field query? table<string, any>
--- Of `api:list`: how many at most.
---@field limit? integer

--- Options of `api:send`.
---@class iflow.odata.send.options
--- What is sent.
---@field body? string
--- Header fields.
---@field headers? table<string, string>
--- Query parameters.
---@field query? table<string, any>

--- A client of the tenant's OData API. A `<close>` variable closes it. Values are plain: null is
--- nil, what was expanded is a list, a date stays a text. Errors: those of `tenant:call`, in words
--- of the API (`err.said` is its own), `http.protocol`, `limit.exceeded`.
---@class iflow.odata
--- Host of the API.
---@field host string
local api = {}

--- What stands at a path.
---@param path string Behind /api/v1/, keys escaped
---@param options? iflow.odata.query
---@return table? value
---@return iflow.error? err
function api:get(path, options) end

--- What stands at a path, if there is anything.
---@param path string Behind /api/v1/, keys escaped
---@param options? iflow.odata.query
---@return table? value nil alone when there is nothing
---@return iflow.error? err
function api:find(path, options) end

--- The text of a $value.
---@param path string Behind /api/v1/, keys escaped
---@return string? text nil alone when there is none
---@return iflow.error? err
function api:text(path) end

--- Pages of a collection, for a generic for; after an error one more: false, err.
---@param path string Behind /api/v1/, keys escaped
---@param options? iflow.odata.query
---@return fun(): (table[]|false|nil), iflow.error? pages
function api:each(path, options) end

--- All records of a collection, 100,000 at most; `list.more`: `limit` left out others.
---@param path string Behind /api/v1/, keys escaped
---@param options? iflow.odata.query
---@return table[]? list
---@return iflow.error? err
function api:list(path, options) end

--- Changes something; a CSRF token is fetched before the first time.
---@param method string
---@param path string Behind /api/v1/, keys escaped
---@param options? iflow.odata.send.options
---@return iflow.answer? answer
---@return iflow.error? err
function api:send(method, path, options) end

--- Closes its connections. May be repeated.
function api:close() end
