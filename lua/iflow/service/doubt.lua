--- Decides about messages of the outbox that are in doubt, after a crash or because nobody could
-- decide when they were sent: asks the tenant's message log, as the sender's options api and
-- in_doubt say (lua/iflow/sender/proof.lua). Internal; a service has one.
--
--   local running = doubt.start(service)      service.box, .registry, :wake(sender), :tell(…)
--   running:stop(10)
--   running:status()                          { asking =, undecided = }
--
-- What the log decides is written down: delivered, rejected, or ready again when the message did
-- not arrive. What it cannot decide is asked for again later, ever more rarely, unless the sender's
-- policy says what becomes of it. Nothing is sent again without the one or the other.

local clock = require "iflow.clock"
local core = require "iflow.core"
local duration = require "iflow.duration"
local ending = require "iflow.sender.ending"
local errors = require "iflow.error"
local events = require "iflow.events"
local evidence = require "iflow.sender.evidence"
local new_semaphore = require "iflow.semaphore"
local proof = require "iflow.sender.proof"
local stored = require "iflow.sender.stored"

local INTERVAL = 15             -- seconds between two looks at the outbox
local ASKING_MAX = 32           -- messages that are asked for at once
local PAGE = 100                -- messages of one look
local AGAIN, AGAIN_MAX = 60, 3600 -- seconds until an undecided message is asked for again

local doubt = {}

local running = {}
running.__index = running

-- One message ----------------------------------------------------------------------------------

-- What is known of the attempt: an error, and what proof.resolve wants to know. The text of the
-- attempt's own error is in the history.
local function attempt_of(row, msg)
  local last = row.history and row.history[#row.history] or {}
  local code = errors.info(row.code) and row.code or "call.in_doubt"
  local err = errors { code = code, status = row.status, message_id = row.message_id,
    message = ("%s: after attempt %d nobody knew what became of it"):format(msg:where(),
      row.attempts) }
  err.outcome = "in_doubt"
  local ended = last.ended or row.changed
  return err, { began = last.began or row.changed,
    waited = math.max(0, core.task.now() - ended),
    arrived = row.status ~= nil and row.status >= 200 and row.status <= 299 or nil }
end

-- A message of this sender that was delivered shows whether ids are in the logs.
local function remember_one(self, sender, msg)
  if evidence.has(sender, msg) then return end
  local list = self.service.box:list { sender = sender.name, state = "delivered", limit = PAGE }
  for _, row in ipairs(list or {}) do
    if row.message_id then return evidence.remember(sender, { id = row.id }, row.message_id) end
  end
end

local function is_in_doubt(self, row)
  local list, err = self.service.box:list { sender = row.sender, state = "in_doubt",
    after = row.number - 1, limit = 1 }
  if not list then return nil, err end
  return list[1] ~= nil and list[1].number == row.number
end

local words = { delivered = "delivered", rejected = "rejected",
  retryable = "ready again, since it may be sent again" }

local function log(sender, row, outcome, answer, err)
  local fields = events.of(sender.name, row, { attempt = row.attempts, outcome = outcome })
  events.write(outcome == "delivered" and "info" or "warn", "service", "decided",
    ("was in doubt and is %s%s"):format(words[outcome],
      err and ": " .. events.reason(row, err) or ""), events.result(fields, answer or err))
end

-- Writes the decision down and tells of it: true | nil, err of the outbox.
local function write(self, sender, row, msg, answer, err)
  local outcome = answer and "delivered" or err.outcome
  local box, found = self.service.box, answer or err
  local about = { error = err, status = found.status, message_id = found.message_id }
  local changed, failure
  if outcome == "delivered" then
    changed, failure = box:delivered(row.number, about)
  elseif outcome == "rejected" then
    changed, failure = box:rejected(row.number, about)
  else
    changed, failure = box:requeue(row.number, { error = err })
  end
  if not changed then return nil, failure end
  if changed == 0 then return true end
  log(sender, row, outcome, answer, err)
  if outcome ~= "retryable" then
    self.service:tell(sender.name, row.id, answer, err)
    ending.tell(sender, outcome, msg, answer or err)
  end
  self.service:wake(sender.name) -- its key was held back, too
  return true
end

-- Not before then. The first error is told; later ones are the same, mostly.
local function later(self, sender, row, err)
  local known = self.undecided[row.number]
  local wait = math.min(known and known.wait * 2 or AGAIN, AGAIN_MAX)
  self.undecided[row.number] = { at = clock.monotonic() + wait, wait = wait }
  if known then return end
  events.write("warn", "service", "undecided", ("stays in doubt, the log is asked again in %s: %s")
    :format(duration.text(wait), events.reason(row, err)), events.result(events.of(sender.name, row,
    { attempt = row.attempts, wait = wait }), err))
end

local function resolve(self, sender, row, entry)
  local shown, failure = self.service.box:show(row.number)
  if not shown then return nil, failure end
  if shown.state ~= "in_doubt" then return true end
  row.about = shown.about -- for the log
  local msg = stored.message(shown)
  remember_one(self, sender, msg)
  local err, about = attempt_of(shown, msg)
  local answer, decided = proof.resolve(sender, msg, err, about)
  if not answer and decided.outcome == "in_doubt" then
    later(self, sender, row, decided)
    return true
  end
  entry.asking = false -- from here to the end, also when the service stops
  local still
  still, failure = is_in_doubt(self, row)
  if not still then return still ~= nil or nil, failure end -- an operator was quicker
  return write(self, sender, row, msg, answer, decided)
end

local describe = errors.handler "script.failed"

local function work(self, sender, row, entry, permit)
  local _ <close> = permit
  local fine, ok, err = xpcall(resolve, describe, self, sender, row, entry)
  if not fine and errors.is(ok) and ok.code == "task.canceled" then error(ok, 0) end
  if not fine then ok, err = nil, errors.wrap(ok, "script.failed") end
  if not ok and err then later(self, sender, row, err) end
  self.entries[row.number] = nil
end

-- All of them ----------------------------------------------------------------------------------

local function is_due(self, row)
  if self.entries[row.number] then return false end
  local known = self.undecided[row.number]
  return not known or known.at <= clock.monotonic()
end

local function ask(self, sender, row)
  local permit = self.slots:acquire()
  local entry = { asking = true }
  self.entries[row.number] = entry
  entry.task = core.task.spawn(work, self, sender, row, entry, permit)
end

local function decides(sender)
  local options = sender and sender.options
  return options and (options.api ~= nil or options.in_doubt.policy ~= "hold")
end

-- One look at a sender's messages. seen: numbers that are in doubt.
local function scan(self, sender, seen)
  local after = 0
  while true do
    local list = self.service.box:list { sender = sender.name, state = "in_doubt", after = after,
      limit = PAGE }
    if not list or #list == 0 then return end
    for _, row in ipairs(list) do
      seen[row.number] = true
      if is_due(self, row) then ask(self, sender, row) end
    end
    after = list[#list].number
  end
end

local function turn(self)
  local counts = self.service.box:counts()
  if counts and counts.in_doubt == 0 then
    self.undecided = {}
    return
  end
  local seen = {}
  for _, name in ipairs(self.service.registry.names) do
    local sender = self.service.registry.senders[name]
    if decides(sender) then scan(self, sender, seen) end
  end
  for number in pairs(self.undecided) do
    if not seen[number] then self.undecided[number] = nil end
  end
end

local function run(self)
  while true do
    local ok, err = xpcall(turn, describe, self)
    if not ok and errors.is(err) and err.code == "task.canceled" then error(err, 0) end
    if not ok then events.write("error", "service", "failed", "messages in doubt: "
      .. tostring(err), {}) end
    clock.sleep(INTERVAL)
  end
end

--- Ends it: what is being written is finished within `limit` seconds, the rest stays in doubt. May
-- be repeated.
function running:stop(limit)
  self.task:cancel()
  local deadline = core.task.monotonic() + limit
  for _, entry in pairs(self.entries) do
    if entry.asking then
      entry.task:cancel()
    else
      entry.task:join(math.max(0, deadline - core.task.monotonic()))
    end
  end
  self.entries = {}
end

--- { asking = messages that are asked for right now, undecided = that will be asked for again }
function running:status()
  local asking, undecided = 0, 0
  for _ in pairs(self.entries) do asking = asking + 1 end
  for _ in pairs(self.undecided) do undecided = undecided + 1 end
  return { asking = asking, undecided = undecided }
end

--- Starts it for a service.
function doubt.start(service)
  local self = setmetatable({ service = service, entries = {}, undecided = {},
    slots = new_semaphore(ASKING_MAX) }, running)
  self.task = core.task.spawn(run, self)
  return self
end

return doubt
