--- trust(pem, list) -> subjects. Adds roots to the list "balancer", "token" or "both" (the
--- default): who issues external certificates must be on both.
local json = require "iflow.core".json

return function(tenant, pem, list)
  local subjects, err = tenant.trust:add(pem, list or "both")
  return subjects and json.array(subjects), err
end
