--- Tasks that scripts start with iflow.spawn from here on: what they leave running ends with this.
-- Internal; for a service and for tests.
--
--   local _ <close> = spawned()
--   local _ <close> = spawned(function(err) … end)
--
-- With a function, as a service has it, a task that fails while nobody joins it ends nothing: the
-- function is told of the error, and a join later gets nil, err.

local core = require "iflow.core"
local errors = require "iflow.error"
local guarded = require "iflow.guarded"

local over = { returned = true, failed = true, canceled = true }

-- A list without the tasks that have ended.
local function running(tasks)
  local list = {}
  for _, task in ipairs(tasks) do
    if not over[task:state()] then list[#list + 1] = task end
  end
  return list
end

-- The same function, whose failure goes to `told` when nobody waits for it.
local function guard(fn, told)
  return function(...)
    local done = guarded.call(fn, ...)
    if done.ok or guarded.was_canceled(done) or core.task.current():awaited() then
      return guarded.results(done)
    end
    told(done[1])
    return nil, errors.wrap(done[1], "script.failed")
  end
end

return function(told)
  local public = require "iflow"
  local before, tasks, look_at = public.spawn, {}, 64
  public.spawn = function(fn, ...)
    local task = core.task.spawn(told and type(fn) == "function" and guard(fn, told) or fn, ...)
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
