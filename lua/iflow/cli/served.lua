-- served.lua -- the scripts of iflow serve: runs them, so that they define what is served.
--   local ok, err = load_scripts({ "orders.lua", … }, defined)      defined: an empty registry,
-- which has to be the current one of this task. Each script has globals of its own, modules are
-- read anew each time (modules.lua).
local core = require "iflow.core"
local errors = require "iflow.error"
local new_modules = require "iflow.cli.modules"
local scripts = require "iflow.cli.script"

local function usage(text, ...)
  return nil, errors { code = "usage.invalid", message = text:format(...) }
end

local function count(defined) return #defined.names + #defined.jobs + #defined.triggers end

local function run_script(path, defined, modules)
  local chunk, err = scripts.load(path, {}, modules:globals(scripts.dir(path)))
  if not chunk then return nil, err end
  local before = count(defined)
  local code
  code, err = scripts.result(chunk())
  if not code then return nil, err end
  if code ~= 0 then
    return nil, errors { code = "script.failed",
      message = ("the script %s returned %d"):format(path, code) }
  elseif count(defined) == before then
    return usage("the script %s defines no sender and no trigger, so there is nothing to serve",
      path)
  end
  return true
end

return function(paths, defined)
  local seen, modules = {}, new_modules()
  for _, path in ipairs(paths) do
    local place = core.file.absolute(path) or path
    if seen[place] then return usage("the script %s is named twice", path) end
    seen[place] = true
    local ok, err = run_script(path, defined, modules)
    if not ok then return nil, err end
  end
  return true
end
