--- flows() -> list of { name, address, adapter, path, role, csrf, max_size, status, deployed_at }
local json = require "iflow.core".json

return function(tenant)
  return json.array(tenant.flows:list(tenant.now(), tenant.settings.deploy_time))
end
