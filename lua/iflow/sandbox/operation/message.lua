--- message(id) -> one message processing log; what is in it: mpl.lua
local errors = require "iflow.error"
local mpl = require "iflow.sandbox.mpl"

return function(tenant, id)
  local entry = type(id) == "string" and tenant.log:find(id)
  if entry then return mpl.copy(entry) end
  return nil, errors { code = "sandbox.refused",
    message = ("there is no message processing log '%s'"):format(tostring(id)) }
end
