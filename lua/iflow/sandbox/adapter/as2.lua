--- The addresses of the AS2 sender adapter: /as2/as2, /as2/as2/ADDRESS, and /as2/mdn the same. The
--- flow gets the message as it came.
local adapters = require "iflow.sandbox.adapters"

local as2 = { prefix = "/as2", protocol = "AS2", csrf = false, methods = { POST = true },
              allow = "POST" }

function as2.check_address(address)
  local ok, why = adapters.check_path(address, "~%-.")
  if not ok then return nil, why end
  if not (address .. "/"):find "^/as2/" and not (address .. "/"):find "^/mdn/" then
    return nil, "the address of an AS2 channel is /as2, /mdn or something below"
  end
  return true
end

return as2
