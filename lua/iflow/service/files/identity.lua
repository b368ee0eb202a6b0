--- Whether a file of a drop folder is the one that was seen before. Internal.
--
-- That is told by path, inode, size and time. The device only says whether the directory is the one
-- it was: its number changes when a network file system is mounted again.

local core = require "iflow.core"

local file = core.file

local identity = {}

local GONE_AFTER = 30 * 86400 -- seconds that a file is waited for whose directory is another one

--- The file at the path: as core.file.stat gives it; nil when there is no file; nil, err when
-- nobody can tell.
function identity.look_at(path)
  local stat, err = file.stat(path, { follow = false })
  if not stat then return nil, err end
  return stat.kind == "file" and stat or nil
end

--- How a file stands to what was remembered of one at its path:
--   "same"      it is the file, in the same state
--   "changed"   it is the file, but somebody has written to it
--   "unsure"    another inode with the same size and time: a replaced file, or a file system whose
--               inodes are not stable
--   "other"     another file
function identity.compare(before, now)
  local alike = before.size == now.size and before.mtime_ns == now.mtime_ns
  if before.inode == now.inode then return alike and "same" or "changed" end
  return alike and "unsure" or "other"
end

--- Whether somebody has removed the file of an entry (memory.lua). Not when its directory is
-- missing or another one, because it is not mounted, say: then it may come back.
function identity.is_removed(entry)
  local now, err = identity.look_at(entry.path)
  if now or err then return false end
  local directory = file.stat(entry.path:match "^(.*)/" .. "/")
  if directory and directory.device == entry.device then return true end
  return core.task.now() - entry.since > GONE_AFTER
end

return identity
