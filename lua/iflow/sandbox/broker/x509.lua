--- The certificate in the parameter X.509 (sap-reference 2.3): exactly one PEM certificate, without
--- chain and private key. It may lack its line breaks, and its last delimiter its dashes: the
--- sample in SAP's documentation lacks both.
local core = require "iflow.core"

local x509 = {}

local function count(text, words)
  local _, number = text:gsub(words, "")
  return number
end

--- What core.cert.parse tells of it; or nil and what is wrong with it.
function x509.read(text)
  if text:find("PRIVATE KEY", 1, true) then
    return nil, "X.509 holds a private key, which is for nobody else to see: give the certificate "
      .. "alone"
  end
  local number = count(text, "%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-")
  if number > 1 then
    return nil, ("X.509 takes exactly one certificate, and here are %d: give the leaf without its "
      .. "chain"):format(number)
  end
  local whole = text:gsub("%-%-%-%-%-END CERTIFICATE%-*%s*$", "-----END CERTIFICATE-----\n")
  local parsed, err = core.cert.parse(whole)
  if not parsed or number == 0 then
    return nil, "X.509 is no PEM certificate: " .. (err and err.message or "it has no delimiters")
  end
  return parsed.certificates[1]
end

return x509
