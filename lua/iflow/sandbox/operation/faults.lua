--- faults() -> list of { number, fault, requests, happened, seed }: how many requests a fault was
--- meant for, and to how many it happened.
local json = require "iflow.core".json

return function(tenant) return json.array(tenant.faults:descriptions()) end
