---@meta iflow.cert

--- Certificates: what files say, and whether SAP would accept one.
---
--- ```lua
--- local iflow = require "iflow"
--- local made = assert(iflow.cert.request { subject = "CN=orders, O=Example", type = "ec" })
--- assert(made.request_pem:find "BEGIN CERTIFICATE REQUEST")
--- assert(tostring(made.key_pem):find "^secret:")
--- ```

--- A certificate.
---@class iflow.certificate
--- Distinguished name.
---@field subject string
--- Distinguished name.
---@field issuer string
--- Serial number in hexadecimal.
---@field serial string
--- Subject alternative names.
---@field sans string[]
--- Kind and size of its key, "RSA 2048".
---@field key string
--- Extended key usages.
---@field eku string[]
--- Seconds since 1970.
---@field not_before number
--- Seconds since 1970.
---@field not_after number
--- Fingerprint.
---@field sha256 string
--- Fingerprint.
---@field sha1 string
--- It may issue others.
---@field ca boolean
--- It issued itself.
---@field self_signed boolean
--- The certificate.
---@field pem string
--- Index of the one that issued it, when that is among them.
---@field issued_by? integer

--- What a file holds.
---@class iflow.cert.info
--- In the order of the file.
---@field certificates iflow.certificate[]
--- "PEM", "DER", "PKCS#7", "PKCS#12", "zip", "service key".
---@field format string
--- There is a private key.
---@field has_key boolean
--- The private key is encrypted and was not opened.
---@field key_locked boolean
--- "single", "leaf first", "root first", "mixed", "unrelated".
---@field order? string
--- Index of the leaf.
---@field leaf? integer
--- Whether the key belongs to one of the certificates, nil when nobody knows.
---@field key_matches? boolean

--- Options of `iflow.cert.read` and `iflow.cert.parse`.
---@class iflow.cert.read.options
--- Of what is encrypted.
---@field passphrase? iflow.secretive
--- File of the private key, when it is not in the same one.
---@field key? string
--- Of `iflow.cert.parse`: what errors call it. Default: `"certificate"`.
---@field name? string

--- Certificates.
---@class iflow.cert
local cert = {}

--- What a file holds. Errors: `file.*`, `cert.invalid`, `cert.passphrase`.
---@param path string
---@param options? iflow.cert.read.options
---@return iflow.cert.info? info
---@return iflow.error? err
function cert.read(path, options) end

--- What bytes hold. Errors: `cert.invalid`, `cert.passphrase`.
---@param bytes string
---@param options? iflow.cert.read.options
---@return iflow.cert.info? info
---@return iflow.error? err
function cert.parse(bytes, options) end

--- Options of `iflow.cert.verify`.
---@class iflow.cert.verify.options
--- Seconds since 1970; now when it is not given.
---@field at? integer
--- What the certificate is for; anything when it is not given.
---@field purpose? "client"|"server"

--- Whether a chain leads to one of the roots. Errors: `cert.invalid`.
---@param chain string|string[] PEM, leaf first
---@param roots string|string[] PEM
---@param options? iflow.cert.verify.options
---@return boolean? verified
---@return string|iflow.error|nil reason Why it does not; or the error
function cert.verify(chain, roots, options) end

--- Options of `iflow.cert.reach`.
---@class iflow.cert.reach.options
--- Authorities that may be on the way, PEM.
---@field known? string|string[]
--- Hashed directory of authorities, "" for none; the system's when it is not given.
---@field directory? string

--- The leaf and every authority it leads to by signatures, 32 at most. Errors: `cert.invalid`.
---@param chain string|string[] PEM, leaf first
---@param options? iflow.cert.reach.options
---@return iflow.certificate[]? reached
---@return iflow.error? err
function cert.reach(chain, options) end

--- The bytes of a PEM text's first certificate. Errors: `cert.invalid`.
---@param pem string
---@return string? der
---@return iflow.error? err
function cert.der(pem) end

--- A zip archive of small files. Errors: `limit.exceeded`.
---@param files { name: string, data: string }[]
---@return string? zip
---@return iflow.error? err
function cert.zip(files) end

--- Options of `iflow.cert.request`.
---@class iflow.cert.request.options
--- Kind of the key pair. Default: `"rsa"`.
---@field type? "rsa"|"ec"
--- Its size: 2048, 3072 or 4096; 256 or 384. Default: 2048, or 256.
---@field bits? integer
--- "CN=orders, O=Example", or { { "CN", "orders" }, … }. Needed.
---@field subject string|string[][]
--- Subject alternative names.
---@field sans? string[]
--- Encrypts the private key.
---@field passphrase? iflow.secretive

--- A key pair and its signing request. Errors: `usage.invalid`, `limit.exceeded`.
---@param options iflow.cert.request.options
---@return { key_pem: iflow.secret, request_pem: string }? made
---@return iflow.error? err
function cert.request(options) end

--- A subject as a list of names and values. Errors: `usage.invalid`.
---@param text string "CN=orders, O=Example" or "/O=Example/CN=orders"
---@return string[][]? fields
---@return iflow.error? err
function cert.subject(text) end

--- Options of `iflow.cert.check`.
---@class iflow.cert.check.options
--- File, bytes, or what `iflow.cert.read` gave. Needed.
---@field cert iflow.source|iflow.cert.info
--- File of the private key, when it is another one, or a PKCS#11 URI.
---@field key? iflow.source
--- File with the passphrase, or PIN.
---@field pass_file? iflow.source
--- The passphrase.
---@field passphrase? iflow.secretive
--- Seconds since 1970; now when it is not given.
---@field at? integer
--- Lists of `require "iflow.roots"`; the built-in ones when it is not given.
---@field roots? table
--- Further authorities, PEM.
---@field known? string|string[]
--- Hashed directory of authorities; the system's when it is not given.
---@field directory? string

--- What a check of a certificate found.
---@class iflow.cert.check.report
--- Each with name, verdict ("fine", "warning", "failed", "unknown"), evidence, next_step.
---@field findings table[]
--- The worst of them.
---@field verdict "fine"|"warning"|"failed"|"unknown"
--- Of what ends first on the way to the root.
---@field days_left integer
--- It has expired.
---@field expired boolean
--- Whether it can log on to the runtime; nil when nobody knows.
---@field direct? boolean
--- Whether it can log on at the token server; nil when nobody knows.
---@field token? boolean
--- Leaf first.
---@field certificates iflow.certificate[]

--- Whether SAP would accept a client certificate, rule by rule. Errors: `file.*`, `cert.*`.
---@param options iflow.cert.check.options
---@return iflow.cert.check.report? report
---@return iflow.error? err
function cert.check(options) end

--- Options of `iflow.cert.fetch`.
---@class iflow.cert.fetch.options
--- The server. Needed.
---@field host string
--- Its port. Default: `443`.
---@field port? integer
--- Name that is asked for; the host when it is not given.
---@field server_name? string
--- URL of a proxy, "" for none; without it the environment decides.
---@field proxy? string
--- "user:password" of the proxy.
---@field proxy_userpwd? iflow.secretive
--- Of all. Default: `10`.
---@field timeout? iflow.duration
--- Of each stage; `timeout` when it is not given.
---@field connect_timeout? iflow.duration
--- What is shown to the server.
---@field identity? iflow.identity
--- PEM file of authorities instead of the system's.
---@field cacert? string
--- The system's authorities beside `cacert`. Default: `false`.
---@field beside_system? boolean
--- Oldest version of TLS.
---@field min_tls? "1.2"|"1.3"
--- Newest version of TLS.
---@field max_tls? "1.2"|"1.3"
--- Lists of `require "iflow.roots"`; the built-in ones when it is not given.
---@field roots? table
--- Hashed directory of authorities; the system's when it is not given.
---@field directory? string

--- The chain that a server shows, and which root to trust; waits. It trusts nothing and sends
--- nothing. Errors: `net.*`, `tls.*`, `file.*`, `cert.*`.
---@param options iflow.cert.fetch.options
---@return table? seen chain, served, root, root_from, required, missing, protocol …
---@return iflow.error? err
function cert.fetch(options) end

--- Options of `iflow.cert.authorities`.
---@class iflow.cert.authorities.options
--- PEM, leaf first. Needed.
---@field chain string[]
--- Further authorities, PEM.
---@field known? string|string[]
--- Lists of `require "iflow.roots"`; the built-in ones when it is not given.
---@field roots? table
--- Hashed directory of authorities; the system's when it is not given.
---@field directory? string

--- Where a chain leads to, and which of SAP's two lists have it. Errors: `cert.invalid`, `file.*`.
---@param options iflow.cert.authorities.options
---@return table? found reached, root, missing, load_balancer, token_server …
---@return iflow.error? err
function cert.authorities(options) end

return cert
