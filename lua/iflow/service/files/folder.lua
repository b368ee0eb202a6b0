--- One watched directory of a drop folder: which of its files match, and whether they are complete.
-- Internal.

local compare = require("iflow.service.files.identity").compare
local core = require "iflow.core"
local errors = require "iflow.error"

local file = core.file

local AT_ONCE = 2000 -- names that are looked at until other tasks get their turn

local folder = {}
folder.__index = folder

-- Names that programs give to files they are still writing.
local unfinished = { tmp = true, part = true, filepart = true }

local function is_candidate(self, name)
  local extension = name:match "%.([^.]+)$"
  if extension and unfinished[extension:lower()] then return false end
  for _, pattern in ipairs(self.patterns) do
    if pattern.matches(name) then return true end
  end
  return false
end

-- Watching ----------------------------------------------------------------------------------------

local function watch(self, watcher)
  while watcher:wait() do self.changed() end
end

-- Another directory may have taken the place of the one that is watched.
local function keep_watching(self, path)
  local stat = file.stat(path)
  if not stat then return end
  if self.watcher and stat.inode == self.inode and stat.device == self.device then return end
  self:close()
  local watcher, err = file.watch(path)
  self.inode, self.device = stat.inode, stat.device
  if not watcher then
    if not self.unwatched then
      self.log("warn", "unwatched", nil, "%s; looking every %s", err.message, self.every)
    end
    self.unwatched = true
    return
  end
  self.unwatched = false
  self.watcher = watcher
  core.task.spawn(watch, self, watcher)
end

--- Watches no more.
function folder:close()
  if self.watcher then self.watcher:close() end
  self.watcher = nil
end

-- Reading -----------------------------------------------------------------------------------------

--- The absolute path; nil, err when there is no such directory, or files cannot be moved out of it.
function folder:check()
  local path, err = file.absolute(self.path)
  if not path then return nil, err end
  if file.stat(path).kind ~= "directory" then
    return nil, errors { code = "file.not_found", message = ("'%s' is no directory"):format(path) }
  end
  local ok
  ok, err = file.writable(path)
  if not ok then return nil, err end
  return path
end

--- Reads the directory. now: seconds of a clock that never jumps. Returns the complete files (name,
-- path, shown, size, mtime_ns, device, inode) and after how many seconds the next one may be
-- complete, nil when none is waited for. nil, err when the directory cannot be read.
function folder:look(now)
  local path, err = self:check()
  if not path then
    self:close()
    return nil, err
  end
  keep_watching(self, path)
  local found
  found, err = file.scan(path)
  if not found then return nil, err end
  local seen, ready, wait = {}, {}, nil
  for i, item in ipairs(found) do
    if i % AT_ONCE == 0 then core.task.sleep(0) end
    if is_candidate(self, item.name) then
      local before = self.seen[item.name]
      item.since = before and compare(before, item) == "same" and before.since or now
      seen[item.name] = item
      local left = item.since + self.settle - now
      if left <= 0 then
        item.path = path .. "/" .. item.name
        item.shown = self.path == "." and item.name or self.path .. "/" .. item.name
        ready[#ready + 1] = item
      else
        wait = math.min(wait or left, left)
      end
    end
  end
  self.seen = seen
  return ready, wait
end

--- Which files: those in the directory `path` that match one of `patterns`. settle, every: seconds;
-- changed(): is called when something happens there; log(level, event, path, text, …).
return setmetatable(folder, { __call = function(_, given)
  given.seen = {}
  return setmetatable(given, folder)
end })
