-- iflow_storm.lua -- iflow run iflow_storm.lua -- TASKS HITS: so many coroutines want a token from
-- a cold cache at once, then one asks for it HITS times. Prints seconds of CPU of both.
local iflow = require "iflow"
local core = require "iflow.core"

local tenant <close> = assert(iflow.tenant {})
local tasks, began = {}, os.clock()
for i = 1, tonumber(arg[1]) do
  tasks[i] = core.task.spawn(function() assert(tenant:token()) end)
end
for _, task in ipairs(tasks) do task:join() end
local storm = os.clock() - began

began = os.clock()
for _ = 1, tonumber(arg[2]) do assert(tenant:token()) end
print(storm, os.clock() - began)
