-- pki.lua -- an authority and leaves by it as files, for servers and programs that take paths; by
-- the openssl program (openssl.lua), so that the certificates of the tests are not our own make.
--   local ca = pki.authority(dir, "Example Root")                        -- { cert =, key = }
--   local leaf = ca:issue { name = "sender", usage = "clientAuth" }      -- { cert =, key = }
local openssl = require "spec.support.openssl"

local pki = {}

local authority = {}
authority.__index = authority

local function make(dir, options)
  openssl.pair(dir, options)
  return { cert = dir:file(options.name .. ".pem"), key = dir:file(options.name .. ".key") }
end

local function file_name(text) return (text:gsub("%W", "-"):lower()) end

--- A self-signed root in the directory.
function pki.authority(dir, name)
  local root = make(dir, { name = file_name(name), subject = "/O=Example AG/CN=" .. name,
                           extensions = { "basicConstraints = critical,CA:TRUE" } })
  root.dir, root.name, root.issued = dir, file_name(name), 0
  return setmetatable(root, authority)
end

--- wanted: name (the common name), usage ("clientAuth", "serverAuth" or none), sans.
function authority:issue(wanted)
  local extensions = { "basicConstraints = CA:FALSE" }
  if wanted.usage then extensions[2] = "extendedKeyUsage = " .. wanted.usage end
  if wanted.sans then extensions[#extensions + 1] = "subjectAltName = " .. wanted.sans end
  self.issued = self.issued + 1
  return make(self.dir, {
    name = ("%s-%s"):format(self.name, file_name(wanted.name)), issuer = self.name,
    subject = "/O=Example AG/CN=" .. wanted.name, extensions = extensions,
    serial = tostring(1000 + self.issued),
  })
end

return pki
