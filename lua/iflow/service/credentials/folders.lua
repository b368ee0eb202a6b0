--- Watches folders and tells when something in one of them has changed. Internal.
--
--   local folders = new_folders(function() … end)
--   folders:watch { ["/etc/iflow"] = true }   -- these, and no others
--   folders:close()

local core = require "iflow.core"

local QUIET = 0.25 -- seconds after an event; an outbox in the same folder changes all the time

local folders = {}
folders.__index = folders

-- Whoever sleeps while it is stopped may be awake already, and must not wait with a closed one.
local function follow(self, known)
  while not known.stopped and known.watcher:wait() do
    self.changed()
    core.task.sleep(QUIET)
  end
end

-- One that cannot be watched is looked at now and then, which is told at level debug.
local function start(self, path, stat)
  local watcher, err = core.file.watch(path)
  local known = { watcher = watcher, inode = stat.inode, device = stat.device }
  self.watched[path] = known
  if watcher then
    known.task = core.task.spawn(follow, self, known)
  else
    core.log.write("debug", "credentials", err.message)
  end
end

local function stop(self, path)
  local known = self.watched[path]
  self.watched[path] = nil
  if not known or not known.watcher then return end
  known.stopped = true
  known.task:cancel()
  known.watcher:close()
end

--- paths: a set. A folder whose place another one has taken is watched anew.
function folders:watch(paths)
  for path, known in pairs(self.watched) do
    local stat = paths[path] and core.file.stat(path)
    if not stat or stat.inode ~= known.inode or stat.device ~= known.device then
      stop(self, path)
    end
  end
  for path in pairs(paths) do
    local stat = not self.watched[path] and core.file.stat(path)
    if stat then start(self, path, stat) end
  end
end

function folders:close()
  for path in pairs(self.watched) do stop(self, path) end
end

return function(changed) return setmetatable({ changed = changed, watched = {} }, folders) end
