--- status() -> { pid, endpoints }: that it runs, and where
local core = require "iflow.core"

return function(tenant) return { pid = core.process.pid(), endpoints = tenant.endpoints } end
