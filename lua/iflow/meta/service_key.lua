---@meta _

--- Service keys and identities.
---
--- What credentials are made of. Most scripts name a file and never see these objects.
---
--- ```lua
--- local iflow = require "iflow"
--- local key, err = iflow.service_key.parse "{}"
--- assert(key == nil and err.code == "service_key.field")
--- ```

--- Opens service keys.
---@class iflow.service_key.module
local module = {}

--- Reads a file. Errors: `file.*`, `service_key.invalid`, `service_key.field`.
---@param path string
---@return iflow.service_key? key
---@return iflow.error? err
function module.open(path) end

--- Reads a text. Errors: `service_key.invalid`, `service_key.field`.
---@param text string JSON
---@param name? string What errors call it
---@return iflow.service_key? key
---@return iflow.error? err
function module.parse(text, name) end

--- A service key. A field that does not exist raises.
---@class iflow.service_key
--- What kind of credential is in it.
---@field type "client secret"|"certificate"|"external certificate"
--- The client id.
---@field client_id string
--- Address of the token server.
---@field token_url string
--- Base of the endpoints; nil for a plain XSUAA binding.
---@field url? string
--- When it was made, as the key says.
---@field created? string
--- Until when it is good, as the key says.
---@field valid_until? string
--- What errors call it.
---@field name string
--- What is odd about it.
---@field warnings string[]
local service_key = {}

--- The client secret.
---@return iflow.secret? secret nil when it has none
function service_key:secret() end

--- The private key.
---@return iflow.secret? pem nil when it has none
function service_key:private_key_pem() end

--- The certificates, leaf first.
---@return string? pem nil when it has none
function service_key:certificate_pem() end

--- Options of `iflow.identity.open`.
---@class iflow.identity.options
--- One of type "certificate", or its file.
---@field service_key? iflow.service_key|string
--- File of the certificate.
---@field cert? string
--- File of the private key.
---@field key? string
--- The certificates themselves.
---@field cert_pem? string
--- The private key itself.
---@field key_pem? iflow.secretive
--- Of the private key. A function is asked only when something is encrypted, and may wait.
---@field passphrase? iflow.secretive|fun(): iflow.secretive?

--- Opens identities.
---@class iflow.identity.module
local identities = {}

--- Opens one. Errors: `file.*`, `cert.*`, `service_key.*`.
---@param options iflow.identity.options
---@return iflow.identity? identity
---@return iflow.error? err
function identities.open(options) end

--- A certificate with its private key. A `<close>` variable closes it.
---@class iflow.identity
local identity = {}

--- SHA-256 of the certificate.
---@return string hex In lower case
function identity:fingerprint() end

--- What the certificate says.
---@return iflow.certificate certificate
function identity:info() end

--- Closes it. May be repeated.
function identity:close() end
