--- What a script may not catch: that it was stopped, because it ran for too long without waiting
-- (script.limit). Internal. In a service a script sees its own pcall, xpcall and coroutine, which
-- hand that error on, so that `while true do pcall(work) end` comes to an end, too.

local core = require "iflow.core"
local errors = require "iflow.error"

local guard = {}

local function check(ok, err, ...)
  if not ok and errors.is(err) and err.code == "script.limit" then error(err, 0) end
  return ok, err, ...
end

local function guarded_pcall(...) return check(pcall(...)) end

local function guarded_xpcall(...) return check(xpcall(...)) end

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

--- What takes the place of the standard library's in a script: for strict.environment.
guard.globals = { pcall = guarded_pcall, xpcall = guarded_xpcall, coroutine = coroutines }

-- Modules -----------------------------------------------------------------------------------------

--- Gives the modules that scripts require from files the same; once a process.
function guard.install()
  local env = setmetatable({}, { __newindex = _G, __index = function(_, name)
    local own = guard.globals[name]
    if own ~= nil then return own end
    return _G[name]
  end })
  package.searchers[2] = function(name)
    local path, why = package.searchpath(name, package.path)
    if not path then return why end
    local chunk
    chunk, why = loadfile(path, "bt", env)
    if not chunk then
      error(("error loading module '%s' from file '%s':\n\t%s"):format(name, path, why), 0)
    end
    return chunk, path
  end
end

return guard
