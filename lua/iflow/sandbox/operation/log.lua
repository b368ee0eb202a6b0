--- log() -> the message processing logs, oldest first: { id, correlation_id, flow, status, started,
--- ended, sender, method, size, http_status, error }
local json = require "iflow.core".json

return function(tenant) return json.array(tenant.log:list()) end
