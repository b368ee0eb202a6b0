--- A time limit that many requests share: one task watches them all, in the order in which they
--- came, since the first to come is the first that is late. It runs while there is one to watch.
local core = require "iflow.core"

local deadlines = {}
deadlines.__index = deadlines

--- late(item) is called for each item that was not released within `seconds`; it must not wait.
function deadlines.new(seconds, late)
  local self = setmetatable({ seconds = seconds, late = late }, deadlines)
  self.ring = { }
  self.ring.after, self.ring.before = self.ring, self.ring
  return self
end

local function unlink(link)
  link.before.after, link.after.before = link.after, link.before
  link.after, link.before = nil, nil
end

local function watch_first(self)
  while self.ring.after ~= self.ring do
    local first = self.ring.after
    local left = first.at - core.task.monotonic()
    if left > 0 then
      core.task.sleep(left)
    else
      unlink(first)
      self.late(first.item)
    end
  end
  self.watcher = nil
end

--- Begins to watch an item. Returns what release takes.
function deadlines:watch(item)
  local ring = self.ring
  local link = { item = item, at = core.task.monotonic() + self.seconds, before = ring.before,
                 after = ring }
  ring.before.after, ring.before = link, link
  if not self.watcher then self.watcher = core.task.spawn(watch_first, self) end
  return link
end

--- Ends it in time; for one that was late it does nothing.
function deadlines.release(link)
  if link.after then unlink(link) end
end

--- Ends the watch over all of them.
function deadlines:close()
  if self.watcher then self.watcher:cancel() end
end

return deadlines
