-- check.lua -- whether SAP would accept a client certificate, as far as its files can tell: rule by
-- rule (sap-reference 3.1 to 3.5), each with the evidence and the next step.
--
--   check { cert = path | bytes | info of cert.read, key = path, pass_file =, passphrase =, (cert,
--           key and pass_file also as lua/iflow/source.lua names them, key as hardware.lua does)
--           at = epoch (now), roots = lists of iflow.roots, known = PEM texts of further
--           authorities, directory = hashed directory of roots (the system's) }
--     -> { findings = { { name =, verdict =, evidence =, next_step = } … }, verdict =, days_left =,
--          expired = bool, direct = true|false|nil, token = true|false|nil,
--          certificates = { … } leaf first } | nil, err (file.*, cert.*)
--   name: "key", "order", "complete", "dates", "eku", "load balancer", "token server", "use"
--   verdict: "fine", "warning", "failed", "unknown"; of the whole the worst
--   days_left: of what ends first on the way to the root; direct, token: whether it can log on to
--   the runtime, or at the token server as an external certificate; nil: that is not known
local authorities = require "iflow.cert.authorities"
local core = require "iflow.core"
local errors = require "iflow.error"
local hardware = require "iflow.hardware"
local source = require "iflow.source"
local suggest = require "iflow.suggest"

local OPTIONS = { "cert", "key", "pass_file", "passphrase", "at", "roots", "known", "directory" }

local DAY = 24 * 3600
local WARN_DAYS = 30
local FILE_MAX = 1 << 20 -- bytes of a certificate's file

local list = {}
list.__index = list

function list:add(name, verdict, evidence, next_step)
  self[#self + 1] = { name = name, verdict = verdict, evidence = evidence, next_step = next_step }
end

local function date(epoch) return os.date("!%Y-%m-%d %H:%M:%S UTC", epoch) end

local function count(n, what) return ("%d %s%s"):format(n, what, n == 1 and "" or "s") end

-- The leaf and what the file has above it --------------------------------------------------------

-- The leaf, then its issuers as the file has them.
local function chain_of(info)
  local chain, seen, i = {}, {}, info.leaf or 1
  while i and not seen[i] do
    seen[i] = true
    chain[#chain + 1] = info.certificates[i]
    i = info.certificates[i].issued_by
  end
  return chain
end

-- The leaf first, then all others: what OpenSSL may build chains from.
local function texts_of(info)
  local leaf = info.leaf or 1
  local texts = { info.certificates[leaf].pem }
  for i, certificate in ipairs(info.certificates) do
    if i ~= leaf then texts[#texts + 1] = certificate.pem end
  end
  return texts
end

-- The rules --------------------------------------------------------------------------------------

local function check_key(found, info)
  if not info.has_key then
    found:add("key", "unknown", "no private key was given", "give it with --key")
  elseif info.key_locked then
    found:add("key", "unknown", "the private key is encrypted, and no passphrase was given",
      "give the passphrase with --pass-file")
  elseif info.key_matches then
    found:add("key", "fine", "the private key belongs to the certificate")
  else
    found:add("key", "failed", "the private key belongs to none of the certificates",
      "use the key that the certificate was issued for, or have a certificate issued for this one")
  end
end

local order_words = {
  ["single"] = { "fine", "the certificate stands alone" },
  ["leaf first"] = { "fine", "leaf first" },
  ["root first"] = { "warning", "the root stands first" },
  ["mixed"] = { "warning", "the certificates are in no order" },
  ["unrelated"] = { "warning", "not all certificates belong to the leaf's chain" },
}

local function check_order(found, info)
  local words = order_words[info.order]
  found:add("order", words[1], ("%s (%s)"):format(words[2], count(#info.certificates,
    "certificate")), words[1] ~= "fine" and "iflow sorts them itself; for other programs write "
    .. "the leaf first, then its issuer, and so on" or nil)
end

-- The intermediate that the file lacks, though it is known from elsewhere: only roots may be.
local function lacking(chain, way)
  local last = chain[#chain]
  if last.self_signed then return nil end
  local intermediate
  for _, certificate in ipairs(way.reached) do
    if certificate.subject == last.issuer then
      if certificate.self_signed then return nil end
      intermediate = certificate
    end
  end
  return intermediate
end

-- alone: the file is a service key, which takes an external certificate without its chain.
local function check_complete(found, way, chain, alone)
  local leaf, gap = way.reached[1], lacking(chain, way)
  if leaf.self_signed then
    found:add("complete", "failed", "the certificate is self-signed, SAP accepts none of these",
      "have one signed by an authority of the load balancer's list: iflow cert request")
  elseif gap then
    found:add("complete", "failed", ("the intermediate certificate '%s' is not in the file"):format(
      gap.subject), "add it to the file behind what it issued: the load balancer stores roots only")
  elseif way.root then
    found:add("complete", "fine", "leads to " .. way.root.subject)
  elseif way.named then
    found:add("complete", "unknown", ("ends at the issuer '%s', which is neither in the file nor "
      .. "among the roots of this system; a root of this name is in SAP's lists, SHA-256 %s")
      :format(way.missing, way.named.sha256 or "not published"),
      "get that root from its authority, compare the fingerprint, and give it with --cacert")
  else
    found:add("complete", "failed", ("the issuer '%s' is neither in the file nor among the roots "
      .. "of this system"):format(way.missing), (alone and "check the file that is sent, a service "
      .. "key takes no chain: " or "add the intermediate certificates to the file: ")
      .. "the load balancer stores roots only; a root of your own is given with --cacert")
  end
end

-- What ends first on the way, and what is not valid now.
local function look_at_dates(chain, at)
  local first, bad = chain[1], nil
  for _, certificate in ipairs(chain) do
    if certificate.not_after < first.not_after then first = certificate end
    if at > certificate.not_after or at < certificate.not_before then bad = bad or certificate end
  end
  return first, bad
end

local new_key = "create a new service key, switch to it, delete the old one: BTP cockpit, or "
  .. "iflow instance key create"

local function check_dates(found, report, chain, at, made)
  local first, bad = look_at_dates(chain, at)
  report.days_left = (first.not_after - at) // DAY
  report.expired = bad ~= nil
  if bad and at < bad.not_before then
    found:add("dates", "failed", ("'%s' is not valid before %s"):format(bad.subject,
      date(bad.not_before)), "look at this machine's clock, or wait")
  elseif bad then
    found:add("dates", "failed", ("'%s' expired at %s"):format(bad.subject, date(bad.not_after)),
      made and new_key or "renew it: new pair, registered at SAP, then switched to")
  elseif report.days_left < WARN_DAYS then
    found:add("dates", "warning", ("'%s' ends at %s, %s left"):format(first.subject,
      date(first.not_after), count(report.days_left, "day")), made and new_key
      or "renew it before it ends: new pair, registered at SAP first, then switched to")
  else
    found:add("dates", "fine", ("until %s, %s left"):format(date(first.not_after),
      count(report.days_left, "day")))
  end
end

local function contains(values, wanted)
  for _, value in ipairs(values) do
    if value == wanted then return true end
  end
  return false
end

local function check_usage(found, way, texts, at)
  local leaf = way.reached[1]
  if not contains(leaf.eku, "clientAuth") then
    found:add("eku", "failed", #leaf.eku == 0 and "there is no extended key usage"
      or "the extended key usage is only " .. table.concat(leaf.eku, ", "),
      "have a certificate issued with clientAuth (1.3.6.1.5.5.7.3.2): without it SAP's load "
      .. "balancer ends the TLS handshake. Public authorities have stopped issuing it; SAP advises "
      .. "certificates of SAP Cloud Root CA")
    return
  end
  local plain = way.root and core.cert.verify(texts, { way.root.pem }, { at = at })
  local ok, why = true, nil
  if plain then
    ok, why = core.cert.verify(texts, { way.root.pem }, { at = at, purpose = "client" })
  end
  if ok then
    found:add("eku", "fine", "clientAuth")
  else
    found:add("eku", "failed", "not usable by a client: " .. why,
      "have it issued by an intermediate that may issue certificates for clients")
  end
end

-- The lists --------------------------------------------------------------------------------------

local function not_reached(way)
  if way.root then return "leads to " .. way.root.subject .. ", which is not in the list" end
  return ("the issuer '%s' is not known here"):format(way.missing)
end

-- true, false, or nil when the way ends before a root.
local function accepted(way, name)
  if way[name] then return true end
  if way.root then return false end
  return nil
end

-- made: of a certificate that SAP made, nothing can be chosen.
local function check_load_balancer(found, way, made)
  local ok = accepted(way, "load_balancer")
  if ok then
    found:add("load balancer", "fine", "in the list: " .. way.load_balancer.subject)
  elseif way.removed then
    found:add("load balancer", "warning", ("'%s' was removed from the list"):format(
      way.removed.subject), "have a certificate issued under a root of: iflow cert roots")
  else
    found:add("load balancer", ok == nil and "unknown" or "warning", not_reached(way),
      ok == nil and "complete the chain, see above"
        or not made and "have a certificate issued under a root of: iflow cert roots" or nil)
  end
  return ok
end

-- made: it came in a service key of type Certificate, so the token server's own authority made it.
local function check_token_server(found, way, made)
  local ok = accepted(way, "token_server")
  if made then
    found:add("token server", "fine", "SAP made it with the service key")
    return true
  elseif ok then
    found:add("token server", "fine", "in the list: " .. way.token_server.subject)
  else
    found:add("token server", ok == nil and "unknown" or "warning", not_reached(way),
      ok == nil and "complete the chain, see above"
        or "for tokens have it issued under an authority of: iflow cert roots")
  end
  return ok
end

local uses = {
  both = { "fine", "it can get tokens as an external certificate, and log on to the runtime "
    .. "directly: its authority is in both lists" },
  made = { "fine", "made by SAP: it can get tokens, and log on to the runtime directly" },
  made_elsewhere = { "warning", "made with the service key: it can get tokens; direct log-on is "
    .. "not certain, since its root is not known to be in the load balancer's list" },
  direct = { "warning", "it can log on to the runtime directly (Client Certificate), but not get "
    .. "tokens as an external certificate: its authority is in the load balancer's list only",
    "send with the certificate itself; for tokens use a key of type Certificate or "
    .. "ClientId/Secret, or an authority of both lists" },
  token = { "warning", "the token server accepts its authority, the load balancer's list does not "
    .. "have it; SAP demands that list of every external certificate, for tokens too, so it may be "
    .. "refused when the key is created", "use an authority of both lists" },
  none = { "failed", "it can neither get tokens nor log on directly: SAP knows its authority in "
    .. "neither list", "have a certificate issued under a root of: iflow cert roots" },
  unknown = { "unknown", "its root is not known, so neither way is certain",
    "add the intermediates, or give the root with --cacert" },
}

-- Section 3.1's consequence: direct needs the balancer's list, a token both.
local function judge(report, balancer, token, made)
  report.direct = balancer
  if made then
    report.token, report.direct = true, balancer or nil
    return balancer and uses.made or uses.made_elsewhere
  end
  if token and balancer == false then
    report.token = nil
    return uses.token
  end
  report.token = token
  if token and balancer then return uses.both end
  if balancer then return uses.direct end
  return balancer == false and uses.none or uses.unknown
end

local function check_use(found, report, way, made)
  local balancer = check_load_balancer(found, way, made)
  local token = check_token_server(found, way, made)
  local words = judge(report, balancer, token, made)
  found:add("use", words[1], words[2], words[3])
end

-- All of it --------------------------------------------------------------------------------------

local ranks = { fine = 0, unknown = 1, warning = 2, failed = 3 }

local function worst(found)
  local verdict = "fine"
  for _, finding in ipairs(found) do
    if ranks[finding.verdict] > ranks[verdict] then verdict = finding.verdict end
  end
  return verdict
end

local function is_bytes(text)
  return text:find("-----BEGIN", 1, true) or text:find "^[\x30{]" and #text > 255
    or text:find "^PK[\3\5]"
end

-- A path, or the text that a command prints; bytes stay what they are.
local function resolve(value)
  if not value or type(value) == "string" and is_bytes(value) then return value end
  local path, err, secret = source.resolve(value)
  if secret then return secret:reveal() end
  return path, err
end

-- With a key that nobody can read: it opens only together with the certificate that it belongs to.
local function read_hardware(cert, key, passphrase)
  if hardware.is_named(cert) then
    return nil, errors { code = "usage.invalid",
      message = "the certificate is named in hardware; its files are what is checked here",
      hint = "copy it into a file (pkcs11-tool --read-object --type cert) and name that" }
  end
  local identity, err = core.identity.open { cert = cert, key = key, passphrase = passphrase }
  if not identity and err.code ~= "cert.key_mismatch" then return nil, err end
  local info, why = core.cert.read(cert)
  if not info then return nil, why end
  info.has_key, info.key_matches = true, identity ~= nil
  return info
end

local function read(options)
  if type(options.cert) == "table" and not source.is_command(options.cert) then
    return options.cert
  end
  local pass, err = options.passphrase
  if options.pass_file then
    pass, err = source.secret(options.pass_file)
    if not pass then return nil, err end
  end
  local cert, key
  cert, err = resolve(options.cert)
  if not cert then return nil, err end
  if hardware.is_named(options.key) then return read_hardware(cert, options.key, pass) end
  key, err = resolve(options.key)
  if err then return nil, err end
  if key and is_bytes(key) then -- the reader takes a key's text beside the certificate's only
    if not is_bytes(cert) then cert, err = core.file.read(cert, FILE_MAX) end
    if not cert then return nil, err end
    cert, key = cert .. "\n" .. key, nil
  end
  local how = { passphrase = pass, key = key }
  if is_bytes(cert) then return core.cert.parse(cert, how) end
  return core.cert.read(cert, how)
end

-- What is sent, and the root when it is not among it.
local function with_root(chain, way)
  local root = way.root
  if root and chain[#chain].sha256 ~= root.sha256 then
    chain = table.move(chain, 1, #chain, 1, {})
    chain[#chain + 1] = root
  end
  return chain
end

return function(options)
  suggest.check_keys(options, OPTIONS)
  local info, err = read(options)
  if not info then return nil, err end
  if #info.certificates == 0 then
    return nil, errors { code = "cert.missing", message = "there is no certificate in the file",
      hint = "give the certificate with its chain; the key goes to --key" }
  end
  local at, texts = options.at or os.time(), texts_of(info)
  local way
  way, err = authorities { chain = texts, known = options.known, roots = options.roots,
                           directory = options.directory }
  if not way then return nil, err end
  local found, chain = setmetatable({}, list), chain_of(info)
  local report = { certificates = chain }
  check_key(found, info)
  check_order(found, info)
  local in_key = info.format == "service key"
  local made = in_key and info.key_matches and not options.key -- SAP gives its own key with it
  check_complete(found, way, chain, in_key)
  check_dates(found, report, with_root(chain, way), at, made)
  check_usage(found, way, texts, at)
  check_use(found, report, way, made)
  report.findings, report.verdict = setmetatable(found, nil), worst(found)
  return report
end
