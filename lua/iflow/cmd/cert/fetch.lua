-- fetch.lua -- iflow cert fetch HOST[:PORT]: the connectivity test of SAP's monitor, from here.
local cert = require "iflow.cert"
local certificates = require "iflow.cli.certificates"
local core = require "iflow.core"
local errors = require "iflow.error"
local lists = require "iflow.cli.root_lists"
local new_files = require "iflow.cli.new_files"
local tenants = require "iflow.cli.tenant"

local function bad(word)
  return nil, errors { code = "usage.invalid", message = ("'%s' is no host"):format(word),
    hint = "give the host name only, as of the runtime: HOST or HOST:PORT" }
end

-- A URL is what users have at hand: scheme and path are left out.
local function address(word)
  local rest = word:gsub("^%a[%w+.-]*://", ""):gsub("[/?#].*$", "")
  local host, port = rest:match "^%[([%x:.]+)%]:?(%d*)$"
  if not host then host, port = rest:match "^([%w._-]+):?(%d*)$" end
  if not host then return bad(word) end
  local number = port == "" and 443 or math.tointeger(tonumber(port))
  if number < 1 or number > 65535 then return bad(word) end
  return { host = host, port = number }
end

-- Files ------------------------------------------------------------------------------------------

-- "2-Example-Client-CA.cer": what a server says of itself goes into no path as it is.
local function file_name(i, certificate, kind)
  local name = certificate.subject:match "CN=([^,]+)" or certificate.subject
  name = name:gsub("[^%w.]+", "-"):gsub("^[-.]+", ""):sub(1, 60):gsub("[-.]+$", "")
  return ("%d-%s.%s"):format(i, name == "" and "certificate" or name, kind)
end

local forms = { der = { "cer", core.cert.der }, pem = { "pem", function(pem) return pem end } }

-- What is written of the chain, and of the root when it was not served.
local function entries_of(seen, formats)
  local chain = table.move(seen.chain, 1, #seen.chain, 1, {})
  if seen.root and seen.root_from ~= "chain" then chain[#chain + 1] = seen.root end
  local entries = {}
  for i, certificate in ipairs(chain) do
    for _, format in ipairs(formats) do
      local form = forms[format]
      entries[#entries + 1] = { name = file_name(i, certificate, form[1]),
                                data = form[2](certificate.pem) }
    end
  end
  return entries
end

local function plan(seen, args)
  local formats = args.format == "both" and { "der", "pem" } or { args.format }
  local entries, files = entries_of(seen, formats), {}
  if args.output_dir then
    for _, entry in ipairs(entries) do
      files[#files + 1] = { path = args.output_dir .. "/" .. entry.name, text = entry.data,
                            mode = "0644" }
    end
  end
  if args.zip then
    local bytes, err = core.cert.zip(entries)
    if not bytes then return nil, err end
    files[#files + 1] = { path = args.zip, text = bytes, mode = "0644" }
  end
  return files
end

local function write(seen, args)
  local files, why = plan(seen, args)
  if not files then return nil, why end
  local paths = core.json.array {}
  for i, item in ipairs(files) do paths[i] = item.path end
  local ok, err = new_files.check(paths, args.force)
  if ok and args.output_dir then ok, err = core.file.mkdir(args.output_dir, "0755") end
  if ok then ok, err = new_files.write(files) end
  return ok and paths, err
end

-- What was seen ----------------------------------------------------------------------------------

local from = { chain = "the server sent it", system = "this system trusts it already",
               cacert = "it is in --cacert" }

local function print_root(out, seen)
  local root = seen.root
  if root then
    out:print(("root to trust: %s"):format(root.subject))
    out:print(("  SHA-256 %s, %s"):format(root.sha256, from[seen.root_from]))
    out:print(seen.root_row and ("  in SAP's list%s"):format(seen.required
      and ", one of those that every component of the platform trusts" or "")
      or "  not in SAP's list of approved roots")
    return
  end
  out:print(("root to trust: not known here; the chain ends at the issuer '%s'"):format(
    seen.missing))
  if seen.named then
    out:print(("  a root of this name is in SAP's list; get it from its authority and compare: "
      .. "SHA-256 %s"):format(seen.named.sha256 or "not published"))
  end
end

local function print_seen(out, args, seen, paths)
  out:print(("%s: %s, %s, %s"):format(args.host, seen.address, seen.protocol, seen.cipher))
  for i, certificate in ipairs(seen.chain) do
    out:print(("  certificate %d"):format(i))
    certificates.print(out, certificates.rows(certificate), "    ")
  end
  print_root(out, seen)
  out:print("trusted: " .. (seen.verified and "yes" or "no, " .. (seen.verify_reason or "")))
  out:print("name: " .. (seen.host_matches and "the certificate is for this host"
    or "the certificate is for another host"))
  out:print("client certificate: " .. (seen.asked_client and "the server asks for one"
    or "the server did not ask for one"))
  for _, path in ipairs(paths) do out:print("written: " .. path) end
end

local function as_json(seen, paths)
  for _, certificate in ipairs(seen.chain) do certificates.plain(certificate) end
  core.json.array(seen.chain)
  core.json.array(seen.ca_names)
  seen.served, seen.trust, seen.files = nil, nil, paths
  if seen.root then certificates.plain(seen.root) end
  return seen
end

local function run(args, out)
  local to, roots, seen, paths, err
  to, err = address(args.host)
  if not to then return nil, err end
  roots, err = lists.load(args)
  if not roots then return nil, err end
  to.roots, to.proxy, to.cacert, to.server_name = roots, args.proxy, args.cacert, args.server_name
  to.connect_timeout, to.timeout = args.connect_timeout, args.max_time
  seen, err = cert.fetch(to)
  if not seen then return nil, err end
  paths, err = write(seen, args)
  if not paths then return nil, err end
  out:result(function() print_seen(out, args, seen, paths) end,
             out.json_mode and as_json(seen, paths))
  return 0
end

local wanted = { ["--cacert"] = "what would be trusted (PEM), instead of the system's roots",
                 ["-x --proxy"] = true, ["--connect-timeout"] = "for name, connection and proxy",
                 ["-m --max-time"] = "for all of it (default: 10)" }

local function options()
  local rows = {
    { "--output-dir", value = "DIR", help = "write each certificate into DIR, which is made" },
    { "--zip", value = "FILE", help = "write all of them into a zip archive, as SAP's test does" },
    { "--format", value = "FORM", choices = { "der", "pem", "both" }, default = "der",
      help = ".cer files in DER, .pem files, or both" },
    { "--force", flag = true, env = false, help = "replace files that exist" },
    { "--server-name", value = "NAME", help = "the name to ask for, when HOST is an address" },
  }
  for _, row in ipairs(tenants.options) do
    local help = wanted[row[1]]
    if help then
      rows[#rows + 1] = help == true and row or setmetatable({ help = help, group = false },
                                                             { __index = row })
    end
  end
  return lists.with(rows)
end

return {
  name = "fetch",
  summary = "show the certificates of a server, and which root to trust",
  description = "Does what the connectivity test of SAP's monitor does (Monitor > Manage Security "
    .. "> Connectivity Tests > TLS): connects without trusting, shows the served chain, names the "
    .. "root to trust, and writes the certificates. Nothing but the TLS handshake is sent. Compare "
    .. "the SHA-256 of a root with what its authority publishes before you trust it.",
  arguments = { { "host", help = "host name, or HOST:PORT; a URL will do" } },
  options = options(),
  run = run,
}
