--- What makes the address of a relay HTTPS: its certificate and key, and the authorities of its
-- clients, from files; cert, key and pass_file also as lua/iflow/source.lua names them. Internal.

local core = require "iflow.core"
local errors = require "iflow.error"
local file_state = require "iflow.file_state"
local source = require "iflow.source"

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

-- Where cert and key are: as options of core.identity, and the paths among them. What a command
-- printed has none.
local function locate(o)
  local where, paths = {}, {}
  for _, name in ipairs { "cert", "key" } do
    local path, err, secret
    if o[name] then path, err, secret = source.resolve(o[name]) end
    if err then return nil, err end
    if secret then
      where[name .. "_pem"] = name == "key" and secret or secret:reveal()
    else
      where[name], paths[#paths + 1] = path, path
    end
  end
  local pass = o.pass_file
  if pass and not source.is_named(pass) then paths[#paths + 1] = pass end
  paths[#paths + 1] = o.client_ca
  return where, paths
end

--- Of the checked options of a relay: { identity =, roots = PEM texts or nil, options =, paths =,
-- state = of the files, before they were read }; an empty table for plain HTTP; or nil, err.
function tls.read(o)
  if not o.cert then return {} end
  local where, paths = locate(o)
  if not where then return nil, paths end
  local read = { options = o, paths = paths, state = file_state(paths) }
  local err
  if o.pass_file then
    where.passphrase, err = source.secret(o.pass_file)
    if not where.passphrase then return nil, err end
  end
  read.identity, err = core.identity.open(where)
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
