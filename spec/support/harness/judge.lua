-- judge.lua -- what the harness of the service holds against it. It knows three things from three
-- places: what was accepted (the producer's file), what arrived, in its order (the tenant's file),
-- and what the outbox says whenever the service is dead.
--
--   judge:look(box)      after a kill: what is accepted is in the outbox, what the outbox calls
--                        delivered has arrived; notes what was in flight
--   judge:orders(box)    at the end, for the sender that may repeat, with order
--   judge:drops(box)     the same for the lines of files
--   judge:payments(box)  at the end, for the one that may not, before an operator does anything
--   judge:invoices(box)  the same for one whose doubts the message log has settled
--   judge:retried(box)   the payments after the operator's retry
--
-- In flight at a kill is what has arrived and is not delivered in the outbox. A message may arrive
-- again for each kill at which it was in flight, and for each answer that a fault has cut: the
-- sender cannot know then that it arrived.
local assert = require "luassert"

local judge = {}
judge.__index = judge

local PAGE = 1000

--- files: { accepted = path, arrivals = path }.
function judge.new(files)
  local self = { at = {}, open = {}, count = {}, loose = {}, delivered = {}, id_of = {}, cut = {},
    logs = {}, kills = 0,
    accepted = { orders = {}, payments = {}, invoices = {}, drops = {} },
    arrivals = { orders = {}, payments = {}, invoices = {}, drops = {} } }
  for name, path in pairs(files) do
    self.open[name] = assert(io.open(path, "r"))
    self.at[name] = 0
  end
  return setmetatable(self, judge)
end

function judge:close()
  for _, file in pairs(self.open) do file:close() end
end
judge.__close = judge.close

-- The whole lines that a file has got since the last time.
local function new_lines(self, name)
  local file = self.open[name]
  file:seek("set", self.at[name])
  local text = file:read "a"
  text = text:match "^.*\n" or ""
  self.at[name] = self.at[name] + #text
  return text:gmatch "[^\n]+"
end

local function arrived(self, sender, id, key, number)
  local name = ("%s-%s-%s"):format(sender, key, number)
  if sender ~= "drops" then self.id_of[name] = name end -- the producer has given it
  assert.equal(self.id_of[name] or id, id, name .. " arrived under two ids")
  self.id_of[name] = id
  table.insert(self.arrivals[sender], { id = id, key = key, number = tonumber(number) })
  self.count[id] = (self.count[id] or 0) + 1
  -- What was delivered when the service died is over.
  assert.is_nil(self.delivered[id], id .. " arrived again after it was delivered")
end

local function read_line(self, line)
  local cut = line:match "^cut (%S+)$"
  if cut then
    local id = self.logs[cut]
    self.cut[id] = (self.cut[id] or 0) + 1
    return
  end
  local sender, log, id, key, number = line:match "^(%S+) (%S+) (%S+) (%S+) (%d+)$"
  self.logs[log] = id
  arrived(self, sender, id, key, number)
end

--- Reads what the producer and the tenant have written since.
function judge:read()
  for line in new_lines(self, "accepted") do
    local sender, id = line:match "^(%S+) (%S+)$"
    table.insert(self.accepted[sender], id)
  end
  for line in new_lines(self, "arrivals") do read_line(self, line) end
end

--- Every message of the box: fn(msg).
function judge.each(box, fn)
  local after = 0
  repeat
    local page = assert(box:list { after = after, limit = PAGE })
    for _, msg in ipairs(page) do
      fn(msg)
      after = msg.number
    end
  until #page == 0
end

-- id -> message.
local function states(box)
  local found = {}
  judge.each(box, function(msg)
    assert.is_nil(found[msg.id], msg.id .. " is there twice")
    found[msg.id] = msg
  end)
  return found
end

local function check_none_lost(self, found)
  for _, sender in ipairs { "orders", "payments", "invoices" } do
    for _, id in ipairs(self.accepted[sender]) do
      assert.is_truthy(found[id], id .. " was accepted and is lost")
      assert.equal(sender, found[id].sender)
    end
  end
end

-- An id that arrived is in the outbox; one that is delivered has arrived.
local function check_known(self, found)
  for id in pairs(self.count) do assert.is_truthy(found[id], id .. " arrived, nobody knows it") end
  for id, msg in pairs(found) do
    if msg.state == "delivered" then
      assert.is_truthy(self.count[id], id .. " is called delivered and never arrived")
    end
  end
end

--- After a kill, with the outbox of the dead service.
function judge:look(box)
  self:read()
  self.kills = self.kills + 1
  local found = states(box)
  check_none_lost(self, found)
  check_known(self, found)
  for id, msg in pairs(found) do
    if msg.state == "delivered" then self.delivered[id] = true
    elseif self.count[id] then self.loose[id] = (self.loose[id] or 0) + 1 end
  end
  return found
end

-- Of each key, the first arrivals have the numbers 1, 2, 3 … without a gap. (Later arrivals of an
-- earlier number are repeats, which `duplicates` judges.)
local function check_order(arrivals)
  local last = {}
  for _, one in ipairs(arrivals) do
    local before = last[one.key] or 0
    assert.is_true(one.number <= before + 1, ("%s arrived after number %d"):format(one.id, before))
    last[one.key] = math.max(before, one.number)
  end
end

local function check_duplicates(self, sender, found)
  local more = 0
  for id, n in pairs(self.count) do
    if found[id].sender == sender and n > 1 then
      more = more + n - 1
      local cut, loose = self.cut[id] or 0, self.loose[id] or 0
      assert.is_true(n - 1 <= cut + loose, ("%s arrived %d times; %d answers were cut, it was in "
        .. "flight at %d kills"):format(id, n, cut, loose))
    end
  end
  return more
end

local function check_delivered(self, found, sender)
  for _, name in ipairs(self.accepted[sender]) do
    local id = self.id_of[name]
    assert.is_truthy(id, name .. " was accepted and never arrived")
    assert.equal("delivered", found[id].state, name)
  end
end

--- Everything has arrived, in order; duplicates were in flight. Returns how many there were.
function judge:orders(box)
  self:read()
  local found = states(box)
  check_none_lost(self, found)
  check_known(self, found)
  check_delivered(self, found, "orders")
  check_order(self.arrivals.orders)
  return check_duplicates(self, "orders", found)
end

--- Each line of each file has arrived, under one id; duplicates were in flight, and the outbox has
-- not one message more. Returns how many duplicates there were.
function judge:drops(box)
  self:read()
  local found, messages = states(box), 0
  check_delivered(self, found, "drops")
  for _, msg in pairs(found) do
    if msg.sender == "drops" then messages = messages + 1 end
  end
  assert.equal(#self.accepted.drops, messages)
  return check_duplicates(self, "drops", found)
end

--- Nothing has arrived twice. listed: the ids that `iflow outbox list` calls in doubt; they are all
-- those that are not delivered. Returns how many they are.
function judge:payments(box, listed)
  self:read()
  local found, doubtful, named = states(box), 0, {}
  check_none_lost(self, found)
  check_known(self, found)
  for _, id in ipairs(listed) do named[id] = true end
  for _, one in ipairs(self.arrivals.payments) do
    assert.equal(1, self.count[one.id], one.id .. " arrived twice")
  end
  for id, msg in pairs(found) do
    if msg.sender == "payments" then
      local over = msg.state == "delivered"
      assert.equal(not over, named[id] or false, id .. " is " .. msg.state)
      if not over then doubtful = doubtful + 1 end
    end
  end
  self.doubtful = named
  return doubtful
end

--- Everything has arrived, nothing twice, without an operator.
function judge:invoices(box)
  self:read()
  check_delivered(self, states(box), "invoices")
  for _, one in ipairs(self.arrivals.invoices) do
    assert.equal(1, self.count[one.id], one.id .. " arrived twice")
  end
end

--- After the operator's retry all is delivered, and only what was in doubt has arrived twice.
function judge:retried(box)
  self:read()
  local found = states(box)
  check_delivered(self, found, "payments")
  for _, one in ipairs(self.arrivals.payments) do
    local most = self.doubtful[one.id] and 2 or 1
    assert.is_true(self.count[one.id] <= most, one.id .. " arrived too often")
  end
end

return judge
