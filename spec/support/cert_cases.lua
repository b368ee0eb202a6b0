-- cert_cases.lua -- certificates and chains with every flaw, in every container, and what the
-- openssl program says of each. Made by our authority, packed and judged by openssl alone.
--   local cases = cert_cases.make(dir, n)   -- n directories below dir, packed and judged
--   cases[i] = { kind = words, path =, key = path|nil, pass = text|nil, known = PEM|nil,
--                says = { verified = now, complete = dates aside, client =, sha256 =, … } }
local core = require "iflow.core"
local process = require "spec.support.process"

local cert_cases = {}

local DAY = 24 * 3600
local PASS = "geheim-7"

-- What varies; case i takes one of each, with periods that share no factor.
local dimensions = {
  { "kind", { "rsa", "ec" } },
  { "depth", { 0, 1, 2 } },
  { "flaw", { "none", "missing", "expired", "none", "future", "cross", "no root", "old issuer",
              "other", "server", "no eku" } },
  { "container", { "pem", "p7-pem", "p7-der", "p12-new", "p12-old", "zip", "several" } },
  { "order", { "leaf first", "root first", "mixed", "leaf first", "root inside" } },
}

local function words_of(i)
  local words = {}
  for _, d in ipairs(dimensions) do words[d[1]] = d[2][(i - 1) % #d[2] + 1] end
  return words
end

-- Making ------------------------------------------------------------------------------------------

local function new_keys()
  local keys = {}
  for _, kind in ipairs { "rsa", "ec" } do
    keys[kind] = assert(core.authority.keypair { type = kind })
  end
  for _, name in ipairs { "root", "other", "middle1", "middle2", "stranger" } do
    keys[name] = assert(core.authority.keypair { type = "ec" })
  end
  return keys
end

local function issue(keys, name, issuer, more)
  local options = { subject = { { "O", "Example, SE" }, { "CN", name } },
    key = more.key or keys[name], issuer = issuer and issuer.pem,
    issuer_key = issuer and keys[issuer.name], ca = more.ca, client_auth = more.client_auth,
    server_auth = more.server_auth, not_before = more.not_before or os.time() - DAY,
    not_after = more.not_after or os.time() + 100 * DAY }
  return { name = name, pem = assert(core.authority.issue(options)) }
end

local function leaf_options(words, keys)
  local more = { key = keys[words.kind], client_auth = words.flaw ~= "server"
    and words.flaw ~= "no eku", server_auth = words.flaw == "server" }
  if words.flaw == "expired" then more.not_after = os.time() - 60 end
  if words.flaw == "future" then more.not_before = os.time() + DAY end
  return more
end

-- The chain of a case: root first; and what is trusted.
local function chain_of(words, keys)
  local list = { issue(keys, "root", nil, { ca = true }) }
  for d = 1, words.depth do
    local old = words.flaw == "old issuer" and d == 1
    list[d + 1] = issue(keys, "middle" .. d, list[d], { ca = true,
      not_after = old and os.time() - 60 or nil })
  end
  list[#list + 1] = issue(keys, "leaf", list[#list], leaf_options(words, keys))
  return list
end

-- The texts of the file, and the roots that are trusted beside it.
local function compose(words, keys)
  local chain = chain_of(words, keys)
  local trusted, texts = chain[1].pem, {}
  for i = #chain, words.order == "root inside" and 1 or 2, -1 do
    texts[#texts + 1] = chain[i].pem
  end
  if words.flaw == "missing" and words.depth > 0 then table.remove(texts, 2) end
  if words.flaw == "no root" then trusted = nil end
  if words.flaw == "cross" then -- the root's key under another root, which alone is trusted
    local other = issue(keys, "other", nil, { ca = true })
    texts[#texts + 1] = issue(keys, "root", other, { ca = true }).pem
    trusted = other.pem
  elseif words.flaw == "other" then
    trusted = issue(keys, "other", nil, { ca = true }).pem
    if words.order == "root inside" then texts[#texts] = nil end
  end
  return texts, trusted, chain[#chain].pem
end

local function arrange(texts, order)
  if order == "root first" then
    for i = 1, #texts // 2 do texts[i], texts[#texts + 1 - i] = texts[#texts + 1 - i], texts[i] end
  elseif order == "mixed" and #texts > 2 then
    texts[1], texts[2] = texts[2], texts[1]
  end
  return table.concat(texts)
end

local function make_case(dir, i, keys)
  local words = words_of(i)
  local texts, trusted, leaf = compose(words, keys)
  local case = { kind = words, dir = ("%s/%d"):format(dir.path, i), known = trusted }
  assert(core.file.mkdir(case.dir))
  local function write(name, text) process.write(case.dir .. "/" .. name, text) end
  if words.container == "several" then -- a stranger's chain in the same file
    texts[#texts + 1] = issue(keys, "stranger", nil, { ca = true }).pem
  end
  write("in.pem", arrange(texts, words.order))
  write("leaf.pem", leaf)
  write("trusted.pem", trusted or issue(keys, "stranger", nil, { ca = true }).pem)
  write("key.pem", keys[words.kind]:private_pem())
  write("container", words.container)
  return case
end

-- Packing and judging -----------------------------------------------------------------------------

-- One shell for all of them: a process a certificate would take most of the time.
local script = [[
cd "$1"
for d in */; do (
  cd "$d"
  case $(cat container) in
  p7-pem) openssl crl2pkcs7 -nocrl -certfile in.pem -out file ;;
  p7-der) openssl crl2pkcs7 -nocrl -certfile in.pem -outform DER -out file ;;
  p12-new) openssl pkcs12 -export -inkey key.pem -in in.pem -passout "pass:$2" -out file ;;
  p12-old) openssl pkcs12 -export -legacy -inkey key.pem -in in.pem -passout "pass:$2" -out file ;;
  zip) python3 -c 'import re, zipfile
z = zipfile.ZipFile("file", "w", zipfile.ZIP_DEFLATED)
for i, t in enumerate(re.findall("-----BEGIN.*?-----END[^\n]*\n", open("in.pem").read(), re.S)):
    z.writestr("../%d.cer" % i, t)' ;;
  *) cp in.pem file ;;
  esac
  case $(cat container) in
  p7-pem) openssl pkcs7 -in file -print_certs -out out.pem ;;
  p7-der) openssl pkcs7 -in file -inform DER -print_certs -out out.pem ;;
  p12-new) openssl pkcs12 -in file -nokeys -passin "pass:$2" -out out.pem ;;
  p12-old) openssl pkcs12 -legacy -in file -nokeys -passin "pass:$2" -out out.pem ;;
  *) cp in.pem out.pem ;;
  esac
  verify="openssl verify -no-CApath -no-CAstore -CAfile trusted.pem -untrusted in.pem"
  $verify leaf.pem && touch verified
  $verify -no_check_time leaf.pem && touch complete
  openssl x509 -in leaf.pem -noout -serial -fingerprint -sha256 -dates -dateopt iso_8601 \
    -ext extendedKeyUsage
) >"$d/said" 2>"$d/errors" || exit 1
done
]]

local function exists(path) return core.file.stat(path) ~= nil end

local function judged(case)
  local said = assert(process.read(case.dir .. "/said"))
  case.path = case.dir .. "/file"
  local packed = case.kind.container:find "^p12"
  case.pass, case.key = packed and PASS or nil, not packed and case.dir .. "/key.pem" or nil
  case.says = {
    verified = exists(case.dir .. "/verified"), complete = exists(case.dir .. "/complete"),
    client = said:find("TLS Web Client Authentication", 1, true) ~= nil,
    serial = said:match "serial=(%x+)", sha256 = said:match "Fingerprint=([%x:]+)":gsub(":", ""),
    not_before = said:match "notBefore=([^\n]+)", not_after = said:match "notAfter=([^\n]+)",
    certificates = assert(process.read(case.dir .. "/out.pem")),
  }
  return case
end

--- n cases below the directory.
function cert_cases.make(dir, n)
  local keys, cases = new_keys(), {}
  for i = 1, n do cases[i] = make_case(dir, i, keys) end
  local result = process.run { "sh", "-c", script, "sh", dir.path, PASS, timeout = 600 }
  assert(result.code == 0, result.err)
  for _, case in ipairs(cases) do judged(case) end
  return cases
end

return cert_cases
