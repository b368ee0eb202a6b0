--- Whether each host can be trusted: its chain leads to a root that is known here, and its
--- certificate is for its name. Names what is missing.
local causes = require "iflow.check.causes"
local core = require "iflow.core"
local roots = require "iflow.roots"

local function certificates(seen)
  local parsed = seen.chain and seen.chain[1] and core.cert.parse(table.concat(seen.chain))
  return parsed and parsed.certificates or {}
end

-- The root: served, or known only by the name of who issued the last certificate.
local function root_of(seen)
  local list = certificates(seen)
  local last = list[#list]
  if not last then return nil end
  if last.self_signed then return last.subject, last.sha256:upper() end
  return last.issuer
end

-- What is said of a root that was not served: the fingerprint of those that SAP names like it.
local function not_served(name)
  local lists = roots.load {}
  for _, row in ipairs(lists and lists.load_balancer:named(name) or {}) do
    if row.sha256 and not row.removed then
      return (" (not served; SAP lists one of this name, SHA-256 %s)"):format(row.sha256)
    end
  end
  return " (not served)"
end

local function untrusted(look, place, seen)
  local row = causes.of("tls", seen.trust, look:about())
  local evidence, next_step = seen.trust.message, seen.trust.hint
  local name, sha256 = root_of(seen)
  if row and row.name ~= "server_expired" then
    evidence = ("%s: %s%s"):format(row.says, name, sha256 and ", SHA-256 " .. sha256
      or not_served(name))
    next_step = causes.add_root(place.host, place.port, look.tenant.options.cacert)
  elseif row then
    next_step = row.next_step
  end
  return { verdict = "failed", code = seen.trust.code, cause = row and row.name,
    evidence = evidence, next_step = next_step }
end

local function wrong_name(place, seen)
  local leaf = certificates(seen)[1] or {}
  local names = table.concat(leaf.sans or {}, ", ")
  return { verdict = "failed", code = "tls.wrong_name", cause = "wrong_name",
    evidence = ("the certificate is not for %s, but for %s"):format(place.host,
      names ~= "" and names or leaf.subject or "nobody"),
    next_step = "compare the host in the service key; is something between that answers for all?" }
end

return {
  name = "tls", needs = { "dns", "proxy", "tcp" }, each = true,
  run = function(look, place)
    local seen, err = look:probe(place)
    if seen.trust then return untrusted(look, place, seen) end
    if #(seen.chain or {}) > 0 and not seen.host_matches then return wrong_name(place, seen) end
    -- A refused client certificate is said by the step about it.
    if err and err.code ~= "tls.credentials_refused" then
      return { verdict = "failed", code = err.code, cause = "no_tls", evidence = err.message,
        next_step = err.stage and err.hint or "correct what is said about the file" }
    end
    local root = root_of(seen)
    return { verdict = "fine", evidence = ("%strusted, by %s"):format(
      seen.protocol and seen.protocol .. ", " or "", root or "its authority") }
  end,
}
