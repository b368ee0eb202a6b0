--- worker([state, number]) -> list of { number, state }. state: "started", "restarting" (who is led
--- there gets 502), "stopped" (nobody is; 503 when all are), "removed" (the runtime app is gone:
--- 404). Of one worker, or of all when no number is given. Its sessions end.
local json = require "iflow.core".json

return function(tenant, state, number)
  if state ~= nil then
    local ok, err = tenant.balancer:set_state(state, number)
    if not ok then return nil, err end
  end
  return json.array(tenant.balancer:list())
end
