--- In which state files are: a text that differs when one of them was replaced, changed, removed or
-- made readable. What is read from files keeps the state of before it was read, so that a later
-- look tells whether it is out of date. Internal.
--
--   local state = file_state { "tls.crt", "tls.key" }
--
-- Links are followed: of a Kubernetes secret, whose folder is exchanged by a link, the new files
-- count.

local core = require "iflow.core"

local function of_one(path)
  local stat, err = core.file.stat(path)
  if not stat then return err and err.code or "gone" end
  return ("%d:%d:%d:%d:%s"):format(stat.device, stat.inode, stat.size, stat.mtime_ns, stat.mode)
end

--- paths: a list; the text says nothing about which files they are.
return function(paths)
  local parts = {}
  for i, path in ipairs(paths) do parts[i] = of_one(path) end
  return table.concat(parts, " ")
end
