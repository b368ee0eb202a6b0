---@meta _

--- Tenants: tokens and calls.
---
--- A tenant is seen through one credential. It gets tokens, keeps them, and makes calls; what can
--- be repaired (an expired token, a missing CSRF token) is repaired once, and the answer is judged.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.run(function()
---   local tenant <close> = assert(iflow.tenant { service_key = "orders-key.json" })
---   local answer, err = tenant:call {
---     to = "/http/orders", body = '{"order":4711}',
---     headers = { ["Content-Type"] = "application/json" },
---   }
---   print(answer and answer.message_id or err)
--- end)
--- ```

--- Where a file with a credential comes from: its path; `"credential:NAME"` (systemd's
--- LoadCredential), `"env:NAME"` (a variable that has the path), `"command:…"` or
--- `{ command = { "program", "argument" } }` (what it prints, within 30 s).
---@alias iflow.source string|iflow.source.command

--- A program that prints a credential.
---@class iflow.source.command
--- The program and its arguments; no shell comes between.
---@field command string[]

--- Who somebody is.
---@class iflow.credential
--- The key from the BTP cockpit: its file, its content as a table, or an open one. Its type is
--- detected, and one of type "certificate" brings certificate and private key.
---@field service_key? iflow.source|table|iflow.service_key
--- Certificate and private key that are open already, instead of `cert` and `key`.
---@field identity? iflow.identity
--- Client certificate: a file (PEM, PKCS#12 …), or the PKCS#11 URI of what is in hardware.
---@field cert? iflow.source
--- Its private key: a file, or a PKCS#11 URI.
---@field key? iflow.source
--- Of an encrypted private key, or the PIN of hardware; a function is asked when it is needed.
---@field passphrase? iflow.secretive|fun(): iflow.secretive?
--- File whose first line is the passphrase, or the PIN of the hardware.
---@field pass_file? iflow.source

--- The credential that follows: used once it has proved itself, and when the current one is
--- refused. Its files may come later.
---@class iflow.tenant.next : iflow.credential
--- A call that does no harm, when a token alone proves too little. Default: it must get a token.
---@field probe? iflow.call.options
--- Seconds since 1970 before which it is not tried.
---@field from? number
--- For an external certificate without pinning: its first use ends the one before, so the switch is
--- announced and never taken back.
---@field one_way? boolean

--- The time limits of a call.
---@class iflow.times
--- Until the connection stands, TLS included. Default: `"30s"`.
---@field connect_timeout? iflow.duration
--- Of the whole call, from when it has a connection. Default: `"60s"`.
---@field timeout? iflow.duration
--- Without a byte in either direction. Default: `"60s"`.
---@field stall_timeout? iflow.duration
--- Waiting for a free connection; never counts as in doubt. Default: `"10m"`.
---@field queue_timeout? iflow.duration

--- As whom, and how a tenant is reached. What tenants and senders have in common.
---@class iflow.connection : iflow.credential
--- The credential that comes after this one.
---@field next? iflow.tenant.next
--- Base of paths, instead of the service key's url.
---@field url? string
--- PEM file of the authorities to trust instead of the system's.
---@field cacert? string
--- PEM file of authorities to trust beside the system's. Excludes `cacert`.
---@field trust? string
--- URL of a proxy, "" for none; without it the environment decides.
---@field proxy? string
--- "user:password" of the proxy.
---@field proxy_userpwd? iflow.secretive
--- true: tokens are shared with other runs through an encrypted file below `$XDG_CACHE_HOME` or
--- `~/.cache`; a directory; false: memory only. Default: `true`.
---@field token_cache? boolean|string
--- Asks for these scopes only, blanks between them.
---@field scope? string
--- Where the grant type goes. Default: `"body"`.
---@field grant_type_in? "body"|"query"
--- How the client secret goes to the token server: HTTP Basic, or in the body. Default: `"basic"`.
---@field client_auth? "basic"|"body"
--- Connections at once, 1 to 256. Default: `64`.
---@field connections? integer

--- Options of `iflow.tenant`. With `iflow run`, `--service-key` and the like stand in for what is
--- missing.
---@class iflow.tenant.options : iflow.connection, iflow.times
--- Logs the heads of requests and answers at level debug.
---@field verbose? boolean

---@class iflow
local iflow = {}

--- Opens a tenant; nothing is sent yet. Errors: `service_key.invalid`, `service_key.field`,
--- `cert.*`, `file.*`, `usage.invalid`, `credential.unavailable`.
---@param options iflow.tenant.options
---@return iflow.tenant? tenant
---@return iflow.error? err
function iflow.tenant(options) end

--- An access token.
---@class iflow.token
--- The token itself.
---@field access iflow.secret
--- Seconds since 1970 when it ends.
---@field expires_at number
--- Seconds since 1970 when it was fetched.
---@field fetched_at number
--- Roles that it carries, nil when it does not tell.
---@field roles? string[]
--- Client id of the credential.
---@field client_id string

--- Options of `tenant:token`.
---@class iflow.token.options
--- Drops the token that is kept and gets a new one. Default: `false`.
---@field refresh? boolean

--- Bytes of a body: text; a file; an iterator of pieces (sent chunked), whose end is nil; or a
--- function that returns a fresh iterator at each call, so that the body can be repeated.
---@alias iflow.body string|iflow.body.file|fun(): (string|fun(): string?)?

--- A file as body.
---@class iflow.body.file
--- Its path.
---@field file string

--- Options of `tenant:call`.
---@class iflow.call.options : iflow.times
--- Path under the tenant's url, or a full URL. Needed.
---@field to string
--- HTTP method, also without a body. Default: `"POST"`.
---@field method? string
--- Header fields; a list stands for several of one name.
---@field headers? table<string, string|string[]>
--- Text that is encoded already, or parameters by name.
---@field query? string|table<string, string|number|boolean|(string|number|boolean)[]>
--- What is sent.
---@field body? iflow.body
--- Path of the file that gets the body of a 2xx answer.
---@field save? string
--- Bytes of an answer in memory, at most. Default: `16 * 1024 * 1024`.
---@field max_body? integer
--- Further statuses that are answers and not errors, such as `{ 404, 409 }`.
---@field expect? integer[]
--- How the call is authenticated. Default: `"token"`.
---@field auth? "token"|"certificate"|"basic"
--- CSRF handshake: nil when the endpoint asks for it, true before the call, false never.
---@field csrf? boolean
--- The flow recognises repeats, so sending again is safe. Default: `false`.
---@field idempotent? boolean

--- An answer.
---@class iflow.answer
--- HTTP status.
---@field status integer
--- Header fields, names in lower case; several of one name are joined by commas, cookies by line
--- feeds. `raw` is a list of all, { name, value }, as they came.
---@field headers table<string, any>
--- The body, nil when it went to a file.
---@field body? string
--- Id of the message processing log, when the tenant gave one.
---@field message_id? string
--- What it means for the message.
---@field outcome "delivered"|"skipped"
--- Where the body was saved, for `save`.
---@field saved? string
--- How often something was repaired.
---@field repairs? integer
--- Of a sender: how many messages were made of the one, when it was not just one.
---@field count? integer

--- Options of `tenant:check`.
---@class iflow.check.options
--- The endpoint: a path, or a full URL.
---@field to? string
--- As of a call. Default: `"token"`.
---@field auth? "token"|"certificate"|"basic"
--- Service key of plan api, or options with one: it knows what is deployed.
---@field api? string|iflow.tenant.options
--- User Role of the sender channel, when it is known.
---@field role? string
--- The channel is CSRF protected: its token is fetched, which runs no flow. Default: `false`.
---@field csrf? boolean
--- A message is sent. Without it nothing reaches a flow. Default: `false`.
---@field send? boolean
--- Of the message that is sent.
---@field method? string
--- Of the message that is sent.
---@field headers? table<string, string|string[]>
--- Of the message that is sent.
---@field query? string|table<string, string>
--- Of the message that is sent.
---@field body? iflow.body
--- Seconds by which the clocks may differ. Default: `60`.
---@field clock? number
--- Of each look. Default: `"10s"`.
---@field timeout? iflow.duration
--- Days before the end of a certificate from which on that is a warning. Default: `30`.
---@field warn_days? number
--- A service key that is older is a warning; never when it is not given.
---@field key_age? iflow.duration
--- Only what the files say: nobody is asked. Default: `false`.
---@field offline? boolean
--- SAP's lists of authorities, of `require "iflow.roots"`, instead of the built-in ones.
---@field roots? table

--- What one step of a check found.
---@class iflow.check.step
--- Name of the step.
---@field step string
--- How it went.
---@field verdict "fine"|"warning"|"failed"|"unknown"|"skipped"
--- The host, when it is about one.
---@field place? string
--- What was seen.
---@field evidence string
--- What to do.
---@field next_step? string
--- Code of an error.
---@field code? string
--- Stable name of the cause.
---@field cause? string

--- A file of a credential, as `tenant:check` has looked at it. Times: seconds since 1970.
---@class iflow.check.credential
--- Such as "service key"; of a next credential it begins with "next ".
---@field kind string
--- Nil when no file was named.
---@field path? string
--- Of the certificate, or the client id of the service key.
---@field subject? string
--- Which one, of two.
---@field credential? "current"|"next"
--- When it ends.
---@field not_after? integer
--- Whole days until then.
---@field days_left? integer
--- When the service key was created.
---@field created? number
--- Whole days since then.
---@field age_days? integer

--- What `tenant:check` found.
---@class iflow.check.report
--- In their order.
---@field steps iflow.check.step[]
--- The worst of them.
---@field verdict "fine"|"warning"|"failed"|"unknown"
--- That of the first error; without one 10, 11 or 12 when a credential ends in less than 30, 7 or 1
--- days or a key is too old, else 0.
---@field exit_code integer
--- The files of the credential, of two credentials those of both, and the roots that are trusted.
---@field credentials iflow.check.credential[]

--- A tenant, seen through one credential. A `<close>` variable closes it.
---@class iflow.tenant
--- What it was opened with.
---@field service_key iflow.service_key
--- Its certificate and key, if it has them.
---@field identity? iflow.identity
local tenant = {}

--- An access token, from the cache or new; waits. Errors: `token.*`, `net.*`, `tls.*`.
---@param options? iflow.token.options
---@return iflow.token? token
---@return iflow.error? err
function tenant:token(options) end

--- Makes a call; waits. A 2xx is an answer, everything else an error: `err.outcome` is "rejected",
--- "retryable" or "in_doubt", and `err.status`, `err.headers`, `err.body` (64 KiB) and
--- `err.message_id` are of the answer that came. It repairs, but does not retry: that is the
--- sender's policy. Errors: `call.*`, `token.*`, `net.*`, `tls.*`, `http.*`, `file.*`.
---@param options iflow.call.options
---@return iflow.answer? answer
---@return iflow.error? err
function tenant:call(options) end

--- Goes the way of a call step by step, from the service key to the role, and says for each step
--- what it found and what to do; waits. There is a report also when everything fails.
---@param options? iflow.check.options
---@return iflow.check.report report
function tenant:check(options) end

--- Counters of this tenant.
---@return { token_requests: integer } stats
function tenant:stats() end

--- Closes it; calls in flight go on. May be repeated.
function tenant:close() end
