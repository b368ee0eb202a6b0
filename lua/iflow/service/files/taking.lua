--- Takes one file of a drop folder: from its entry in the memory to the directory where it belongs.
-- Internal; for lua/iflow/service/files.lua, whose running object comes with every call.

local clock = require "iflow.clock"
local core = require "iflow.core"
local duration = require "iflow.duration"
local hand_over = require "iflow.service.files.hand_over"
local identity = require "iflow.service.files.identity"
local place = require "iflow.service.files.place"

local taking = {}

local MOVE_AGAIN, MOVE_MAX = 15, 300 -- seconds before a file is moved again

-- Moving ------------------------------------------------------------------------------------------

local CHANGED = "the file changed after it was taken, so nobody knows whether all of it was sent"
local CHANGED_TO_DO = "compare it with what was sent, and put what is missing into the directory "
  .. "as a new file; programs should write elsewhere and move the file there when it is complete"

local UNSURE = "its inode is another one than before, so nobody knows whether it is the same file"
local UNSURE_TO_DO = "look whether it was replaced; if its records were not sent yet"

-- What somebody has to look at: result for an entry whose file is not quite what it was.
local function doubt(comparison, sent)
  if comparison == "changed" then
    return { to = "failed", reason = CHANGED, to_do = CHANGED_TO_DO, sent = sent }
  elseif comparison == "unsure" then
    return { to = "failed", reason = UNSURE, to_do = UNSURE_TO_DO, sent = sent }
  end
end

local function explain(self, entry, path)
  local sent = entry.sent or "See the log of that time for what was sent of it."
  local to_do = entry.to_do or "correct the file"
  if entry.reason ~= CHANGED then
    to_do = ("%s; then move it back to %s"):format(to_do, entry.path:match "^(.*)/" .. "/")
  end
  local ok, err = place.explain(path, entry.path, sent, entry.reason or "unknown", to_do)
  if not ok then self:log("warn", "failed", entry.path, "%s", tostring(err)) end
end

local function moved(self, entry, path)
  self:forget(entry.path)
  if entry.to == "done" then
    self.taken = self.taken + 1
    self:log((entry.rejected or 0) > 0 and "warn" or "info", "taken", entry.path,
      "%s; moved to %s", entry.text or "handed over before", path)
  else
    self.failed = self.failed + 1
    self:log("error", "rejected", entry.path, "%s; moved to %s", entry.reason or "failed", path)
    explain(self, entry, path)
  end
end

local function move_later(self, entry, why)
  entry.pause = math.min((entry.pause or MOVE_AGAIN / 2) * 2, MOVE_MAX)
  entry.at = clock.monotonic() + entry.pause
  self:log("error", "not_moved", entry.path,
    "%s; it is not sent again, and moved when that is possible", why)
end

-- Moves what was handed over to where it belongs, or remembers to try again.
local function move(self, entry)
  local now, err = identity.look_at(entry.path)
  local comparison = now and identity.compare(entry, now)
  if comparison == "other" or not now and identity.is_removed(entry) then
    self:log("warn", "removed", entry.path, "%s; it was removed before it could be moved",
      entry.text or entry.reason or "handed over")
    return self:forget(entry.path)
  end
  if not now then
    return move_later(self, entry, err and err.message or "its directory is not the one it was")
  end
  local result = doubt(comparison, entry.sent)
  if result and entry.to == "done" then
    for name, value in pairs(result) do entry[name] = value end
  end
  local path
  path, err = place.move(entry.path, self.places[entry.to])
  if path then return moved(self, entry, path) end
  move_later(self, entry, err.message)
end

--- Moves what was handed over, but could not be moved. Returns after how many seconds to try again,
-- nil when nothing is left.
function taking.move_held(self)
  local wait
  for _, entry in ipairs(table.move(self.memory.entries, 1, #self.memory.entries, 1, {})) do
    if entry.to and not self.stopping then
      local left = (entry.at or 0) - clock.monotonic()
      if left <= 0 then
        move(self, entry)
        left = entry.pause or 0
      end
      wait = math.min(wait or left, left)
    end
  end
  return wait
end

-- Taking ------------------------------------------------------------------------------------------

local function entry_to(self, entry, result)
  local ok, err = self.memory:hand_over(entry, result)
  if not ok then self:log("warn", "failed", entry.path, "%s", err.message) end
  move(self, entry)
end

-- It is tried again later: at another file's turn, or when anything can be taken again.
local function postpone(self, file, result)
  if result.all then return self:trouble(result.reason) end
  self.delayed[file.path] = { at = clock.monotonic() + result.wait,
    tries = (file.tries or 0) + (result.tried and 1 or 0) }
  self:log("warn", "retry", file.path, "%s; taken again after %s", result.reason,
    duration.text(result.wait))
end

-- A crash cut it off, and what the outbox knew of it may be forgotten by now, or the file is not
-- what it was: somebody has to look.
local function doubtful(self, file, entry)
  if not entry or entry.to then return nil end
  local sent = "The service ended while it took this file; part of it may have been sent."
  local comparison, age = identity.compare(entry, file), core.task.now() - entry.since
  if comparison ~= "same" then return doubt(comparison, sent) end
  if not self.fresh[entry] and age > (self.service.box.retention or
    math.huge) then
    return { to = "failed", sent = sent, reason = ("that was %s ago, longer than the outbox knows "
      .. "what it delivered"):format(duration.text(age)),
      to_do = "find out at the receiver what has arrived, and take it out of the file" }
  end
end

local function public(file, entry)
  return { path = file.path, name = file.name, size = file.size, id = entry.id,
    mtime = file.mtime_ns / 1e9 }
end

local function hand_on(self, file, entry)
  file.id, file.public = entry.id, public(file, entry)
  file.tries = self.delayed[file.path] and self.delayed[file.path].tries
  self.delayed[file.path] = nil
  local result = hand_over(self.service, self.trigger, file)
  if result.to == "later" then return postpone(self, file, result) end
  self:no_trouble()
  if result.to == "gone" then
    return self:log("warn", "removed", file.path, "it was removed before it could be read")
  end
  entry_to(self, entry, result)
end

--- Takes a complete file: hands it on, and moves it. file: as folder:look gives it.
function taking.take(self, file)
  local now = identity.look_at(file.path)
  if not now or identity.compare(file, now) ~= "same" then return end -- the next look tells
  local before = self.memory:find(file.path)
  local result = doubtful(self, file, before)
  if result then return entry_to(self, before, result) end
  self:claim(file.path) -- before anything waits
  local entry, err = self.memory:begin(file)
  if not entry then
    if not before then self:unclaim(file.path) end
    return self:trouble(err.message)
  end
  if entry ~= before then self.fresh[entry] = true end
  self.file = file.path
  hand_on(self, file, entry)
end

return taking
