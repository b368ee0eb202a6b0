--- The room on the disk of an outbox: some is kept in a file for when the disk is full, so that
-- what is there can still be delivered, dropped and written down. Internal; for iflow.outbox.
--
-- The file is removed when that room is needed. From then on nothing new is accepted, for it would
-- take the rest, until the disk has so much room again.

local core = require "iflow.core"
local errors = require "iflow.error"

local AGAIN = 5 -- seconds between two looks at whether there is room again
local PROBE = ("x"):rep(60000) -- what is written to find out

local room = {}
room.__index = room

--- Keeps it, when that was asked for: whether there is room for it.
function room:keep()
  if not self.bytes then return true end
  local kept, err = core.file.reserve(self.path, self.bytes)
  if not kept then
    core.log.write("warn", "outbox", "no room is kept for when the disk is full: " .. tostring(err))
  end
  self.kept, self.looked = kept == true, core.task.monotonic()
  return self.kept
end

--- Gives it up: whether there was any. Another process may have kept it.
function room:release()
  if not core.file.stat(self.path) then return false end
  if not core.file.remove(self.path) then return false end
  self.low, self.kept, self.looked = true, false, core.task.monotonic()
  core.log.write("error", "outbox", "the disk is full: the room that was kept is used now, nothing "
    .. "new is accepted")
  return true
end

local function may_look(self)
  local now = core.task.monotonic()
  if self.looked and now - self.looked < AGAIN then return false end
  self.looked = now
  return true
end

local function refusal(self)
  return errors { code = "outbox.disk_full",
    message = ("the disk of the outbox is full, and the room kept in '%s' is used for what was "
      .. "accepted before"):format(self.path) }
end

--- The error of a message that is not to be stored; nil: it may be tried.
function room:refuses()
  if not self.low or not self.bytes then return nil end
  local kept = may_look(self) and core.file.reserve(self.path, self.bytes)
  if not kept then return refusal(self) end
  self.low, self.kept = false, true
  core.log.write("warn", "outbox", "there is room on the disk again")
end

--- A message was not stored.
function room:is_full(err)
  self.full, self.looked = err, core.task.monotonic()
end

--- The error as long as the disk is full, as far as is known; write(text): whether that fits.
function room:look(write)
  local low = self:refuses()
  if low then return low end
  if self.full and may_look(self) and write(PROBE) then self.full = nil end
  return self.full
end

--- path: of the outbox; bytes: to keep, nil: none.
return function(path, bytes)
  return setmetatable({ path = path .. "-reserve", bytes = bytes }, room)
end
