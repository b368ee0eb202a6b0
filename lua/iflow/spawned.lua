--- Tasks that scripts start with iflow.spawn from here on: what they leave running ends with this.
-- Internal; for a service and for tests.
--
--   local _ <close> = spawned()
--   local tasks <close> = spawned(function(err) … end)
--
-- With a function, as a service has it, a task that fails while nobody joins it ends nothing: the
-- function is told of the error, and a join later gets nil, err.
--
--   local family = tasks:family()       a part of them, which can be ended by itself
--   tasks:belong(family, fn, …)         what fn starts in this task belongs to it, and what such a
--                                       task starts
--   family:cancel()

local core = require "iflow.core"
local errors = require "iflow.error"
local guarded = require "iflow.guarded"

local over = { returned = true, failed = true, canceled = true }

-- Families ----------------------------------------------------------------------------------------

local family = {}
family.__index = family

local function new_family() return setmetatable({ tasks = {}, look_at = 64 }, family) end

-- A list without the tasks that have ended.
local function running(tasks)
  local list = {}
  for _, task in ipairs(tasks) do
    if not over[task:state()] then list[#list + 1] = task end
  end
  return list
end

function family:add(task)
  if #self.tasks >= self.look_at then
    self.tasks = running(self.tasks)
    self.look_at = math.max(64, 2 * #self.tasks)
  end
  self.tasks[#self.tasks + 1] = task
end

function family:cancel()
  for _, task in ipairs(self.tasks) do task:cancel() end
  self.tasks = {}
end

--- It outlives its scope.
function family:keep()
  self.kept = true
  return self
end

function family:__close()
  if not self.kept then self:cancel() end
end

-- All of them -------------------------------------------------------------------------------------

-- The same function, whose failure goes to `told` when nobody waits for it.
local function guard(fn, told)
  return function(...)
    local done = guarded.call(fn, ...)
    if done.ok or guarded.was_canceled(done) or core.task.current():awaited() then
      return guarded.results(done)
    end
    told(errors.limit(done[1]))
    return nil, errors.wrap(done[1], "script.failed")
  end
end

local spawned = {}
spawned.__index = spawned

function spawned:family()
  local made = new_family()
  self.made[made] = true
  return made
end

function spawned:belong(to, fn, ...)
  local task = core.task.current()
  local before = self.families[task]
  self.families[task] = to
  local _ <close> = setmetatable({}, { __close = function() self.families[task] = before end })
  return fn(...)
end

function spawned:__close()
  self.public.spawn = self.before
  for made in pairs(self.made) do made:cancel() end
end

return function(told)
  local public = require "iflow"
  local self = setmetatable({ public = public, before = public.spawn,
    families = setmetatable({}, { __mode = "k" }), made = setmetatable({}, { __mode = "k" }) },
    spawned)
  self.rest = self:family()
  public.spawn = function(fn, ...)
    local task = core.task.spawn(told and type(fn) == "function" and guard(fn, told) or fn, ...)
    local own = self.families[core.task.current()]
    if own then self.families[task] = own end
    own = own or self.rest
    own:add(task)
    return task
  end
  return self
end
