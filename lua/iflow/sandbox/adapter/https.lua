--- The HTTPS sender adapter: any content, any method, /http/ADDRESS; "/Customer/*" serves
--- everything below and lets no other flow own anything there.
local adapters = require "iflow.sandbox.adapters"

local https = { prefix = "/http", protocol = "REST", csrf = true }

-- The rules of the HTTPS channel (sap-reference 5.1).
function https.check_address(address)
  local plain = type(address) == "string" and address:gsub("/%*$", "") or address
  local ok, why = adapters.check_path(plain, "~%-.$")
  if not ok then return nil, why .. "; '*' stands only in a final '/*'" end
  local misplaced = plain:find "^/[.-]"
    or plain:find "^/[^/]*~" -- only behind the first segment
    or plain:find("$", 3, true) -- only as the first character
  if misplaced then
    return nil, ("the address '%s' breaks the rules of the HTTPS sender adapter"):format(address)
  end
  return true
end

return https
