-- iflow_rate.lua -- an open loop: iflow run iflow_rate.lua -- TO BODY-FILE RATE SECONDS [gc]
-- A message is due each 1/RATE seconds whatever became of those before; its latency counts from
-- when it was due, so that a pause of the client or the server is seen by all who waited (no
-- coordinated omission). Prints p50, p99, p99.9 and the longest, in ms.
-- gc: the collector is driven by hand, in steps of its own size; prints the longest step's CPU.
local iflow = require "iflow"
local core = require "iflow.core"
local now = require "fine_clock"

local rate, seconds = tonumber(arg[3]), tonumber(arg[4])
local file <close> = assert(io.open(arg[2], "rb"))
local body = file:read "a"
local tenant <close> = assert(iflow.tenant { connections = 256 })

local function call() assert(tenant:call { to = arg[1], body = body }) end

-- Connections as many as will be needed, and a token.
local function warm_up()
  local tasks = {}
  for i = 1, 64 do tasks[i] = core.task.spawn(call) end
  for _, task in ipairs(tasks) do task:join() end
end

local longest_step = 0
local function collect()
  collectgarbage "stop"
  while true do
    for _ = 1, 8 do
      local began = os.clock()
      collectgarbage("step", 0)
      longest_step = math.max(longest_step, os.clock() - began)
    end
    core.task.sleep(0.001)
  end
end

local function generate()
  -- The times are whole milliseconds, as those of the loop are.
  local latencies, tasks, began = {}, {}, math.ceil(now() * 1e3 + 50) / 1e3
  for i = 1, rate * seconds do
    local due = began + i / rate
    while now() < due do core.task.sleep(math.max(0.001, due - core.task.monotonic())) end
    tasks[i] = core.task.spawn(function()
      call()
      latencies[#latencies + 1] = (now() - due) * 1e3
    end)
  end
  for _, task in ipairs(tasks) do task:join() end
  table.sort(latencies)
  return latencies
end

warm_up()
local collector = arg[5] == "gc" and core.task.spawn(collect)
local list = generate()
if collector then
  collector:cancel()
  print(longest_step * 1e3)
else
  local function share(part) return list[math.max(1, math.ceil(part * #list))] end
  print(share(0.5), share(0.99), share(0.999), list[#list])
end
