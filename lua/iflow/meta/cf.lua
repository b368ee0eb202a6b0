---@meta _

--- Cloud Foundry: service instances and keys.
---
--- What `iflow instance` runs, for scripts.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.run(function()
---   local cf = assert(iflow.cf { api = "https://api.cf.eu10.hana.ondemand.com",
---     user = "anna@example.com", pass_file = "password", org = "acme", space = "dev" })
---   assert(cf:create_instance { name = "orders", roles = { "Orders.send" } })
---   local key = assert(cf:create_key { instance = "orders", name = "orders-key.json" })
---   print(key.oauth.clientid)
--- end)
--- ```

--- Options of `iflow.cf`. Without user, passcode and token the log-on of the cf CLI counts.
---@class iflow.cf.options
--- Address of the API, "https://api.cf.…" (cockpit > subaccount > Overview).
---@field api? string
--- A user.
---@field user? string
--- The password; a second factor follows it behind a ":".
---@field password? iflow.secretive
--- File whose first line is the password.
---@field pass_file? string
--- One-time passcode of single sign-on.
---@field passcode? iflow.secretive
--- File with the passcode.
---@field passcode_file? string
--- Identity provider of the user, when it is not the default one.
---@field origin? string
--- An access token.
---@field token? iflow.secretive
--- Path of the cf CLI's config.json; without it `$CF_HOME/.cf` or `~/.cf`.
---@field cli_config? string
--- Name of the organization.
---@field org? string
--- Name of the space; without it every space that the user sees.
---@field space? string
--- Guid of the space, when it is known.
---@field space_guid? string
--- Name of the offering. Default: `"it-rt"`.
---@field service? string
--- PEM file of the authorities to trust instead of the system's.
---@field cacert? string
--- URL of a proxy, "" for none; without it the environment decides.
---@field proxy? string
--- "user:password" of the proxy.
---@field proxy_userpwd? iflow.secretive
--- Seconds for one request.
---@field timeout? iflow.duration
--- Logs the heads of requests and answers at level debug.
---@field verbose? boolean

---@class iflow
local iflow = {}

--- Opens the API; nothing is sent yet. Errors: `usage.invalid`, `url.invalid`, `cf.login`,
--- `file.*`.
---@param options iflow.cf.options
---@return iflow.cf? cf
---@return iflow.error? err
function iflow.cf(options) end

--- A service instance.
---@class iflow.cf.instance
--- Its name.
---@field name string
--- Its guid.
---@field guid string
--- "integration-flow" or "api".
---@field plan? string
--- Name of the offering.
---@field service? string
--- Name of the space.
---@field space? string
--- Name of the organization.
---@field organization? string
--- As the platform writes it.
---@field created_at? string
--- As the platform writes it.
---@field updated_at? string
--- { type, state, description, updated_at }.
---@field last_operation? table
--- Under SAP's names; nil when the platform does not tell them.
---@field parameters? table
--- Its keys, when they were asked for.
---@field keys? iflow.cf.key[]

--- A service key as a list has it.
---@class iflow.cf.key
--- Its name.
---@field name string
--- Its guid.
---@field guid string
--- As the platform writes it.
---@field created_at? string
--- { type, state, description, updated_at }.
---@field last_operation? table
--- With details: type of the key.
---@field type? string
--- With details: its client id.
---@field client_id? string
--- With details: text of the key.
---@field valid_until? string

--- Of what begins a job.
---@class iflow.cf.job.options
--- How long its end is waited for. Default: `"10m"`.
---@field wait? iflow.duration
--- Told how it goes: { what, elapsed, state }.
---@field progress? fun(about: { what: string, elapsed: number, state: string })

--- What instances have.
---@class iflow.cf.instance.options : iflow.cf.job.options
--- Its name. Needed.
---@field name string
--- Roles.
---@field roles? string[]
--- Grant types.
---@field grant_types? string[]
--- Redirect URIs.
---@field redirect_uris? string[]
--- Seconds, 3600 to 86400.
---@field token_validity? integer
--- Goes through as it is.
---@field parameters? table

--- Options of `cf:create_instance`.
---@class iflow.cf.create_instance.options : iflow.cf.instance.options
--- The plan. Default: `"integration-flow"`.
---@field plan? "integration-flow"|"api"

--- Options of `cf:update_instance`.
---@class iflow.cf.update_instance.options : iflow.cf.instance.options
--- A new name.
---@field new_name? string

--- Options of `cf:create_key`.
---@class iflow.cf.create_key.options : iflow.cf.job.options
--- Name of the instance. Needed.
---@field instance string
--- Name of the key, 32 characters at most. Needed.
---@field name string
--- Its type. Default: `"secret"`.
---@field type? "secret"|"certificate"|"external"
--- Days, 1 to 365, of a certificate.
---@field validity? integer
--- Bits, of a certificate.
---@field key_length? integer
--- One certificate in PEM, of an external one.
---@field x509? string
--- false: later certificates of the same names will do, too.
---@field pin? boolean
--- What the broker calls that.
---@field pin_name? string
--- Goes through as it is.
---@field parameters? table

--- Options of `cf:rotate_key`.
---@class iflow.cf.rotate_key.options : iflow.cf.job.options
--- Name of the instance. Needed.
---@field instance string
--- The file that the senders use. Needed.
---@field key_file string
--- Default: that of the key in the file.
---@field type? "secret"|"certificate"|"external"
--- Of the new key; without it the old name and the time.
---@field name? string
--- Days, 1 to 365, of a certificate.
---@field validity? integer
--- Bits, of a certificate.
---@field key_length? integer
--- Whether Pin Certificate is on for the external key in use; needed where the new certificate has
--- the same names.
---@field pin? boolean
--- What the broker calls that.
---@field pin_name? string
--- Goes through as it is.
---@field parameters? table
--- File of the new certificate with its chain, of type "external".
---@field x509? string
--- File of its private key.
---@field x509_key? string
--- Of that private key.
---@field passphrase? iflow.secretive
--- Where the senders have the certificate; without it in `key_file`.
---@field cert? string
--- Where the senders have the private key.
---@field key? string
--- An endpoint to which the way is looked at before the switch; nothing is sent.
---@field to? string
--- How the senders log on there.
---@field auth? "token"|"certificate"|"basic"
--- Until the old key is deleted. Default: `"1d"`.
---@field grace? iflow.duration
--- Waits for the end of that time.
---@field wait_grace? boolean
--- Only goes on with a rotation that is under way, and begins none.
---@field continue? boolean
--- Puts the old key back and deletes the new one.
---@field undo? boolean
--- Tells the steps and changes nothing.
---@field dry_run? boolean
--- Told of `{ step, state, text }`; state: "begins", "done", "waiting" or "planned".
---@field on_step? fun(step: table)

--- How far a rotation has come.
---@class iflow.cf.rotation
---@field state "done"|"waiting"|"undone"|"planned"|"none"
---@field instance string
---@field key_file string
---@field type? string
--- true: the certificate changed under the key there is, and there is no way back.
---@field one_way? boolean
--- `{ name, client_id }`
---@field old? table
--- `{ name, client_id }`
---@field new? table
--- When the old key is deleted, a text.
---@field delete_at? string
---@field warnings string[]

--- Options of `cf:instances`.
---@class iflow.cf.instances.options
--- With their keys. Default: `false`.
---@field keys? boolean

--- Options of `cf:keys`.
---@class iflow.cf.keys.options
--- With type, client id and end of each. Default: `false`.
---@field details? boolean

--- The Cloud Foundry API. Everything waits. Errors: `cf.*`, `usage.invalid` for parameters out of
--- SAP's ranges, `net.*`, `tls.*`.
---@class iflow.cf
local cf = {}

--- The service instances.
---@param options? iflow.cf.instances.options
---@return iflow.cf.instance[]? instances
---@return iflow.error? err
function cf:instances(options) end

--- One instance.
---@param name string
---@return iflow.cf.instance? instance
---@return iflow.error? err
function cf:instance(name) end

--- Creates an instance.
---@param options iflow.cf.create_instance.options
---@return iflow.cf.instance? instance
---@return string[]|iflow.error|nil warnings Or the error
function cf:create_instance(options) end

--- Changes an instance; what is not given is kept where the platform tells it.
---@param options iflow.cf.update_instance.options
---@return iflow.cf.instance? instance
---@return string[]|iflow.error|nil warnings Or the error
function cf:update_instance(options) end

--- Deletes an instance with its keys.
---@param name string
---@param options? iflow.cf.job.options
---@return true? deleted
---@return iflow.error? err
function cf:delete_instance(name, options) end

--- The keys of an instance.
---@param instance string
---@param options? iflow.cf.keys.options
---@return iflow.cf.key[]? keys
---@return iflow.error? err
function cf:keys(instance, options) end

--- Creates a key.
---@param options iflow.cf.create_key.options
---@return table? document As the cockpit's download
---@return string[]|iflow.error|nil warnings Or the error
function cf:create_key(options) end

--- The document of a key.
---@param instance string
---@param name string
---@return table? document
---@return iflow.error? err
function cf:key(instance, name) end

--- Deletes a key. Its tokens live on until they expire.
---@param instance string
---@param name string
---@param options? iflow.cf.job.options
---@return true? deleted
---@return iflow.error? err
function cf:delete_key(instance, name, options) end

--- Rotates the key that a file holds: makes a new one, proves it, exchanges the file, deletes
--- the old one after a time of grace. The same call goes on after a crash. Errors also:
--- `usage.invalid`, `file.locked`, and those of a probe that failed.
---@param options iflow.cf.rotate_key.options
---@return iflow.cf.rotation? rotation
---@return iflow.error? err
function cf:rotate_key(options) end
