-- modules.lua -- what the scripts of a service require. A script finds modules in its own folder
-- first, then in the usual places. Modules of files are read once for each load of the scripts and
-- known by their file: scripts of one folder share them, two folders may have modules of the same
-- name, and a reload reads them again. All other modules are Lua's own matter.
local core = require "iflow.core"
local guard = require "iflow.guard"

local modules = {}

local LOADING = {} -- in `loaded`: its file runs just now

-- Where the file of a module is; nil, where it was looked for.
local function find(dir, name)
  return package.searchpath(name, ("%s/?.lua;%s/?/init.lua;%s"):format(dir, dir, package.path))
end

local function run(self, name, path, env)
  local chunk, why = loadfile(path, "bt", env)
  if not chunk then
    error(("error loading module '%s' from file '%s':\n\t%s"):format(name, path, why), 0)
  end
  self.loaded[path] = LOADING
  local _ <close> = setmetatable({}, { __close = function()
    if self.loaded[path] == LOADING then self.loaded[path] = nil end -- it failed
  end })
  local value = chunk(name, path)
  if value == nil then value = true end
  self.loaded[path] = value
  return value
end

local function is_ours(name) return name == "iflow" or name:find "^iflow%." ~= nil end

--- The globals of a script that lies in `dir`, guarded (guard.lua) and with a require of its own.
function modules:globals(dir)
  local globals, env
  local function own_require(name)
    if type(name) ~= "string" or is_ours(name) or package.loaded[name] ~= nil
      or package.preload[name] then
      return require(name)
    end
    local path = find(dir, name)
    if not path then return require(name) end -- a C module, or the error that says where it looked
    path = core.file.absolute(path) or path
    local value = self.loaded[path]
    if value == LOADING then
      error(("module '%s' requires itself, by way of others: %s"):format(name, path), 2)
    elseif value == nil then
      value = run(self, name, path, env)
    end
    return value, path
  end
  globals, env = guard.globals(own_require)
  return globals
end

modules.__index = modules

--- A new set, for one load of the scripts.
return function() return setmetatable({ loaded = {} }, modules) end
