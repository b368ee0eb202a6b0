-- tenant.lua -- the options with which every command that speaks to a tenant is told who it is and
-- how to get there, and the tenant they make. Spelled as in curl where curl has the same.
local core = require "iflow.core"
local errors = require "iflow.error"
local hardware = require "iflow.hardware"
local source = require "iflow.source"

local tenant = {}

-- curl takes the passphrase behind a colon; here no secret stands on a command line, and what may
-- be one in no message, so a name with a colon must be that of a file.
local function certificate_file(word)
  if hardware.is_named(word) then return hardware.check(word) end
  if source.is_named(word) then return word end
  if word:find(":", 1, true) and not core.file.stat(word) then
    return nil, "names no file, or carries a passphrase behind a ':'; give that one with "
      .. "--pass-file"
  end
  return word
end

-- A password in an environment variable is not in the list of processes, one in a word is.
local function proxy_url(word, from_variable)
  if not from_variable and word:find "^[^/]*/*[^/@]*:[^/@]*@" then
    return nil, "carries a password; give it in the variable IFLOW_PROXY or https_proxy"
  end
  return word
end

--- The row of --cert, for commands that have no other tenant options, too.
function tenant.certificate_option(help)
  return { "-E --cert", value = "FILE", private = true, convert = certificate_file, help = help }
end

--- Option rows for the table of a command.
tenant.options = {
  { "--service-key", value = "FILE", help = "service key as downloaded from the BTP cockpit" },
  { "--url", value = "URL", help = "base of TO instead of the service key's url" },
  { "--cacert", value = "FILE", help = "trust these roots (PEM) instead of the system's" },
  { "--trust", value = "FILE",
    help = "trust these roots (PEM) beside the system's; see: iflow trust" },
  tenant.certificate_option("client certificate with its chain: PEM, DER or PKCS#12; or a "
    .. "PKCS#11 URI"),
  { "--key", value = "FILE", private = true, convert = hardware.check,
    help = "private key of --cert, when it is not in the same file; or a PKCS#11 URI" },
  { "--cert-type", value = "TYPE", choices = { "PEM", "DER", "P12" },
    help = "accepted as in curl, though the type is found by the content" },
  { "--pass-file", value = "FILE",
    help = "file whose first line is the passphrase of the key, or the PIN" },
  { "-x --proxy", value = "URL", private = true, convert = proxy_url,
    help = "proxy; without it https_proxy and no_proxy of the environment count" },
  { "--connect-timeout", value = "TIME", type = "duration",
    help = "for name, connection and TLS (default: 30)" },
  { "-m --max-time", value = "TIME", type = "duration",
    help = "for one call, from getting a connection to the last byte (default: 60)" },
  { "--token-cache", value = "WHERE", default = "on",
    help = "share tokens with other runs through an encrypted file: on, off, or a directory" },
  { "--scope", value = "SCOPES", help = "ask the token server for these scopes only" },
  { "--grant-type-in", value = "PLACE", choices = { "body", "query" },
    help = "where grant_type goes in the token request" },
  { "--client-auth", value = "WAY", choices = { "basic", "body" },
    help = "how the client secret goes to the token server" },
  { "-v --verbose", flag = true,
    help = "show heads of requests and answers on standard error, without secrets" },
}

for _, row in ipairs(tenant.options) do row.group = "Tenant options" end

--- The rows of a command: its own first.
function tenant.with(rows)
  return table.move(tenant.options, 1, #tenant.options, #rows + 1, rows)
end

local caches = { on = true, off = false }

-- Without the cache everything works, so elsewhere the log at level debug tells; but a directory
-- that the user named was meant.
local function check_cache(dir, out)
  local ok, err = core.file.mkdir(dir, "0700")
  if ok then ok, err = core.file.writable(dir) end
  if not ok then out:warn("tokens are not kept in --token-cache: " .. err.message) end
end

--- What iflow.tenant is given for the parsed words. With --verbose heads go to the log.
function tenant.settings(args, out)
  if args.cacert and args.trust then
    error(errors { code = "usage.invalid", message = "--cacert and --trust (or their variables) "
      .. "exclude each other: instead of the system's authorities, or beside them",
      hint = "env -u IFLOW_CACERT iflow … takes a variable away for one command" }, 0)
  end
  if args.verbose and args.log_level ~= "trace" then core.log.level "debug" end
  local cache = caches[args.token_cache]
  if cache == nil then
    cache = args.token_cache
    check_cache(cache, out)
  end
  return {
    service_key = args.service_key, url = args.url, cacert = args.cacert, trust = args.trust,
    cert = args.cert,
    key = args.key, pass_file = args.pass_file, proxy = args.proxy, scope = args.scope,
    connect_timeout = args.connect_timeout, timeout = args.max_time, token_cache = cache,
    grant_type_in = args.grant_type_in, client_auth = args.client_auth,
    verbose = args.verbose or nil,
  }
end

--- The tenant for the parsed words, or nil, err. The caller closes it.
function tenant.open(args, out)
  if args.service_key == nil then
    return nil, errors { code = "usage.invalid", message = "no service key was given",
      hint = "name the file with --service-key or in the variable IFLOW_SERVICE_KEY" }
  end
  return require "iflow.tenant" (tenant.settings(args, out))
end

return tenant
