--- The client certificate: what its files say, and whether the hosts took it in the handshake. What
--- the load balancer made of it is seen at 'runtime'.
local causes = require "iflow.check.causes"
local certificates = require "iflow.cli.certificates"
local key_checks = require "iflow.cli.key_checks"
local cert = require "iflow.cert"
local core = require "iflow.core"
local hardware = require "iflow.hardware"

local VERDICTS = { ok = "fine", warning = "warning", failed = "failed", skipped = "unknown" }
local WORST = { fine = 0, unknown = 1, warning = 2, failed = 3 }

-- What the files say, as one finding each that is not fine; of dates 'validity' tells.
local function local_findings(look)
  local options, key = look.tenant.options, look.key
  local pem = key:certificate_pem()
  local parsed = pem and core.cert.parse(pem, { name = key.name })
  local found = {}
  if not parsed then return found end
  local own = { cert = options.cert, key = options.key, passphrase = options.pass_file
    and core.secret.file(options.pass_file) or options.passphrase }
  for _, item in ipairs(key_checks(key, parsed.certificates, own)) do
    local verdict = VERDICTS[item.result]
    if WORST[verdict] > 1 and item.check ~= "fields" and item.check ~= "dates" then
      found[#found + 1] = { verdict = verdict, code = item.code,
        cause = "certificate_" .. item.check:gsub(" ", "_"),
        evidence = ("%s: %s"):format(item.check, item.message) }
    end
  end
  return found
end

-- SAP's list for the way it goes, of a certificate that SAP did not make itself. It is no more than
-- a warning: how soon the hosts follow the lists is not known, and they have the last word.
local function add_list(look, found)
  local options, key = look.tenant.options, look.key
  if key.type ~= "external certificate" or hardware.is_named(options.cert) then return end
  local wanted = look.auth == "certificate" and "load balancer" or "token server"
  local report = cert.check { cert = options.cert or key:certificate_pem(),
    roots = look.options.roots }
  for _, item in ipairs(report and report.findings or {}) do
    if item.name == wanted and WORST[item.verdict] > 1 then
      found[#found + 1] = { verdict = "warning", cause = "certificate_list",
        evidence = ("list of the %s: %s"):format(wanted, item.evidence),
        next_step = item.next_step }
    end
  end
end

local function refused(look, place, err)
  local row = causes.of("tls", err, look:about { has_identity = place.identity })
  return { verdict = "failed", code = err.code, cause = row.name,
    evidence = ("%s: %s (alert: %s)"):format(place.name, row.says, err.alert or "none"),
    next_step = row.next_step }
end

-- Where a certificate was asked for, and refused or missed.
local function handshakes(look, found)
  local taken = {}
  for _, place in ipairs(look.options.offline and {} or look.places) do
    local seen, err = look:probe(place)
    if err and err.code == "tls.credentials_refused" then
      found[#found + 1] = refused(look, place, err)
    elseif place.identity and seen.asked_client and not err then
      taken[#taken + 1] = place.name
    end
  end
  return taken
end

local function is_used(look)
  if look.options.offline then return look.tenant.identity ~= nil end
  for _, place in ipairs(look.places) do
    local _, err = look:probe(place)
    if place.identity or err and err.code == "tls.credentials_refused" then return true end
  end
  return look.auth == "certificate"
end

return {
  name = "client certificate", needs = { "configuration", "validity" },
  applies = function(look) return look.tenant and is_used(look) end,
  run = function(look)
    local identity = look.tenant.identity
    local found = identity and local_findings(look) or {}
    if not identity and look.auth == "certificate" then
      return { verdict = "failed", code = "cert.missing", cause = "client_certificate_missing",
        evidence = "a direct call needs a client certificate, and there is none",
        next_step = "use a service key of type Certificate, or give --cert and --key" }
    end
    if identity then add_list(look, found) end
    local taken = handshakes(look, found)
    if identity and #found == 0 then
      local info = identity:info()
      found[1] = { verdict = "fine", evidence = ("%s, %s%s"):format(info.subject,
        certificates.validity(info), #taken > 0 and "; taken in the handshake by "
          .. table.concat(taken, ", ") or "") }
    end
    return found
  end,
}
