-- new_files.lua -- writes the files that a command makes, all or none: one that exists is replaced
-- only when that is asked for.
local core = require "iflow.core"
local errors = require "iflow.error"

local new_files = {}

--- Whether none of the paths exists: true; or nil, err.
function new_files.check(paths, force)
  for _, path in ipairs(paths) do
    if not force and core.file.stat(path) then
      return nil, errors { code = "file.exists", message = ("'%s' exists already"):format(path),
        hint = "give another name, or --force to replace it" }
    end
  end
  return true
end

--- Writes { { path =, text =, mode = "0600" } … }: true; or nil, err.
function new_files.write(files)
  for _, item in ipairs(files) do
    local ok, err = core.file.write(item.path, item.text, item.mode)
    if not ok then return nil, err end
  end
  return true
end

return new_files
