-- async.lua -- runs a spec's body as a task, and fails when it leaves anything open.
--   it("waits", async(function() … end))
--   it("takes long", async(function() … end, { limit = 60 }))      -- seconds, 120 by default
-- Open are operations, sockets, timers and tasks; idle pooled connections are closed first. What
-- the body forgot to close but nothing holds any more is not left open: the collector runs before.
local core = require "iflow.core"
local timeout = require "iflow.timeout"

local LIMIT = 120
local SETTLE_TURNS = 100

local function open_now()
  core.task.drop_idle()
  collectgarbage()
  collectgarbage() -- what the finalizers of the first let go
  return core.task.counts()
end

local function left_open(counts, tasks)
  local left = {}
  for name, n in pairs(counts) do
    if name == "tasks" then n = n - tasks end
    if n > 0 then left[#left + 1] = n .. " " .. name end
  end
  table.sort(left)
  if #left > 0 then return "left open: " .. table.concat(left, ", ") end
end

-- Runs in the run's own task, which is the one that may be left. Sockets close and tasks end over
-- some turns of the loop: it gives them these, and no more.
local function check_nothing_open()
  local left
  for _ = 1, SETTLE_TURNS do
    left = left_open(open_now(), 1)
    if not left then return end
    core.task.sleep(0.002)
  end
  error(left, 0)
end

local function async(body, options)
  local limit = options and options.limit or LIMIT
  return function(...)
    core.task.run(function(...)
      local ended = false
      timeout(limit, function(...)
        body(...)
        ended = true
      end, ...)
      if not ended then error("the body did not end within " .. limit .. " s", 0) end
      check_nothing_open()
    end, ...)
    local left = left_open(open_now(), 0)
    if left then error(left, 0) end
  end
end

return async
