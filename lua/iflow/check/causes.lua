--- What an answer means: the rows of SAP's own table of symptoms (sap-reference 8.1, 4.4), so that
-- the doctor says for each what is behind it and what to do, in the words of SAP's menus. Internal,
-- for lua/iflow/check.
--
--   causes.of(kind, answer, about) -> row | nil
--   kind     "tls", "token" and "broken" (no answer): by an iflow.error; "endpoint": by an answer
--   answer   the error; or status, headers, body, message_id
--   about    what is known of the caller: auth = "token" | "certificate" | "basic", plan = "api" |
--            "integration-flow" | nil, key_type, host, method, role, roles
--   row      { name =, says =, next_step =, verdict = "failed" | "warning", code = }: the name is
--            stable, says and next_step are texts (those of the row are functions of about, too)
-- Rows are asked from top to bottom: the first that fits is it. Without one, err.hint still says
-- what to do.

local causes = {}

local COCKPIT = "BTP cockpit > Services > Instances and Subscriptions"
local KEYS = COCKPIT .. " > the instance of Process Integration Runtime"
local FLOWS = "Monitor > Manage Integration Content"
local ROLES = "Monitor > Manage Security > User Roles"
local MESSAGES = "Monitor > Message Processing"
local TEST = "Monitor > Manage Security > Connectivity Tests > TLS"

-- Conditions ------------------------------------------------------------------------------------

local function has(answer, text) return (answer.body or ""):find(text, 1, true) ~= nil end

local function header(answer, name)
  return answer.headers and answer.headers[name]
end

-- The words of the token server stand in the message of the error.
local function says(err, text) return err.message:lower():find(text, 1, true) ~= nil end

local function is_cert_host(host) return host:find(".cert.", 1, true) ~= nil end

local function csrf_failed(answer)
  return (header(answer, "x-csrf-token") or ""):lower() == "required"
    or answer.error ~= nil and answer.error.code == "call.csrf"
end

-- Edge Integration Cell: { error = { code = "unauthorized", message = "{ … }" }, responseCode }
local function is_edge_refusal(answer)
  local json = require("iflow.core").json
  local document = json.decode(answer.body or "")
  local inner = type(document) == "table" and document.error
  return type(inner) == "table" and inner.code == "unauthorized"
end

-- TLS -------------------------------------------------------------------------------------------

causes.tls = {
  { name = "root_missing", code = "tls.untrusted",
    says = "the root of its certificate is not among those that are trusted here" },
  { name = "intermediate_missing", code = "tls.chain",
    says = "its chain is not complete, or its root is not among those that are trusted here" },
  { name = "server_expired", code = "tls.server_expired",
    says = "a certificate of its chain is out of its dates",
    next_step = "compare this machine's clock (date -u); if it is right, the operator of the host "
      .. "must renew" },
  { name = "client_certificate_missing", code = "tls.credentials_refused",
    match = function(_, about) return not about.has_identity end,
    says = "this host takes only callers with a client certificate, and none was shown",
    next_step = "a host with '.authentication.cert.' belongs to keys of type Certificate or "
      .. "External Certificate: create one (" .. KEYS .. " > Service Keys), or use the tokenurl of "
      .. "a ClientId/Secret key as it is" },
  { name = "client_certificate_refused", code = "tls.credentials_refused",
    says = "the client certificate was refused in the handshake",
    next_step = "it needs the extended key usage clientAuth, valid dates and its whole chain; what "
      .. "was found here stands at 'client certificate'" },
}

-- Token server ----------------------------------------------------------------------------------

causes.token = {
  { name = "secret_at_certificate_host", code = "token.rejected",
    match = function(_, about)
      return about.key_type == "client secret" and is_cert_host(about.host)
    end,
    says = "a client secret was sent to the host for certificates",
    next_step = "the tokenurl of a ClientId/Secret key has no '.cert.': download the service key "
      .. "again instead of mixing two" },
  { name = "certificate_at_plain_host", code = "token.rejected",
    match = function(_, about)
      return about.key_type ~= "client secret" and not is_cert_host(about.host)
    end,
    says = "a certificate was shown to the host for secrets, which never asks for one",
    next_step = "the tokenurl of a Certificate key has '.authentication.cert.': download the "
      .. "service key again" },
  { name = "certificate_not_seen", code = "token.rejected",
    match = function(err, about)
      return about.key_type ~= "client secret" and (says(err, "securitycontext")
        or says(err, "full authentication"))
    end,
    says = "no client certificate reached the token server",
    next_step = "check extended key usage clientAuth, dates and chain at 'client certificate'" },
  { name = "certificate_unknown", code = "token.rejected",
    match = function(_, about) return about.key_type ~= "client secret" end,
    says = "the certificate is in no service key of this client id, has expired, or its authority "
      .. "is not accepted",
    next_step = KEYS .. " > Service Keys: create a key with this certificate (key type External "
      .. "Certificate), or download the Certificate key again" },
  { name = "secret_refused", code = "token.rejected",
    says = "the secret was changed, or the key or its instance was deleted (or a shell ate what "
      .. "follows a '$' in it)",
    next_step = KEYS .. " > Service Keys: download the key again, or create a new one" },
  { name = "grant_type", code = "token.grant_type",
    says = "the instance lacks the grant type client_credentials (client_x509 is dead since "
      .. "January 2026)",
    next_step = KEYS .. " > Update: Grant-types must have Client Credentials" },
  { name = "scope", code = "token.scope", says = "the instance does not own the scope",
    next_step = "leave --scope out; roles come with the instance" },
  { name = "secret_at_certificate_host", code = "net.reset",
    match = function(_, about)
      return about.key_type == "client secret" and is_cert_host(about.host)
    end,
    says = "the host for certificates ends the connection of callers with a client secret",
    next_step = "the tokenurl of a ClientId/Secret key has no '.cert.': download the service key "
      .. "again instead of mixing two" },
  { name = "tenant_unknown", code = "token.not_found",
    says = "the token server knows no such subaccount: wrong subdomain or region, or it was "
      .. "deleted",
    next_step = "compare the hosts of tokenurl and url in the service key" },
  { name = "token_limit", code = "token.rate_limited",
    says = "more than 60 token requests a second in the subaccount",
    next_step = "let processes share tokens (--token-cache), and wait what Retry-After says" },
  { name = "token_server_down", code = "token.unavailable",
    says = "the token server has a problem of its own", next_step = "try again later" },
  { name = "no_token_answer", code = "token.bad_answer",
    says = "what answers is no token server",
    next_step = "look for a proxy or portal on the way, and compare the tokenurl" },
}

-- Runtime and endpoint --------------------------------------------------------------------------

local function status(number) return function(answer) return answer.status == number end end

local function and_also(number, more)
  return function(answer, about) return answer.status == number and more(answer, about) end
end

local function worker_gone(answer)
  return answer.status == 502 or answer.status == 504
end

causes.endpoint = {
  { name = "edge_refused", code = "call.unauthorized", match = and_also(401, is_edge_refusal),
    says = "an Edge Integration Cell refused the credential",
    next_step = "its authentication logs tell why, by the id in the answer; keys come to the cell "
      .. "within minutes, at the latest after 170; an API call needs the prefix /local" },
  { name = "wrong_plan", code = "call.unauthorized",
    match = and_also(401, function(_, about) return about.plan == "api" end),
    says = "the service key is of plan api; flows take keys of plan integration-flow",
    next_step = COCKPIT .. " > Create: Process Integration Runtime, plan integration-flow, and a "
      .. "key of it" },
  { name = "certificate_not_forwarded", code = "call.unauthorized",
    match = and_also(401, function(answer, about)
      return about.auth == "certificate" and has(answer, "SecurityContext")
    end),
    says = "the load balancer passed no certificate on: it could build no chain to a root that it "
      .. "supports",
    next_step = "send the intermediates, too, and compare the root with SAP's list: iflow cert "
      .. "check FILE" },
  { name = "certificate_in_no_key", code = "call.unauthorized",
    match = and_also(401, function(answer) return has(answer, "exactly once in a service key") end),
    says = "the certificate is in no service key, or in several; or the tenant is a trial, which "
      .. "takes none",
    next_step = KEYS .. " > Service Keys: the certificate must be in exactly one key" },
  { name = "basic_refused", code = "call.unauthorized",
    match = and_also(401, function(answer, about)
      return about.auth == "basic" or has(answer, "Bad credentials")
    end),
    says = "client id or secret is not that of a key of this tenant",
    next_step = KEYS .. " > Service Keys: download the key again" },
  { name = "authorization_removed", code = "call.unauthorized",
    match = and_also(401, function(answer) return has(answer, "SecurityContext") end),
    says = "no Authorization field arrived", next_step = "does a proxy on the way remove it?" },
  { name = "token_refused", code = "call.unauthorized", match = status(401),
    says = "a fresh token is refused: it is of another plan or another tenant, or a clock is wrong",
    next_step = "the hosts of tokenurl and url must belong to one tenant: download the key again "
      .. "(" .. KEYS .. " > Service Keys)" },
  { name = "csrf_cookies", code = "call.csrf", match = and_also(403, csrf_failed),
    says = "the CSRF handshake failed: its cookies did not reach the same worker",
    next_step = "does a proxy on the way change or drop cookies?" },
  { name = "role_missing", code = "call.forbidden", match = status(403),
    says = function(about)
      local roles = about.roles and (#about.roles > 0 and table.concat(about.roles, ", ") or "none")
      return "no role of the instance is the User Role of the sender channel"
        .. (roles and " (it has: " .. roles .. ")" or "")
    end,
    next_step = function(about)
      local role = about.role and "the role " .. about.role or "the User Role of the channel"
      return KEYS .. (" > Update: add %s to Roles; it holds after up to an hour. Own roles: %s")
        :format(role, ROLES)
    end },
  { name = "host_unknown", code = "call.not_found",
    match = and_also(404, function(answer)
      return header(answer, "x-cf-routererror") == "unknown_route"
    end),
    says = "the platform knows no such host: wrong name, the tenant was removed, or its runtime is "
      .. "down",
    next_step = "compare url in the service key with " .. FLOWS .. " > the flow > Endpoints" },
  { name = "flow_missing", code = "call.not_found", match = status(404),
    says = "no flow serves the address: not deployed, still starting, or another prefix or case",
    next_step = FLOWS .. " > All: is the flow Started, and what is its endpoint?" },
  { name = "method", code = "call.rejected", match = status(405),
    says = function(about)
      return "the endpoint does not take " .. (about.method or "this method")
    end,
    next_step = "look which methods the sender channel offers" },
  { name = "no_length", code = "call.rejected", match = status(411),
    says = "a body without length was refused", next_step = "send Content-Length: 0" },
  { name = "too_large", code = "call.too_large",
    match = function(answer)
      return answer.status == 413 or has(answer, "exceeds configured size limit")
    end,
    says = "the message is larger than the channel allows",
    next_step = "raise Maximum Message Size of the sender channel, or split the message" },
  { name = "platform_limit", code = "call.unavailable", verdict = "warning", match = status(429),
    says = "the platform limits requests", next_step = "wait what Retry-After says" },
  { name = "flow_failed", code = "call.flow_failed",
    match = and_also(500, function(answer) return answer.message_id ~= nil end),
    says = "the flow ran and failed",
    next_step = MESSAGES .. ", or: iflow tenant log ID; do not repeat it blindly" },
  { name = "adapter_failed", code = "call.rejected", match = status(500),
    says = "the adapter failed before the flow ran (parsing, size, overload)",
    next_step = "read the first lines of the answer" },
  { name = "worker_closing", code = "call.unavailable", match = worker_gone,
    says = "a worker is restarting or closing",
    next_step = "try again later; repeat a message only if the flow recognises repeats" },
  { name = "runtime_down", code = "call.unavailable", match = status(503),
    says = "no worker runs: the tenant is down or in maintenance", next_step = "try again later" },
}

-- No answer -------------------------------------------------------------------------------------

causes.broken = {
  { name = "connection_closed", code = "net.reset",
    says = "the connection was closed before an answer came; SAP's server waits 20 s at most for "
      .. "the next piece of a body",
    next_step = "send without pauses; look the message up before it is repeated: " .. MESSAGES },
  { name = "no_answer_in_time", code = "net.timeout",
    says = "no answer came in time: a long synchronous flow?",
    next_step = "look the message up before it is repeated: " .. MESSAGES .. "; make the flow "
      .. "asynchronous, or raise the timeout" },
  { name = "no_answer_in_time", code = "net.stalled",
    says = "nothing came for a long time: a long synchronous flow?",
    next_step = "look the message up before it is repeated: " .. MESSAGES },
}

-- Asking ----------------------------------------------------------------------------------------

-- Errors go by their code, answers by what stands in them.
local function fits(kind, row, answer, about)
  if kind ~= "endpoint" and answer.code ~= row.code then return false end
  return not row.match or row.match(answer, about)
end

local function text_of(value, about)
  if type(value) == "function" then return value(about) end
  return value
end

--- The row that fits, with its texts made; nil: none does.
function causes.of(kind, answer, about)
  for _, row in ipairs(causes[kind]) do
    if fits(kind, row, answer, about) then
      return { name = row.name, code = row.code, verdict = row.verdict or "failed",
        says = text_of(row.says, about), next_step = text_of(row.next_step, about) }
    end
  end
end

--- The finding of a step whose request got no answer; err: of the call.
function causes.no_answer(err)
  local row = causes.of("broken", err.cause or err)
  return { verdict = "failed", code = err.code, cause = row and row.name or "no_answer",
    evidence = row and ("%s (%s)"):format(row.says, err.message) or err.message,
    next_step = row and row.next_step or err.hint }
end

--- How to come by a root that is missing, and how it is trusted then.
function causes.add_root(host, port, cacert)
  return ("iflow cert fetch %s%s shows the chain (or %s, host %s, without Validate Server "
    .. "Certificate Required, Download); compare its SHA-256 with what the host's operator says, "
    .. "then %s"):format(host:find(":", 1, true) and "[" .. host .. "]" or host,
    port == 443 and "" or ":" .. port, TEST, host,
    cacert and "add the root to " .. cacert or "give the root's file with --cacert")
end

return causes
