---@meta _

--- The tenant's API: what a tenant says of itself.
---
--- Endpoints, message logs, artifacts, roles and keystore, as `iflow tenant` prints them. Needs a
--- service key of plan api whose instance has the role MonitoringDataRead.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.run(function()
---   local api <close> = assert(iflow.tenant_api { service_key = "api-key.json" })
---   local endpoints = assert(api:endpoints { protocol = "REST" })
---   for _, endpoint in ipairs(endpoints) do print(endpoint.url) end
---   local failed = assert(api:logs { status = "FAILED", since = iflow.now() - 3600 })
---   print(#failed, failed.more)
--- end)
--- ```

---@class iflow
local iflow = {}

--- Opens it; a path alone is the service key. Errors: those of `iflow.tenant`.
---@param options string|iflow.odata.options
---@return iflow.tenant_api? api
---@return iflow.error? err
function iflow.tenant_api(options) end

--- An address where a flow is called.
---@class iflow.tenant_api.endpoint
--- Id of the flow.
---@field flow? string
--- Of the artifact.
---@field name? string
--- Of the artifact.
---@field title? string
--- Of the artifact.
---@field version? string
--- "REST" (HTTPS), "SOAP" (and IDoc), "ODATAV2", "AS2", "AS4".
---@field protocol? string
--- The address.
---@field url string
--- "PROD", "DEV", "TEST", "SANDBOX".
---@field type? string
--- API definitions: { url, type }.
---@field definitions table[]

--- What `api:endpoints` looks for.
---@class iflow.tenant_api.endpoints.options
--- Such as "REST".
---@field protocol? string
--- Id of the flow.
---@field flow? string

--- What `api:logs` looks for.
---@class iflow.tenant_api.logs.options
--- Message processing log id.
---@field message_id? string
--- Correlation id.
---@field correlation_id? string
--- ApplicationMessageId.
---@field application_id? string
--- Name of the integration flow.
---@field flow? string
--- One status or several.
---@field status? string|string[]
--- Seconds since 1970: it began then or later.
---@field since? number
--- Seconds since 1970: it began earlier.
---@field before? number
--- Custom header properties.
---@field headers? table<string, string>
--- How many at most. Default: `50`.
---@field limit? integer

--- A log with all that hangs on it.
---@class iflow.tenant_api.log : iflow.message_log.entry
--- Why it failed.
---@field error_text? string
--- { id, started, ended, status, log_level, process }.
---@field runs table[]
--- { adapter, name, value }.
---@field attributes table[]
--- { name, value }.
---@field headers table[]
--- What the tenant refused to show: { what, error }.
---@field unread table[]

--- What `api:artifacts` looks for.
---@class iflow.tenant_api.artifacts.options
--- Such as "STARTED" or "ERROR".
---@field status? string
--- Reads why those in state ERROR failed. Default: `false`.
---@field errors? boolean

--- What is deployed.
---@class iflow.tenant_api.artifact
--- Its id.
---@field id? string
--- Its name.
---@field name? string
--- Its version.
---@field version? string
--- INTEGRATION_FLOW …
---@field type? string
--- STARTING, STARTED, ERROR, STOPPING.
---@field status? string
--- Who deployed it.
---@field deployed_by? string
--- Seconds since 1970.
---@field deployed_on? number
--- Why it failed, read with `errors = true`.
---@field error? string

--- A client of the tenant's API. A `<close>` variable closes it. Everything waits; errors are
--- those of `tenant:call`, in words of the API.
---@class iflow.tenant_api
local api = {}

--- The addresses of deployed flows.
---@param options? iflow.tenant_api.endpoints.options
---@return iflow.tenant_api.endpoint[]? endpoints
---@return iflow.error? err
function api:endpoints(options) end

--- The message processing logs that fit, newest first; `list.more`: there are others.
---@param options? iflow.tenant_api.logs.options
---@return iflow.message_log.entry[]? list
---@return iflow.error? err
function api:logs(options) end

--- One log with all that hangs on it.
---@param id string Message processing log id
---@return iflow.tenant_api.log? log nil alone when there is none (yet)
---@return iflow.error? err
function api:log(id) end

--- What is deployed.
---@param options? iflow.tenant_api.artifacts.options
---@return iflow.tenant_api.artifact[]? artifacts
---@return iflow.error? err
function api:artifacts(options) end

--- The user roles that sender channels can ask for: name, description, owner.
---@return { name: string, description?: string, owner?: string }[]? roles
---@return iflow.error? err
function api:roles() end

--- The entries of the tenant's keystore: alias, type, owner, not_after, subject, status …
---@return table[]? entries
---@return iflow.error? err
function api:keystore() end

--- Closes its connections. May be repeated.
function api:close() end
