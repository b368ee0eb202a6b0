--- KeystoreEntries: the certificates of the tenant's keystore, which in the sandbox are the roots
--- that the load balancer trusts. The key is the alias in hexadecimal UTF-8.
local core = require "iflow.core"

local function hex(text)
  return (text:gsub(".", function(c) return ("%02X"):format(c:byte()) end))
end

local function common_name(subject) return subject:match "CN%s*=%s*([^,/]+)" or subject end

-- An alias tells the certificate from others of its name.
local function alias_of(certificate)
  local name = common_name(certificate.subject):lower():gsub("%W+", "_")
  return ("%s_%s"):format(name, certificate.sha256:sub(1, 8):lower())
end

local function validity(tenant, certificate)
  local now = tenant.now()
  return now > certificate.not_after and "EXPIRED" or now < certificate.not_before and "NOT_YET"
    or "VALID"
end

local function record_of(tenant, certificate, owner)
  local alias = alias_of(certificate)
  local kind, size = certificate.key:match "^(%S+)%s+(%d+)"
  return {
    Hexalias = hex(alias), Alias = alias, Type = "Certificate", Owner = owner,
    KeyType = kind or certificate.key, KeySize = math.tointeger(tonumber(size)),
    ValidNotBefore = certificate.not_before, ValidNotAfter = certificate.not_after,
    SerialNumber = certificate.serial, SubjectDN = certificate.subject,
    IssuerDN = certificate.issuer, FingerprintSha256 = certificate.sha256:lower(),
    Validity = validity(tenant, certificate), Status = "DEPLOYED",
  }
end

local function add(tenant, list, pem, owner)
  local parsed = core.cert.parse(pem)
  for _, certificate in ipairs(parsed and parsed.certificates or {}) do
    list[#list + 1] = record_of(tenant, certificate, owner)
  end
end

local function list_of(tenant)
  local list = {}
  add(tenant, list, tenant.authority.root.pem, "SAP")
  for _, pem in ipairs(tenant.state.data.trust.balancer) do add(tenant, list, pem, "Tenant") end
  return list
end

return {
  name = "KeystoreEntries", type = "KeystoreEntry", key = "Hexalias",
  roles = { "MonitoringDataRead", "SecurityMaterialEdit" }, family = "security",
  properties = { { "Hexalias", "Edm.String" }, { "Alias", "Edm.String" }, { "Type", "Edm.String" },
                 { "Owner", "Edm.String" }, { "KeyType", "Edm.String" }, { "KeySize", "Edm.Int32" },
                 { "ValidNotBefore", "Edm.DateTime" }, { "ValidNotAfter", "Edm.DateTime" },
                 { "SerialNumber", "Edm.String" }, { "SubjectDN", "Edm.String" },
                 { "IssuerDN", "Edm.String" }, { "FingerprintSha256", "Edm.String" },
                 { "Validity", "Edm.String" }, { "Status", "Edm.String" } },
  list = list_of,
  find = function(tenant, key)
    for _, record in ipairs(list_of(tenant)) do
      if record.Hexalias == tostring(key):upper() then return record end
    end
  end,
}
