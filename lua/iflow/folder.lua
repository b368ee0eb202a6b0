--- The modules in a folder of ours: so a new file is all that a new one of its kind needs.
--
--   folder.names "iflow.sandbox.fault"   -- { "401", "429", …, "type" }, sorted
--
-- In the program they are those compiled in and those in the directory that IFLOW_LUADIR names, in
-- another Lua those beside this file.

local core = require "iflow.core"

local folder = {}

-- Adds the names of the files in a directory, if there is one.
local function add_files(set, dir)
  if not core.file.stat(dir) then return end
  for _, file in ipairs(assert(core.file.list(dir))) do
    local name = file:match "^([^.].*)%.lua$"
    if name then set[name] = true end
  end
end

-- The directory of Lua files that this one was read from.
local function own_dir()
  local dir = debug.getinfo(1, "S").source:match "^@(.*)iflow/folder%.lua$"
  return dir == "" and "." or dir
end

--- The names of the modules below `module`, a folder, without those in folders below it.
function folder.names(module)
  local path = module:gsub("%.", "/") .. "/"
  local embedded = package.loaded["iflow.embedded"] -- in the program: function(path) -> set
  local dir = not embedded and own_dir() or os.getenv "IFLOW_LUADIR"
  local set = embedded and embedded(path) or {}
  if dir then add_files(set, dir .. "/" .. path) end
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  return names
end

return folder
