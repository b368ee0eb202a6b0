--- flows() -> list of { name, address, role, csrf, max_size }
local json = require "iflow.core".json

return function(tenant) return json.array(tenant.flows:list()) end
