-- async.lua -- runs a spec's body as a task, and fails when it leaves anything open.
--   it("waits", async(function() … end))
--   it("takes long", async(function() … end, { limit = 60 }))      -- seconds, 30 by default
-- Open are operations, sockets, timers and tasks; idle pooled connections are closed first. What
-- the body forgot to close but nothing holds any more is not left open: the collector runs before.
local core = require "iflow.core"
local timeout = require "iflow.timeout"

local LIMIT = 30

local function open_now()
  core.task.drop_idle()
  collectgarbage()
  collectgarbage() -- what the finalizers of the first let go
  return core.task.counts()
end

-- Sockets end over a few turns of the loop: gives them that, and no more.
local function settle()
  for _ = 1, 20 do
    local counts = open_now()
    if counts.operations + counts.sockets + counts.timers == 0 then return end
    core.task.run(core.task.sleep, 0.001)
  end
end

local function check_nothing_open()
  settle()
  local left = {}
  for name, n in pairs(open_now()) do
    if n > 0 then left[#left + 1] = n .. " " .. name end
  end
  table.sort(left)
  if #left > 0 then error("left open: " .. table.concat(left, ", "), 0) end
end

local function async(body, options)
  local limit = options and options.limit or LIMIT
  return function(...)
    local ended = false
    local ok, err = pcall(core.task.run, timeout, limit, function(...)
      body(...)
      ended = true
    end, ...)
    if not ok then error(err, 0) end
    if not ended then error("the body did not end within " .. limit .. " s", 0) end
    check_nothing_open()
  end
end

return async
