-- iflow_growth.lua -- iflow run iflow_growth.lua -- BODY-FILE KIND AMOUNT…
--   messages AMOUNT…    sends so many, 32 at once; a line for each amount reached: AMOUNT, seconds
--                       of CPU from the last one on, messages, resident KiB; those that come
--                       after four minutes are left out, so that a slow machine gets to its end
--   concurrent COUNT WIDTH…   COUNT calls (at least WIDTH) with so many at once: WIDTH, CPU, calls
--   senders COUNT NUMBER…     COUNT messages by so many senders in turn: NUMBER, CPU, messages
--   schedules NUMBER…         so many schedules defined and started: NUMBER, CPU, NUMBER
local iflow = require "iflow"
local core = require "iflow.core"
local registry = require "iflow.registry"

local LONGEST = 240 -- seconds

local function resident()
  for line in io.lines "/proc/self/status" do
    local value = line:match "^VmRSS:%s*(%d+)"
    if value then return tonumber(value) end
  end
end

local file <close> = assert(io.open(arg[1], "rb"))
local body = file:read "a"
local amounts = {}
for i = 3, #arg do amounts[#amounts + 1] = tonumber(arg[i]) end

local function cost(fn, ...)
  local began = os.clock()
  fn(...)
  return os.clock() - began
end

local function send(sender, count)
  local summary = assert(sender:send_all(function()
    count = count - 1
    return count >= 0 and body or nil
  end))
  assert(summary.delivered == summary:total())
end

local kinds = {}

function kinds.messages()
  iflow.sender "orders" { to = "/http/orders", concurrency = 32 }
  send(iflow.sender "orders", 64)
  local before, began = 0, core.task.monotonic()
  for _, amount in ipairs(amounts) do
    if core.task.monotonic() - began > LONGEST then break end
    local seconds = cost(send, iflow.sender "orders", amount - before)
    print(amount, seconds, amount - before, resident())
    before = amount
  end
end

local function spread(tenant, count, width)
  local left, tasks = count, {}
  for i = 1, width do
    tasks[i] = core.task.spawn(function()
      while left > 0 do
        left = left - 1
        assert(tenant:call { to = "/http/orders", body = body })
      end
    end)
  end
  for _, task in ipairs(tasks) do task:join() end
end

function kinds.concurrent()
  local tenant <close> = assert(iflow.tenant {})
  spread(tenant, 256, 64) -- connections and a token
  for i = 2, #amounts do
    local count = math.max(amounts[1], amounts[i])
    print(amounts[i], cost(spread, tenant, count, amounts[i]), count)
  end
end

function kinds.senders()
  for i = 2, #amounts do
    registry.install(registry.new())
    local list = {}
    for n = 1, amounts[i] do
      list[n] = iflow.sender("s" .. n)
      list[n] { to = "/http/orders" }
    end
    -- One connection each, all of them open: the messages go by turns.
    for n = 1, amounts[i] do assert(list[n]:send(body)) end
    local count = math.max(amounts[1], amounts[i])
    print(amounts[i], cost(function()
      for n = 1, count do assert(list[n % #list + 1]:send(body)) end
    end), count)
    for n = 1, amounts[i] do list[n]:close() end
  end
end

function kinds.schedules()
  for _, number in ipairs(amounts) do
    registry.install(registry.new())
    local box = os.tmpname()
    print(number, cost(function()
      for n = 1, number do
        iflow.cron("c" .. n) { at = ("%d %d * * *"):format(n % 60, n // 60 % 24),
          run = function() end }
      end
      local service <close> = assert(iflow.service.new { outbox = box .. ".db" })
      assert(service:start())
      iflow.sleep(2)
    end), number)
    os.remove(box)
    core.file.remove(box .. ".db")
  end
end

kinds[arg[2]]()
