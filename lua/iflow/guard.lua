--- What keeps a script of a service from harming the others: it cannot catch that it was stopped,
-- because it ran for too long without waiting or took too much memory (script.limit), and it leaves
-- time for others before it is called again. Internal.
--
-- A script sees its own pcall, xpcall, coroutine and load, which hand that error on, so that
-- `while true do pcall(work) end` comes to an end, too. What stops it (src/host/limits.c) cannot
-- reach into a finalizer (__gc) or a single call of C, such as a pattern that matches for hours: it
-- tells whose it is, and the watchdog of systemd ends the process.

local core = require "iflow.core"
local errors = require "iflow.error"

local guard = {}

local REST = 3 -- a script that had to be stopped is left alone for so many times its time limit

-- Errors that go on -------------------------------------------------------------------------------

local function is_stop(err) return errors.is(err) and err.code == "script.limit" end

local function check(ok, err, ...)
  if not ok and is_stop(err) then error(err, 0) end
  return ok, err, ...
end

local function guarded_pcall(...) return check(pcall(...)) end

-- A handler that loops is called for its own end again, so it does not see that.
local function guarded_xpcall(fn, handler, ...)
  if type(handler) ~= "function" then return check(xpcall(fn, handler, ...)) end
  return check(xpcall(fn, function(err)
    if is_stop(err) then return err end
    return handler(err)
  end, ...))
end

-- Coroutines --------------------------------------------------------------------------------------

-- What stops a script has to know which coroutine runs.
local function left(before, ...)
  core.task.inner(before)
  return check(...)
end

local function resume(co, ...)
  if type(co) ~= "thread" then return coroutine.resume(co, ...) end -- raises
  return left(core.task.inner(co), coroutine.resume(co, ...))
end

local function results(co, ok, ...)
  if ok then return ... end
  local err = ...
  coroutine.close(co)
  error(err, 0)
end

local function wrap(fn)
  local co = coroutine.create(fn)
  return function(...) return results(co, resume(co, ...)) end
end

local coroutines = setmetatable({ resume = resume, wrap = wrap }, { __index = coroutine })

-- What a script sees ------------------------------------------------------------------------------

--- The globals that take the place of the standard library's in a script (for strict.environment),
-- and an environment with them for the modules it requires. require: the script's own.
function guard.globals(require)
  local own = { pcall = guarded_pcall, xpcall = guarded_xpcall, coroutine = coroutines,
    require = require }
  local env = setmetatable({}, { __newindex = _G, __index = function(_, name)
    local value = own[name]
    if value ~= nil then return value end
    return _G[name]
  end })
  function own.load(chunk, name, mode, ...)
    if select("#", ...) > 0 then return load(chunk, name, mode, ...) end
    return load(chunk, name, mode, env)
  end
  function own.loadfile(name, mode, ...)
    if select("#", ...) > 0 then return loadfile(name, mode, ...) end
    return loadfile(name, mode, env)
  end
  function own.dofile(name) return assert(loadfile(name, "bt", env))() end
  return own, env
end

-- Rest --------------------------------------------------------------------------------------------

--- Seconds a script may run without waiting, as the host enforces it.
guard.seconds = 0

--- Waits while `owner` (a sender, a relay, …) has to leave time for others. To be called before its
-- functions are.
function guard.rest(owner)
  while owner.rests_until do
    local left_over = owner.rests_until - core.task.monotonic()
    if left_over <= 0 then
      owner.rests_until = nil
      return
    end
    core.task.sleep(left_over)
  end
end

--- To be told of the errors of these functions: one that was stopped rests. Whether it was.
function guard.note(owner, err)
  if not is_stop(err) then return false end
  owner.rests_until = core.task.monotonic() + REST * guard.seconds
  return true
end

return guard
