--- What makes the address of a relay HTTPS: its certificate and key, and the authorities of its
-- clients, from files. Internal.

local core = require "iflow.core"
local errors = require "iflow.error"
local file_state = require "iflow.file_state"

local tls = {}

--- The certificates of a file as PEM texts, or nil, err.
function tls.read_roots(path)
  local read, err = core.cert.read(path)
  if not read then return nil, err end
  local roots = {}
  for i, certificate in ipairs(read.certificates) do roots[i] = certificate.pem end
  if #roots == 0 then
    return nil, errors { code = "usage.invalid",
      message = ("there is no certificate in '%s'"):format(path) }
  end
  return roots
end

local function paths_of(o)
  local paths = {}
  for _, name in ipairs { "cert", "key", "pass_file", "client_ca" } do
    paths[#paths + 1] = o[name]
  end
  return paths
end

--- Of the checked options of a relay: { identity =, roots = PEM texts or nil, options =, paths =,
-- state = of the files, before they were read }; an empty table for plain HTTP; or nil, err.
function tls.read(o)
  if not o.cert then return {} end
  local read = { options = o, paths = paths_of(o) }
  read.state = file_state(read.paths)
  local passphrase, err
  if o.pass_file then
    passphrase, err = core.secret.file(o.pass_file)
    if not passphrase then return nil, err end
  end
  read.identity, err = core.identity.open { cert = o.cert, key = o.key, passphrase = passphrase }
  if not read.identity then return nil, err end
  if not o.client_ca then return read end
  read.roots, err = tls.read_roots(o.client_ca)
  if not read.roots then return nil, err end
  return read
end

--- The same as options of core.server.
function tls.options(read)
  if not read.identity then return {} end
  local options = { tls = true, identity = read.identity }
  if not read.roots then return options end
  options.ask_client, options.ca_names = true, read.roots
  options.refuse_without_eku, options.refuse_expired = true, true
  return options
end

return tls
