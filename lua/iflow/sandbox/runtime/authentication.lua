--- Step 1: who calls, with credentials of plan integration-flow; the other plan's open the API.
local authentication = require "iflow.sandbox.authentication"

return function(tenant, request) return authentication(tenant, request, "integration-flow") end
