--- undeploy(name) -> true
local core = require "iflow.core"
local errors = require "iflow.error"

return function(tenant, name)
  if not tenant.flows:undeploy(name) then
    return nil, errors { code = "sandbox.refused",
                         message = ("there is no flow '%s'"):format(tostring(name)) }
  end
  return core.file.remove(("%s/flows/%s.lua"):format(tenant.dir, name))
end
