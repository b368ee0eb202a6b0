--- How many messages went through in each minute of the last hour, by sender. Internal, for the
-- operator's page: it looks now and then at what lua/iflow/service/metrics.lua counts, so messages
-- cost nothing more.

local core = require "iflow.core"
local metrics = require "iflow.service.metrics"

local MINUTES = 60
local INTERVAL = 10 -- seconds between two looks
local KINDS = { "accepted", "delivered", "failed" }

local rates = {}
rates.__index = rates

local function totals(counts)
  local messages = counts.messages
  return { accepted = counts.accepted, delivered = messages.delivered,
    failed = messages.rejected + messages.in_doubt + messages.given_up }
end

local function new_entry(now)
  local entry = { minute = now, seen = { accepted = 0, delivered = 0, failed = 0 } }
  for _, kind in ipairs(KINDS) do
    entry[kind] = {}
    for i = 1, MINUTES do entry[kind][i] = 0 end
  end
  return entry
end

-- Minutes that are over move to the left.
local function move(entry, minute)
  local by = math.min(math.max(minute - entry.minute, 0), MINUTES)
  entry.minute = minute
  if by == 0 then return end
  for _, kind in ipairs(KINDS) do
    local list = entry[kind]
    table.move(list, by + 1, MINUTES, 1)
    for i = MINUTES - by + 1, MINUTES do list[i] = 0 end
  end
end

--- Counts what has come since the last look.
function rates:look()
  local minute = math.floor(core.task.monotonic() / 60)
  for name, counts in pairs(metrics.senders) do
    local entry = self.senders[name]
    if not entry then
      entry = new_entry(minute)
      self.senders[name] = entry
    end
    move(entry, minute)
    local now = totals(counts)
    for _, kind in ipairs(KINDS) do
      entry[kind][MINUTES] = entry[kind][MINUTES] + now[kind] - entry.seen[kind]
    end
    entry.seen = now
  end
end

local function sum(list, from)
  local total = 0
  for i = from, MINUTES do total = total + list[i] end
  return total
end

--- Of a sender: { accepted =, delivered =, failed = lists of 60 minutes, the last one goes on;
-- hour = { accepted =, … }, per_minute = delivered a minute in the last five }.
function rates:of(name)
  local entry = self.senders[name] or new_entry(0)
  local found = { hour = {}, per_minute = sum(entry.delivered, MINUTES - 4) / 5 }
  for _, kind in ipairs(KINDS) do
    found[kind], found.hour[kind] = entry[kind], sum(entry[kind], 1)
  end
  return found
end

--- The same of all of them.
function rates:all()
  local total = new_entry(0)
  for _, entry in pairs(self.senders) do
    for _, kind in ipairs(KINDS) do
      for i = 1, MINUTES do total[kind][i] = total[kind][i] + entry[kind][i] end
    end
  end
  return total
end

function rates:stop() self.task:cancel() end

--- Looks from now on, until stop(). What was counted before belongs to no minute.
return function()
  local self = setmetatable({ senders = {} }, rates)
  local minute = math.floor(core.task.monotonic() / 60)
  for name, counts in pairs(metrics.senders) do
    self.senders[name] = new_entry(minute)
    self.senders[name].seen = totals(counts)
  end
  self.task = core.task.spawn(function()
    while true do
      core.task.sleep(INTERVAL)
      self:look()
    end
  end)
  return self
end
