--- The outbox of a test: a real one whose messages have the times of the test's clock, which stands
-- still while the disk works. Internal.

local clock = require "iflow.clock"
local outbox = require "iflow.outbox"

local timed = {}

-- Anything else goes to the real one.
function timed:__index(name)
  if timed[name] then return timed[name] end
  return function(_, ...)
    local _ <close> = clock.work()
    return self.box[name](self.box, ...)
  end
end

local function identity(msg) return msg.sender .. "\0" .. msg.id end

-- The database goes by the time of day; what it says of a message is put right when it is claimed.
local function note(self, msg)
  local name = identity(msg)
  self.times[name] = self.times[name] or { created = clock.now() }
  self.times[name].changed = clock.now()
end

function timed:enqueue(message)
  local _ <close> = clock.work()
  local state, err = self.box:enqueue(message)
  if state == "accepted" then note(self, message) end
  return state, err
end

function timed:claim(sender, max, now)
  local _ <close> = clock.work()
  local list, due = self.box:claim(sender, max, now)
  self.due[sender] = list and due
  for _, msg in ipairs(list or {}) do
    for name, time in pairs(self.times[identity(msg)] or {}) do msg[name] = time end
  end
  return list, due
end

function timed:retry(what, outcome)
  local _ <close> = clock.work()
  if type(what) == "table" and what.id then note(self, what) end
  return self.box:retry(what, outcome)
end

--- When the first message is due that waits for a time, as far as the pumps know; nil: none does.
function timed:next_due()
  local first
  for _, due in pairs(self.due) do first = math.min(first or due, due) end
  return first
end

function timed:close() return self.box:close() end

--- Opens one: options as of iflow.outbox.open. nil, err as there.
return function(options)
  local box, err = outbox.open(options)
  if not box then return nil, err end
  return setmetatable({ box = box, times = {}, due = {} }, timed)
end
