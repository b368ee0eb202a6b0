-- The lines of tables 4.4, 5.5 and 8.1 of sap-reference, and the spec that provokes each over a
-- real connection. Lines about the API host alone are in its own specs.
local process = require "spec.support.process"

local TOKEN, CALL = "sandbox_token_answers", "sandbox_call_answers"
local FAULTS, MTLS = "sandbox_faults_token", "sandbox_certificates"

local LINES = {
  { "4.4", "wrong secret, unknown client", TOKEN, "credentials that are wrong, missing, or" },
  { "4.4", "the same, newer", TOKEN, "the same in the spelling of newer versions" },
  { "4.4", "no client authentication at all", TOKEN, "credentials that are wrong, missing, or" },
  { "4.4", "grant_type missing", TOKEN, "grant types and scopes" },
  { "4.4", "unknown grant type", TOKEN, "grant types and scopes" },
  { "4.4", "grant type not allowed for the instance", TOKEN, "grant types and scopes" },
  { "4.4", "scope not owned", TOKEN, "grant types and scopes" },
  { "4.4", "client_id is not the authenticated client", TOKEN, "credentials that are wrong" },
  { "4.4", "certificate of others, expired, untrusted", TOKEN, "certificates of others" },
  { "4.4", "secret at the host for certificates", TOKEN, "a secret at the host for certificates" },
  { "4.4", "certificate key at the other host", TOKEN, "a certificate key at the host that never" },
  { "4.4", "wrong subdomain", TOKEN, "another subdomain" },
  { "4.4", "too many requests", TOKEN, "too many requests: they queue" },
  { "4.4", "overload, maintenance", FAULTS, "pages and texts instead of JSON" },

  { "5.5", "200", CALL, "200 with the flow's output" },
  { "5.5", "204", CALL, "200 with the flow's output" },
  { "5.5", "202", "sandbox_channels", "answers 202 one way" },
  { "5.5", "any status a flow sets", CALL, "200 with the flow's output" },
  { "5.5", "500, and the exception instead", CALL, "500 with the platform's text" },
  { "5.5", "500 as a SOAP fault", "sandbox_channels", "makes faults of errors, with status 500" },
  { "5.5", "503", CALL, "404 and 502 and 503 of the router" },

  { "8.1", "TLS: unknown issuer", CALL, "an issuer nobody trusts" },
  { "8.1", "TLS: wrong name, expired server", "sandbox_faults_certificate", "is seen by every" },
  { "8.1", "TLS alert: no clientAuth", MTLS, "a certificate without the extended key usage" },
  { "8.1", "TLS alert: expired", MTLS, "an expired certificate" },
  { "8.1", "token: reset without certificate", TOKEN, "a secret at the host for certificates" },
  { "8.1", "token 401: key deleted", "sandbox_token", "a deleted key, whose tokens live on" },
  { "8.1", "token 401: unauthorized grant type", TOKEN, "grant types and scopes" },
  { "8.1", "token 429", TOKEN, "too many requests: they queue" },
  { "8.1", "token 404", TOKEN, "another subdomain" },
  { "8.1", "401 JSON, nothing arrived", CALL, "401 without credentials, and with a certificate" },
  { "8.1", "401 XML, Basic", CALL, "401 for Basic and for certificates, in XML or JSON" },
  { "8.1", "401 invalid_client: in no key", CALL, "401 for Basic and for certificates" },
  { "8.1", "401 invalid_client: in several", "sandbox_pinning", "conflicts with another of its" },
  { "8.1", "401 invalid_client: trial", "sandbox_pinning", "do not matter to a trial tenant" },
  { "8.1", "401 Bearer: expired", CALL, "401 for a token that has expired" },
  { "8.1", "401 Bearer: plan, tenant", CALL, "401 for the token of another plan or another" },
  { "8.1", "403 CSRF", CALL, "403 for a missing CSRF token, and for a missing role" },
  { "8.1", "403 role", CALL, "403 for a missing CSRF token, and for a missing role" },
  { "8.1", "403 now and then", CALL, "403 now and then, when cookies were changed" },
  { "8.1", "404 of the web server", CALL, "404 of the web server: not deployed, starting, wrong" },
  { "8.1", "404 unknown_route: app down", CALL, "404 and 502 and 503 of the router" },
  { "8.1", "404 unknown_route: wrong host", "sandbox_runtime", "of another tenant is the" },
  { "8.1", "405, HEAD", CALL, "405, 411, 415, 429 and too many headers" },
  { "8.1", "411", CALL, "405, 411, 415, 429 and too many headers" },
  { "8.1", "size exceeded", CALL, "an exceeded size, with the status that is set" },
  { "8.1", "429", CALL, "405, 411, 415, 429 and too many headers" },
  { "8.1", "500 with id", CALL, "500 with the platform's text, or with the exception" },
  { "8.1", "500 without id", "sandbox_channels", "refuses what is no envelope by a fault without" },
  { "8.1", "502", CALL, "404 and 502 and 503 of the router" },
  { "8.1", "504", CALL, "no answer for too long: 504 of the balancer" },
  { "8.1", "503", CALL, "404 and 502 and 503 of the router" },
  { "8.1", "closed while sending", CALL, "a pause in the body closes the connection" },
  { "8.1", "no answer for minutes", CALL, "no answer for too long: a closed connection" },
  { "8.1", "two logs for one message", CALL, "a client that gives up leaves a run that ends" },
  { "8.1", "two logs, by a proxy", "sandbox_faults_runtime", "a message that is repeated" },
}

describe("every line of the tables of answers", function()
  local texts = {}
  for _, line in ipairs(LINES) do
    local section, what, name, case = table.unpack(line)
    it(("%s %s is provoked"):format(section, what), function()
      local path = ("spec/system/%s_spec.lua"):format(name)
      texts[path] = texts[path] or assert(process.read(path), path)
      local found = false
      for title in texts[path]:gmatch 'it%(("[^\n]*)' do
        if title:find(case, 1, true) then found = true end
      end
      assert.is_true(found, path .. ": " .. case)
    end)
  end
end)
