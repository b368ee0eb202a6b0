-- iflow_parked.lua -- iflow run iflow_parked.lua -- COUNT TO BODY-FILE: so many calls at once.
local iflow = require "iflow"
local core = require "iflow.core"

local file <close> = assert(io.open(arg[3], "rb"))
local body = file:read "a"
local tenant <close> = assert(iflow.tenant {})
local tasks = {}
for i = 1, tonumber(arg[1]) do
  tasks[i] = core.task.spawn(function() assert(tenant:call { to = arg[2], body = body }) end)
end
for _, task in ipairs(tasks) do task:join() end
