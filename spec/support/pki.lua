-- pki.lua -- certificates by the openssl program, so that those of the tests are not our own make.
--   local ca = pki.authority(dir, "Example Root")
--   local leaf = ca:issue { name = "sender", usage = "clientAuth" }   -- { cert =, key =, chain = }
local process = require "spec.support.process"

local pki = {}

local function openssl(...)
  local result = process.run { "openssl", ... }
  if result.code ~= 0 then error(result.err, 2) end
end

local authority = {}
authority.__index = authority

--- A self-signed root in the directory; certificates are EC: quick to make.
function pki.authority(dir, name)
  local base = dir:file(name:gsub("%W", "-"):lower())
  openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
    "-days", "2", "-subj", "/O=Example AG/CN=" .. name, "-keyout", base .. ".key",
    "-out", base .. ".pem")
  return setmetatable({ dir = dir, base = base, cert = base .. ".pem", key = base .. ".key" },
    authority)
end

--- { name =, usage = "clientAuth" | "serverAuth" | nil, sans = "DNS:a,IP:b" } -> paths.
function authority:issue(wanted)
  local base = ("%s-%s"):format(self.base, wanted.name:gsub("%W", "-"))
  local lines = { "basicConstraints = CA:FALSE" }
  if wanted.usage then lines[#lines + 1] = "extendedKeyUsage = " .. wanted.usage end
  if wanted.sans then lines[#lines + 1] = "subjectAltName = " .. wanted.sans end
  process.write(base .. ".ext", table.concat(lines, "\n") .. "\n")
  openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
    "-subj", "/O=Example AG/CN=" .. wanted.name, "-keyout", base .. ".key", "-out", base .. ".csr")
  openssl("x509", "-req", "-in", base .. ".csr", "-CA", self.cert, "-CAkey", self.key,
    "-CAcreateserial", "-days", "1", "-extfile", base .. ".ext", "-out", base .. ".pem")
  return { cert = base .. ".pem", key = base .. ".key" }
end

return pki
