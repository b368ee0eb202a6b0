--- Tasks that scripts start with iflow.spawn from here on: what they leave running ends with this.
-- Internal; for a service and for tests.
--
--   local _ <close> = spawned()

local core = require "iflow.core"

local over = { returned = true, failed = true, canceled = true }

-- A list without the tasks that have ended.
local function running(tasks)
  local list = {}
  for _, task in ipairs(tasks) do
    if not over[task:state()] then list[#list + 1] = task end
  end
  return list
end

return function()
  local public = require "iflow"
  local before, tasks, look_at = public.spawn, {}, 64
  public.spawn = function(...)
    local task = core.task.spawn(...)
    if #tasks >= look_at then
      tasks = running(tasks)
      look_at = math.max(64, 2 * #tasks)
    end
    tasks[#tasks + 1] = task
    return task
  end
  return setmetatable({}, { __close = function()
    public.spawn = before
    for _, task in ipairs(tasks) do task:cancel() end
  end })
end
