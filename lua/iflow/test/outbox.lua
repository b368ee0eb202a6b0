--- The outbox of a test: a real one that goes by the test's clock, so that a message which waits an
-- hour for its next attempt is due when that hour has passed there. Internal.
--
-- The database knows only the time of day. So it is told nothing of times to wait for: what is not
-- due yet stays claimed here until it is.

local clock = require "iflow.clock"
local outbox = require "iflow.outbox"

local timed = {}

-- Anything else goes to the real one; the test's clock stands still meanwhile.
function timed:__index(name)
  if timed[name] then return timed[name] end
  return function(_, ...)
    local _ <close> = clock.work()
    return self.box[name](self.box, ...)
  end
end

local function copy_of(fields)
  local copy = {}
  for name, value in pairs(fields or {}) do copy[name] = value end
  return copy
end

local function identity(sender, id) return sender .. "\0" .. id end

function timed:enqueue(message)
  local _ <close> = clock.work()
  local fields = copy_of(message)
  fields.not_before = nil
  local name = identity(message.sender, message.id)
  local before = self.known[name]
  self.known[name] = before or { created = clock.now(), changed = clock.now(),
    due = message.not_before }
  local state, err = self.box:enqueue(fields)
  if state ~= "accepted" then self.known[name] = before end
  return state, err
end

-- What is known here of a message of the box.
local function times_of(self, msg)
  local name = identity(msg.sender, msg.id)
  self.known[name] = self.known[name] or { created = clock.now(), changed = clock.now() }
  return self.known[name]
end

-- Messages that wait, the first of them first.
local function hold(self, msg)
  local list = self.held
  local i = #list
  while i > 0 and list[i].number > msg.number do i = i - 1 end
  table.insert(list, i + 1, msg)
end

-- Whether it may go; otherwise it is kept.
local function admit(self, msg, list)
  local times = times_of(self, msg)
  msg.created, msg.changed, msg.not_before = times.created, times.changed, times.due
  if not times.due or times.due <= clock.now() then
    list[#list + 1] = msg
  else
    hold(self, msg)
  end
end

-- Takes what was held and is due now; the rest stays.
local function take_due(self, sender, max)
  local list, held = {}, self.held
  self.held = {}
  for _, msg in ipairs(held) do
    if msg.sender == sender and #list < max then
      admit(self, msg, list)
    else
      hold(self, msg)
    end
  end
  return list
end

--- When the first message of the sender (of any one) is due that waits here.
function timed:next_due(sender)
  local first
  for _, msg in ipairs(self.held) do
    if not sender or msg.sender == sender then
      first = math.min(first or math.huge, msg.not_before)
    end
  end
  return first
end

function timed:claim(sender, max)
  local _ <close> = clock.work()
  max = max or 1
  local list = take_due(self, sender, max)
  while #list < max do
    local more, err = self.box:claim(sender, max - #list)
    if not more then return nil, err end
    if #more == 0 then break end
    for _, msg in ipairs(more) do admit(self, msg, list) end
  end
  return list, self:next_due(sender)
end

function timed:retry(what, outcome)
  local _ <close> = clock.work()
  local fields = copy_of(outcome)
  if type(what) == "table" and what.id then
    local times = times_of(self, what)
    times.due, times.changed = fields.not_before, clock.now()
    fields.not_before = nil
  end
  return self.box:retry(what, fields)
end

function timed:close() return self.box:close() end

--- Opens one: options as of iflow.outbox.open. nil, err as there.
return function(options)
  local box, err = outbox.open(options)
  if not box then return nil, err end
  return setmetatable({ box = box, known = {}, held = {} }, timed)
end
