--- trust(pem, list) -> subjects. Adds roots to the list "balancer", "token" or "both" (the
--- default): who issues external certificates must be on both. trust() -> the lists themselves,
--- { balancer, token }, each of { subject, sha256, not_after, own }.
local json = require "iflow.core".json

return function(tenant, pem, list)
  if pem == nil then return tenant.trust:list() end
  local subjects, err = tenant.trust:add(pem, list or "both")
  return subjects and json.array(subjects), err
end
