-- What the outbox does on this disk, in rows a second.
--   lua5.4 scripts/benchmarks/outbox.lua [DIRECTORY [BACKLOG]]      a temporary directory, 100000
local core = require "iflow.core"
local outbox = require "iflow.outbox"

local BODY = ("0123456789abcdef"):rep(64) -- 1 KiB

local function measure(what, rows, fn)
  local began = core.task.monotonic()
  fn()
  local took = core.task.monotonic() - began
  print(("%-44s %9d rows %8.2f s %9.0f rows/s"):format(what, rows, took, rows / took))
end

local next_id = 0
local function enqueue(box)
  next_id = next_id + 1
  return assert(box:enqueue { sender = "bench", id = ("%016d"):format(next_id), body = BODY })
end

-- `rows` messages by `width` tasks.
local function fill(box, rows, width)
  local tasks, left = {}, rows
  for i = 1, width do
    tasks[i] = core.task.spawn(function()
      while left > 0 do
        left = left - 1
        enqueue(box)
      end
    end)
  end
  for _, task in ipairs(tasks) do task:join() end
end

local function drain(box, rows, acknowledge)
  while rows > 0 do
    local list = assert(box:claim("bench", 256))
    if #list > rows then box:release(table.move(list, rows + 1, #list, 1, {})) end
    local taken = table.move(list, 1, math.min(#list, rows), 1, {})
    acknowledge(taken)
    rows = rows - #taken
  end
end

local function bench(directory, durability, retention, backlog)
  local box <close> = assert(outbox.open { path = ("%s/%s-%s.db"):format(directory, durability,
    retention), durability = durability, retention = retention })
  print(("durability %s, retention %s"):format(durability, retention))
  measure("enqueue, one task", 2000, function() fill(box, 2000, 1) end)
  measure("enqueue, 32 tasks", 20000, function() fill(box, 20000, 32) end)
  fill(box, backlog, 256)
  local rows = 20000
  local what = ("claim and acknowledge, backlog of %d"):format(box:counts().ready)
  measure(what, rows, function()
    drain(box, rows, function(list) assert(box:delivered(list, { status = 200 })) end)
  end)
  measure("claim, start and acknowledge", rows, function()
    drain(box, rows, function(list)
      assert(box:start(list))
      assert(box:delivered(list, { status = 200 }))
    end)
  end)
end

core.task.run(function(directory, backlog)
  local path = directory or assert(core.file.tempdir "iflow-bench-")
  bench(path, "full", "7d", backlog)
  bench(path, "full", "0s", backlog)
  bench(path, "normal", "7d", backlog)
  if not directory then core.file.remove(path, { recursive = true }) end
end, arg[1], math.tointeger(tonumber(arg[2])) or 100000)
