---@meta _

--- The sandbox: a tenant on localhost.
---
--- Token servers, load balancer, worker and service broker, true to SAP's documented behaviour.
--- What each operation gives is said at greater length by `iflow sandbox --help`.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.run(function()
---   local tenant <close> = assert(iflow.sandbox.start { hostname = "localhost" })
---   assert(tenant:create_instance { name = "orders", roles = { "ESBMessaging.send" } })
---   local key = assert(tenant:create_key { instance = "orders", name = "k1" })
---   assert(key.oauth or key.clientid or next(key))
---   assert(tenant:deploy { name = "orders", address = "/orders",
---     process = function() return 200, {}, "done" end })
---   assert(#tenant:flows() == 1)
--- end)
--- ```

--- Options of `iflow.sandbox.start`.
---@class iflow.sandbox.options
--- Its directory; a temporary one when it is not given.
---@field dir? string
--- The first of five ports; 0: free ones, or those of the last start in `dir`. Default: `0`.
---@field port? integer
--- "localhost" for clients that cannot resolve *.localhost.
---@field hostname? string
--- Settings by name, see `iflow sandbox settings`. Default: `{}`.
---@field settings? table<string, any>
--- A clock, for tests: seconds since 1970.
---@field now? fun(): number

--- Starts sandboxes.
---@class iflow.sandbox.module
local module = {}

--- Starts one; waits. Errors: `sandbox.failed`, `file.*`, `system.failed`.
---@param opts? iflow.sandbox.options
---@return iflow.sandbox? sandbox
---@return iflow.error? err
function module.start(opts) end

--- A flow to deploy.
---@class iflow.sandbox.flow
--- Of the artifact.
---@field name? string
--- Of its sender channel. Default: `"https"`.
---@field adapter? "https"|"soap"|"as2"|"odata"
--- "/orders", or "/Customer/*" for everything below; called as /http/orders. Needed.
---@field address string
--- User Role of the sender channel. Default: `"ESBMessaging.send"`.
---@field role? string
--- CSRF protection; true for HTTPS when it is not given, false in a test.
---@field csrf? boolean
--- Maximum Message Size in bytes; the setting max_size when it is not given.
---@field max_size? integer
--- Allowed Headers, "X-Order|X-My*" or a list; none when it is not given.
---@field allowed_headers? string|string[]
--- Of a SOAP channel; without it the flow answers.
---@field one_way? "standard"|"robust"
--- The sender gets the text of the exception. Default: `false`.
---@field return_exception? boolean
--- The flow reads the body itself, piece by piece. Default: `false`.
---@field stream? boolean
--- What the flow does: returns status, headers, body; raises to fail.
---@field process? fun(exchange: iflow.sandbox.exchange): integer, table, string|fun(): string?

--- What a flow sees of a message.
---@class iflow.sandbox.exchange
--- HTTP method.
---@field method string
--- The path behind the address.
---@field path string
--- The query, as it was sent.
---@field query? string
--- The query's parameters.
---@field parameters table<string, string>
--- The headers that came through, names in lower case.
---@field headers table<string, string>
--- The body; nil of a flow with `stream`.
---@field body? string
--- Client id of the sender.
---@field sender string
--- How it was authenticated.
---@field authenticated_by string
--- Id of the message processing log.
---@field message_id string
--- Correlation id of the log.
---@field correlation_id string
local exchange = {}

--- A header by its name, in whatever case.
---@param name string
---@return string? value
function exchange:header(name) end

--- The next piece of the body, for flows with `stream`.
---@return string? piece nil at the end
function exchange:read() end

--- With what the log ends, instead of COMPLETED or FAILED.
---@param status string
---@param reason? string
function exchange:set_status(status, reason) end

--- A custom header property of the log.
---@param name string
---@param value string
function exchange:add_custom_header(name, value) end

--- What an adapter notes in the log.
---@param name string
---@param value string
function exchange:add_adapter_attribute(name, value) end

--- A fault that is on.
---@class iflow.sandbox.fault
--- Its number.
---@field number integer
--- As it was given.
---@field fault string
--- Requests it was meant for.
---@field requests integer
--- Requests it happened to.
---@field happened integer
--- Of its dice, when it has any.
---@field seed? integer

--- What `sandbox:create_instance` takes.
---@class iflow.sandbox.instance.options
--- Its name. Needed.
---@field name string
--- The plan. Default: `"integration-flow"`.
---@field plan? "integration-flow"|"api"
--- Roles.
---@field roles? string[]
--- Seconds.
---@field token_validity? integer
--- Grant types.
---@field grant_types? string[]
--- Redirect URIs.
---@field redirect_uris? string[]

--- What `sandbox:create_key` takes.
---@class iflow.sandbox.key.options
--- Name of the instance. Needed.
---@field instance string
--- Name of the key. Needed.
---@field name string
--- Its type. Default: `"secret"`.
---@field type? "secret"|"certificate"|"external"
--- Days, of a certificate.
---@field validity? integer
--- Bits, of a certificate.
---@field key_length? integer
--- One certificate in PEM, of an external one.
---@field x509? string
--- false: later certificates of the same names will do, too.
---@field pin? boolean

--- A tenant on localhost. A `<close>` variable ends it. Operations give nil, err when they are
--- refused. Errors: `sandbox.refused`, `usage.invalid`.
---@class iflow.sandbox
--- Its directory.
---@field dir string
--- Addresses of its hosts, by name.
---@field endpoints table<string, string>
local sandbox = {}

--- Creates a service instance.
---@param given iflow.sandbox.instance.options
---@return table? instance
---@return iflow.error? err
function sandbox:create_instance(given) end

--- Creates a service key.
---@param given iflow.sandbox.key.options
---@return table? key The document that a user downloads
---@return iflow.error? err
function sandbox:create_key(given) end

--- Deletes an instance with its keys; tokens that were issued live on.
---@param name string
---@return true? deleted
---@return iflow.error? err
function sandbox:delete_instance(name) end

--- Deletes a key; tokens that were issued for it live on.
---@param instance string
---@param name string
---@return true? deleted
---@return iflow.error? err
function sandbox:delete_key(instance, name) end

--- The instances, without secrets.
---@return table[] instances
function sandbox:instances() end

--- Deploys a flow: a file, a table, or { source, file }.
---@param given string|iflow.sandbox.flow|{ source: string, file?: string }
---@return { name: string, address: string, path: string }? flow
---@return iflow.error? err
function sandbox:deploy(given) end

--- Takes a flow away.
---@param name string
---@return true? undeployed
---@return iflow.error? err
function sandbox:undeploy(name) end

--- The deployed flows.
---@return table[] flows
function sandbox:flows() end

--- Roles: "list"; "add", name, description; "remove", name.
---@param action "list"|"add"|"remove"
---@param name? string
---@param description? string
---@return any roles
---@return iflow.error? err
function sandbox:role(action, name, description) end

--- Turns a fault on, such as "token:429@10%".
---@param text string
---@return iflow.sandbox.fault? fault
---@return iflow.error? err
function sandbox:fault(text) end

--- Ends one fault, or all.
---@param number? integer
---@return integer? count
---@return iflow.error? err
function sandbox:clear_faults(number) end

--- The faults that are on.
---@return iflow.sandbox.fault[] faults
function sandbox:faults() end

--- The message processing logs, oldest first.
---@return table[] logs
function sandbox:log() end

--- One message processing log.
---@param id string
---@return table? log
---@return iflow.error? err
function sandbox:message(id) end

--- Sets the status of a log, as if a retry ended or somebody cancelled it.
---@param id string
---@param status string
---@param reason? string
---@return table? log
---@return iflow.error? err
function sandbox:set_status(id, status, reason) end

--- What was asked of the tenant and which rule decided.
---@param after? integer Only events behind this number
---@param seconds? number How long the first is waited for
---@return { events: table[], last: integer, closed: boolean }? decisions
---@return iflow.error? err
function sandbox:decisions(after, seconds) end

--- What was counted so far.
---@return table counters
function sandbox:counters() end

--- All settings, after these were changed.
---@param given? table<string, any>
---@return table[]? settings
---@return iflow.error? err
function sandbox:settings(given) end

--- Where it runs.
---@return { pid: integer, endpoints: table<string, string> } status
function sandbox:status() end

--- A new key signs tokens; those of the old one stay good for a while, unless it is forced.
---@param forced? boolean
---@return { kid: string, retired: string? }? keys
---@return iflow.error? err
function sandbox:rotate(forced) end

--- A forced rotation: every token so far is refused at once.
---@return true? rotated
---@return iflow.error? err
function sandbox:rotate_signing_key() end

--- Exchanges the root of the server certificates; without a step nothing changes.
---@param step? "announce"|"exchange"
---@return { served: table, announced: table? }? roots
---@return iflow.error? err
function sandbox:server_root(step) end

--- Adds roots to a list of authorities; without any the lists themselves.
---@param pem? string
---@param list? "balancer"|"token"|"both"
---@return any subjects
---@return iflow.error? err
function sandbox:trust(pem, list) end

--- Takes a root off a list of authorities.
---@param sha256 string
---@param list? "balancer"|"token"|"both"
---@return string[]? subjects
---@return iflow.error? err
function sandbox:untrust(sha256, list) end

--- The state of worker nodes, after it was set.
---@param state? "started"|"restarting"|"stopped"|"removed"
---@param number? integer Of one; of all when it is not given
---@return { number: integer, state: string }[]? workers
---@return iflow.error? err
function sandbox:worker(state, number) end

--- Users of the Cloud Foundry API: "list"; "add", name, { password, role, second_factor };
--- "remove", name; "passcode", name.
---@param action "list"|"add"|"remove"|"passcode"
---@param name? string
---@param given? table
---@return any users
---@return iflow.error? err
function sandbox:cf_user(action, name, given) end

--- Ends it, once this is answered.
---@return true stopped
function sandbox:stop() end

--- Waits until it has ended.
function sandbox:wait() end

--- Ends it and, when it made its own directory, removes that. May be repeated.
function sandbox:close() end
