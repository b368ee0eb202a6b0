--- untrust(sha256, list) -> subjects. Takes the root of that fingerprint off the list "balancer",
--- "token" or "both" (the default).
local json = require "iflow.core".json

return function(tenant, sha256, list)
  local subjects, err = tenant.trust:remove(sha256, list or "both")
  return subjects and json.array(subjects), err
end
