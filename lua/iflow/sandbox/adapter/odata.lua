--- The addresses of the OData sender adapter: /gw/odata/SAP/SERVICE;v=1 and everything below. The
--- flow gets the request as it came.
local adapters = require "iflow.sandbox.adapters"

local odata = { prefix = "/gw/odata", protocol = "ODATAV2", csrf = false, open_below = true }

function odata.check_address(address)
  local ok, why = adapters.check_path(address, "%-.;=")
  if not ok then return nil, why end
  if not address:find "^/SAP/[^/;]+;v=%d+$" then
    return nil, "the address of an OData channel is /SAP/SERVICE;v=1"
  end
  return true
end

return odata
