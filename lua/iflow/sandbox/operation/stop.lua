--- stop() -> true. Ends the sandbox once this request is answered.
local core = require "iflow.core"

return function(tenant)
  core.task.spawn(function() tenant:close() end)
  return true
end
