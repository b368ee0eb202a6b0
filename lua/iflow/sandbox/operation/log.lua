--- log() -> the message processing logs, oldest first; what is in one: mpl.lua
local json = require "iflow.core".json

return function(tenant) return json.array(tenant.log:list()) end
