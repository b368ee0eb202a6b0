--- Strict globals: the environment that `iflow run` gives to a script.
--
--   local env = strict.environment { arg = { … } }
--   local chunk = load(text, "@orders.lua", "t", env)
--
-- Reading or writing a variable that was not declared raises with file and line, and suggests the
-- nearest name. Declared are the standard library, what the host passes in, and what the script
-- itself puts there with rawset(_G, "name", value). The process's real _G is read through, never
-- changed: modules that a script requires see what they always saw.

local suggest = require "iflow.suggest"

local strict = {}

local function known_names(env, parent)
  local names = {}
  for _, from in ipairs { env, parent } do
    for name in next, from do
      if type(name) == "string" then names[#names + 1] = name end
    end
  end
  table.sort(names)
  return names
end

--- A new environment: `declared` (name -> value, may be nil) over `parent` (default: _G).
function strict.environment(declared, parent)
  parent = parent or _G
  local env = {}
  for name, value in pairs(declared or {}) do env[name] = value end
  env._G = env

  local function read(_, name)
    local value = rawget(parent, name)
    if value ~= nil then return value end
    local text = "variable '" .. tostring(name) .. "' is not declared"
    error(suggest.message(text, name, known_names(env, parent)), 2)
  end

  local function write(_, name)
    local text = ("variable '%s' is not declared: write 'local %s' where it is first used")
      :format(name, name)
    error(suggest.message(text, name, known_names(env, parent)), 2)
  end

  return setmetatable(env, { __index = read, __newindex = write, __metatable = false })
end

return strict
