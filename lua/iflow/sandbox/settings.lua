--- What SAP does not document, or what a test wants otherwise: one row a setting, with its default,
--- what it means, and where sap-reference speaks of it. "unknown" marks the best guess at something
--- SAP does not tell (section 11). `choices` are the words it takes; `least` and `most` bound a
--- number, and `whole` is one without fraction; what has `restart` is read when the sandbox starts.
local errors = require "iflow.error"
local suggest = require "iflow.suggest"

local settings = {}

settings.rows = {
  { "balancer", "own", "with foreign, a real balancer stands before the runtime and passes the "
    .. "certificate it verified in SSL_CLIENT_CERT", "1.4", choices = { "own", "foreign" } },
  { "balancer_cookie", "__VCAP_ID__", "name of the cookie that leads to the same worker",
    "5.3 unknown" },
  { "workers", 1, "worker nodes behind the balancer, each with sessions of its own", "5.3",
    least = 1, most = 100, whole = true },
  { "expired_certificate", "alert", "what the balancer does with an expired client certificate: a "
    .. "TLS alert, or it drops it and the worker answers 401", "11 #9 unknown",
    choices = { "alert", "drop" } },
  { "session_idle", 1800, "seconds after which an unused CSRF session is gone", "11 #15 unknown" },
  { "csrf_everywhere", false, "whether channels other than HTTPS ask for CSRF tokens by default",
    "11 #19 unknown" },
  { "size_status", 500, "status when Maximum Message Size is exceeded", "11 #11 unknown",
    least = 400, most = 599, whole = true },
  { "max_size", 40 * 1024 * 1024, "Maximum Message Size in bytes of a flow that names none",
    "5.6 unknown", least = 1, whole = true },
  { "body_gap", 20, "seconds the worker waits for the next piece of a body", "5.6",
    restart = true, least = 0.1 },
  { "balancer_timeout", 600, "seconds after which the balancer ends a request nobody has answered",
    "11 #13 unknown", restart = true, least = 0.1 },
  { "balancer_timeout_answer", "504", "how the balancer ends such a request",
    "8.1, 11 #13 unknown", choices = { "504", "reset" } },
  { "tls_min", "1.2", "oldest version of TLS at every host", "11 #13 unknown", restart = true,
    choices = { "1.2", "1.3" } },
  { "tls_max", "1.3", "newest version of TLS at every host", "11 #13 unknown", restart = true,
    choices = { "1.2", "1.3" } },
  { "forbidden_body", "page", "body of the 403 for a missing role", "11 #10 unknown",
    choices = { "page", "json", "empty" } },
  { "address_case", "sensitive", "whether addresses of flows are compared with their case",
    "11 #20 unknown", choices = { "sensitive", "insensitive" } },
  { "head_method", "flow", "whether HEAD reaches the flow, or is answered with 405", "5.2",
    choices = { "flow", "405" } },
  { "content_encoding", "pass", "an encoded request reaches the flow as it is, or gets 415",
    "11 #12 unknown", choices = { "pass", "415" } },
  { "log_level_filtered", false, "whether SAP_MessageProcessingLogLevel must be an Allowed Header",
    "5.2 unknown" },
  { "pregenerated_id_filtered", false, "whether SAP_PregeneratedMplId must be an Allowed Header",
    "5.2 unknown" },
  { "role_cache", 0, "seconds a change of an instance's roles takes to be seen; SAP's is 3600",
    "6" },
  { "deploy_time", 0, "seconds a flow is STARTING after its deployment, and answers 404", "8.1" },
  { "runtime_rate", 0, "requests a second before the runtime answers 429; 0: no limit",
    "11 #14 unknown" },
  { "basic_credentials", "decoded", "how the token server reads Basic without "
    .. "X-CF-ENCODED-CREDENTIALS", "4.1 unknown", choices = { "decoded", "raw" } },
  { "uaa_errors", "classic", "spelling of the token server's refusals: the usual or that of newer "
    .. "UAA versions", "4.4 unknown", choices = { "classic", "newer" } },
  { "token_certificate_refused", "401", "what becomes of an expired, untrusted or foreign "
    .. "certificate at the token server", "11 #9 unknown", choices = { "401", "reset" } },
  { "secret_at_cert_host", "401", "what becomes of a secret sent to the certificate host without "
    .. "certificate", "4.4 unknown", choices = { "401", "reset", "token" } },
  { "certificate_of_sibling", "refused", "whether a certificate gets a token for another key of "
    .. "its instance", "11 #23 unknown", choices = { "refused", "accepted" } },
  { "token_binding", "none", "whether a token got by certificate names it in cnf, and whether the "
    .. "runtime then asks for it", "11 #8 unknown", choices = { "none", "claim", "enforced" } },
  { "unknown_zone", "json", "body of the token server's 404 for another subdomain", "4.4 unknown",
    choices = { "json", "html" } },
  { "token_rate", 60, "token requests a second before they queue; 0: no limit", "4.5" },
  { "token_queue", 120, "token requests that queue before the next one gets 429", "4.5 unknown" },
  { "router_header_status", 431, "status when a request to the runtime has more than 64 KB of "
    .. "headers, or more than 101", "5.6 unknown", least = 400, most = 599, whole = true },
  { "trial", false, "a trial tenant knows no direct client certificates", "3.4" },
  { "token_header_status", 431, "status when the header block of a token request exceeds 16 KB",
    "4.5 unknown", least = 400, most = 599, whole = true },
  { "rotation_grace", 7200, "seconds tokens live on after an automatic rotation of the signing key",
    "4.3" },
  { "rotation_interval", 0, "seconds after which the signing key is rotated automatically; 0: only "
    .. "by iflow sandbox rotate", "4.3 unknown" },
  { "default_grant_types", "client_credentials", "of an instance that names none",
    "11 #21 unknown" },
  { "token_validity_min", 3600, "smallest token validity the broker accepts; tests lower it",
    "2.2", least = 1, whole = true },
  { "token_validity_max", 86400, "largest token validity the broker accepts", "2.2",
    least = 1, whole = true },
  { "client_x509", "refused", "whether a new instance may name the dead grant type client_x509, so "
    .. "that an old instance can be played", "2.2", choices = { "refused", "accepted" } },
  { "foreign_grant_types", "refused", "grant types the broker does not know, such as other names "
    .. "for SAML2 and JWT bearer", "11 #5 unknown", choices = { "refused", "accepted" } },
  { "unknown_parameters", "ignored", "what the broker does about parameters it does not know; "
    .. "the job warns of those it ignores", "2.2 unknown", choices = { "ignored", "refused" } },
  { "update_parameters", "merged", "whether an update of an instance keeps the parameters it does "
    .. "not name, or gives them their defaults", "2.2 unknown",
    choices = { "merged", "replaced" } },
  { "secret_key_type", "", "a key-type that means ClientId/Secret, besides naming none",
    "11 #2 unknown" },
  { "pin_parameters", "certificate-pinning pin-certificate certificate_pinning pin_certificate "
    .. "pinCertificate", "names that the broker takes for Pin Certificate, with a warning",
    "11 #3 unknown" },
  { "key_lengths", "2048 3072 4096", "values of key-length", "11 #4 unknown" },
  { "certificatedetails", "oauth", "whether a key has certificatedetails inside oauth or beside it",
    "11 #6 unknown", choices = { "oauth", "beside" } },
  { "external_certificatedetails", false, "whether keys with an external certificate have "
    .. "certificatedetails", "11 #6 unknown" },
  { "certificate_tokenurl", "cert", "host in the tokenurl of keys with certificates",
    "11 #7 unknown", choices = { "cert", "plain" } },
  { "instance_name_max", 32, "characters in the name of an instance; SAP only recommends a limit",
    "2.1", least = 1, whole = true },
  { "instances_max", 1000, "service instances in the space", "11 #16 unknown",
    least = 1, whole = true },
  { "keys_max", 1000, "keys of one instance", "11 #16 unknown", least = 1, whole = true },
  { "instance_roles_max", 100, "roles of one instance", "11 #16 unknown", least = 1, whole = true },
  { "cf_job_time", 0, "seconds a job of the Cloud Foundry API takes; with 0 it is done at the next "
    .. "poll", "2.6" },
  { "cf_broker_refusal", "job", "where a refusal by the broker is seen: in the job, or in a 422 to "
    .. "the request", "2.6 unknown", choices = { "job", "422" } },
  { "cf_parameters_retrievable", true, "whether /v3/service_instances/GUID/parameters shows them",
    "2.6 unknown" },
  { "cf_token_validity", 1200, "seconds a user's token for the Cloud Foundry API lives",
    "2.6 unknown" },
  { "cf_rate", 20000, "requests an hour a user may send to the Cloud Foundry API; 0: no limit",
    "2.6 unknown" },
  { "clock_leeway", 60, "seconds a token is accepted after its end", "4.3" },
  { "log_delay", 0, "seconds until the API shows a message processing log; SAP's takes up to a "
    .. "minute", "7.3" },
  { "log_retention", 30, "days the API shows a log; 0: as long as it is kept", "11 #17 unknown" },
  { "endpoint_delay", 0, "seconds until a started flow is among the service endpoints; SAP's takes "
    .. "30 s to more than 3 minutes", "7.4" },
  { "api_page", 1000, "records the API answers at once, before a next link", "7.1",
    least = 1, whole = true },
  { "api_rates", true, "whether the API limits requests a second as documented", "7.1" },
  { "api_csrf", "without_bearer", "which writes to the API need a CSRF token: all, those without "
    .. "bearer token, none", "7.1", choices = { "always", "without_bearer", "never" } },
  { "api_errors", "error", "spelling of the API's errors for who asks for JSON: inside \"error\", "
    .. "bare with @lang and #text, or XML all the same", "7.4",
    choices = { "error", "bare", "xml" } },
  { "log_size", 10000, "message processing logs kept", "11 #17 unknown", restart = true,
    least = 1, most = 1000000, whole = true },
}

local function row_of(name)
  for _, row in ipairs(settings.rows) do
    if row[1] == name then return row end
  end
end

local function names()
  local list = {}
  for i, row in ipairs(settings.rows) do list[i] = row[1] end
  return list
end

local function is_choice(row, value)
  for _, choice in ipairs(row.choices or { value }) do
    if choice == value then return true end
  end
  return false
end

local function number_fault(row, value)
  if row.whole and not math.tointeger(value) then
    return ("setting '%s' must be a whole number"):format(row[1])
  elseif not (value >= 0 and value < math.huge) then
    return ("setting '%s' must not be negative"):format(row[1])
  elseif value < (row.least or 0) then
    return ("setting '%s' must be at least %s"):format(row[1], row.least)
  elseif value > (row.most or value) then
    return ("setting '%s' must be at most %s"):format(row[1], row.most)
  end
end

-- What is wrong with a value, or nil.
local function fault_of(row, value)
  if type(value) ~= type(row[2]) then
    return ("setting '%s' must be a %s"):format(row[1], type(row[2]))
  elseif type(value) == "number" then
    return number_fault(row, value)
  elseif not is_choice(row, value) then
    return ("setting '%s' takes %s"):format(row[1], table.concat(row.choices, ", "))
  end
end

--- The defaults with what was given on top; an unknown name or a wrong value raises.
function settings.new(given)
  local values = {}
  for _, row in ipairs(settings.rows) do values[row[1]] = row[2] end
  suggest.check_keys(given or {}, names())
  for name, value in pairs(given or {}) do
    local fault = fault_of(row_of(name), value)
    if fault then error(fault, 0) end
    values[name] = value
  end
  return values
end

local function refused(text) return nil, errors { code = "usage.invalid", message = text } end

local BOOLEANS = { ["true"] = true, ["false"] = false }

-- A word of the command line as a value of the row's type.
local function from_text(row, text)
  if type(row[2]) == "number" then return math.tointeger(tonumber(text)) or tonumber(text) end
  if type(row[2]) == "boolean" then return BOOLEANS[text] end
  return text
end

--- Checks one change: name and value (a text is read as the setting's type, "" and nil mean the
--- default). Returns { value, default, restart }; or nil, err.
function settings.change(name, value)
  local row = row_of(name)
  if not row then
    return refused(suggest.message(("there is no setting '%s'"):format(tostring(name)), name,
                                   names()))
  end
  if value == nil or value == "" then value = row[2] end
  if type(value) == "string" then value = from_text(row, value) end
  if type(value) ~= type(row[2]) then
    return refused(("setting '%s' must be a %s"):format(name, type(row[2])))
  end
  local fault = fault_of(row, value)
  if fault then return refused(fault) end
  return { value = value, default = row[2], restart = row.restart }
end

--- Every setting as { name, value, default, source, unknown, restart, choices, help }.
function settings.list(values)
  local list = {}
  for i, row in ipairs(settings.rows) do
    local source = row[4] or ""
    list[i] = { name = row[1], value = values[row[1]], default = row[2], help = row[3],
                source = source:gsub(" unknown$", ""), unknown = source:find "unknown$" ~= nil,
                restart = row.restart == true, choices = row.choices }
  end
  return list
end

return settings
