--- The pump of a sender: takes messages from the outbox and delivers them, several at once, until
-- it is stopped. Internal; lua/iflow/service.lua has one for each sender.
--
-- A message that is taken is a flight: a task of its own. It waits for its turn (concurrency, rate,
-- pauses of the endpoint: as in send), makes one attempt (attempt.lua), and writes down what became
-- of it. Waits between attempts are in the outbox, where they outlast a restart and hold up nobody.
-- What the pump has to know comes by wake(): something was stored, a flight has ended.

local clock = require "iflow.clock"
local core = require "iflow.core"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local events = require "iflow.events"
local guard = require "iflow.guard"
local new_attempt = require "iflow.service.attempt"
local new_waiters = require "iflow.waiters"
local settle = require "iflow.service.settle"
local stored = require "iflow.sender.stored"

local CLAIM = 32            -- messages of one claim
local WINDOW = 8            -- flights for each call that may be under way
local CONFIRMING_MAX = 1024 -- flights that wait for a confirmation; they are beside the window
local DISK_PAUSE = 5        -- seconds, when the outbox does not give out messages
local PAUSE, PAUSE_MAX = 30, 300 -- seconds, when nothing of the sender can be delivered
local MOMENT = 0.005        -- seconds; the outbox counts in milliseconds
local LOOK = 60             -- seconds until it is found out that the machine has slept

local pump = {}
pump.__index = pump

-- Waiting -----------------------------------------------------------------------------------------

--- Something has changed: looks again.
function pump:wake()
  self.woken = true
  self.sleeping:wake(true)
end

local function alarm(self, seconds)
  clock.sleep(seconds)
  self:wake()
end

-- Waits until wake(), for `seconds` at most where they are given.
local function rest(self, seconds)
  if self.woken then return end
  local task = seconds and core.task.spawn(alarm, self, seconds)
  local _ <close> = setmetatable({}, { __close = function()
    if task then task:cancel() end
  end })
  self.sleeping:wait()
end

-- Waits for what is due then; nil: for whatever comes.
local function rest_until(self, due)
  return rest(self, due and math.min(math.max(0, due - clock.now()) + MOMENT, LOOK))
end

-- The end of flights ------------------------------------------------------------------------------

local function ended(self, flight)
  if not self.flights[flight] then return end
  self.flights[flight] = nil
  self.count = self.count - 1
  if flight.phase == "confirming" then self.confirming = self.confirming - 1 end
  self:wake()
  if self.count == 0 then self.landed:wake_all(true) end
end

-- Cancels the flights that `which` selects, and writes down what becomes of them.
local function cancel(self, which)
  local list = {}
  for flight in pairs(self.flights) do
    if which(flight) then list[#list + 1] = flight end
  end
  for _, flight in ipairs(list) do flight.task:cancel() end
  for _, flight in ipairs(list) do
    settle.interrupted(self, flight)
    ended(self, flight)
  end
end

-- Those that have not had their turn are given back.
local function cancel_waiting(self)
  cancel(self, function(flight) return flight.phase == "waiting" end)
end

-- Pauses ------------------------------------------------------------------------------------------

--- Nothing of this sender can be delivered (refused credentials, wrong configuration): messages
-- stay ready, and one is tried after a while.
function pump:pause(err)
  if self.paused then return end
  self.pauses = self.pauses + 1
  local seconds = math.min(PAUSE * 2 ^ (self.pauses - 1), PAUSE_MAX)
  self.paused = { until_ = clock.monotonic() + seconds, error = err }
  events.write("error", "service", "paused", ("nothing can be delivered, again in %s: %s"):format(
    duration.text(seconds), tostring(err)), events.result(events.of(self.sender.name, nil,
    { wait = seconds }), err))
  cancel_waiting(self)
  self:wake()
  self.service:changed()
end

--- A message came as far as the endpoint: the credentials and the configuration are well.
function pump:fine()
  if self.pauses == 0 then return end
  events.write("warn", "service", "resumed", "messages are delivered again",
    events.of(self.sender.name))
  self.pauses, self.paused = 0, nil
  self:wake()
end

--- The credentials were exchanged: one message is tried at once.
function pump:renewed()
  if not self.paused then return end
  self.paused.until_ = clock.monotonic()
  self:wake()
end

-- True when it is over.
local function wait_out(self)
  local left = self.paused.until_ - clock.monotonic()
  if left <= 0 then
    self.paused = nil
    return
  end
  self.woken = false
  rest(self, left)
end

-- Claiming ----------------------------------------------------------------------------------------

-- How many more flights there may be. After a pause one goes ahead.
local function room(self)
  if self.pauses > 0 then return self.count == 0 and 1 or 0 end
  local here = self.window - (self.count - self.confirming)
  return math.min(here, self.window + CONFIRMING_MAX - self.count, CLAIM)
end

local function start_all(self, list)
  for _, row in ipairs(list) do
    local flight = { row = row, msg = stored.message(row), phase = "waiting", began = nil }
    flight.task = core.task.spawn(self.fly, self, flight)
    flight.task:label(("the sender '%s', message %s"):format(self.sender.name, row.id))
    self.flights[flight] = true
    self.count = self.count + 1
  end
end

-- Whether there is room for so many flights that a look at the outbox is worth it: while there is a
-- backlog it is fetched in bunches.
local function has_room(self) return room(self) >= (self.pauses > 0 and 1 or self.least) end

-- One look at the outbox, or a wait.
local function turn(self)
  if self.paused then return wait_out(self) end
  self.woken, self.idle = false, false -- until the outbox has said so again
  if not has_room(self) then return rest(self) end
  self.idle = false
  local opened, failure = self.sender:open()
  if not opened then return self:pause(failure) end
  local list, due = self.service.box:claim(self.sender.name, room(self), clock.now())
  if not list then return self:trouble(due) end
  start_all(self, list)
  self.least = #list > 0 and self.batch or 1
  self.idle, self.due = #list == 0, due
  if #list > 0 then return end
  self.service:changed()
  rest_until(self, due)
end

--- The outbox itself fails: waits a little.
function pump:trouble(err)
  events.write("error", "service", "outbox_failed", "the outbox gives out no messages: "
    .. tostring(err), events.of(self.sender.name, nil, { code = err.code, wait = DISK_PAUSE }))
  clock.sleep(DISK_PAUSE)
end

local function is_canceled(err) return errors.is(err) and err.code == "task.canceled" end

local describe = errors.handler "script.failed"

-- Goes on whatever happens.
local function run(self)
  while not self.stopping do
    local ok, err = xpcall(turn, describe, self)
    if not ok then
      if is_canceled(err) then error(err, 0) end
      self:trouble(err)
    end
  end
end

-- Flights -----------------------------------------------------------------------------------------

--- What a flight is at: "waiting", "starting", "calling", "confirming", "deciding", "writing",
-- "telling".
function pump:enter(flight, phase)
  if (phase == "confirming") ~= (flight.phase == "confirming") then
    self.confirming = self.confirming + (phase == "confirming" and 1 or -1)
    self:wake()
  end
  flight.phase = phase
end

-- A message's whole way, in its own task.
function pump:fly(flight)
  local ok, err = xpcall(function()
    guard.rest(self.sender)
    settle.message(self, flight, new_attempt(self, flight))
  end, describe)
  if ok then return ended(self, flight) end
  if is_canceled(err) then error(err, 0) end -- stop says what becomes of it
  err = errors.wrap(err, "script.failed")
  events.write("error", "service", "failed", tostring(err) .. (err.traceback or ""),
    events.of(self.sender.name, flight.msg, { code = err.code, attempt = flight.row.attempts + 1 }))
  settle.broken(self, flight, err)
  ended(self, flight)
end

-- From start to stop ------------------------------------------------------------------------------

function pump:start()
  self.task = core.task.spawn(run, self)
  return self
end

--- Takes no more messages; gives back those that have not had their turn.
function pump:hold()
  if self.held then return end
  self.stopping, self.held = true, true
  self.task:cancel()
  cancel_waiting(self)
end

--- Takes no more messages, since another pump of this sender does: gives back those that have not
-- had their turn. A claim that is under way still brings some.
function pump:retire()
  if self.stopping then return end
  self.stopping = true
  self:wake()
  cancel_waiting(self)
end

--- After retire: waits for the end of what is under way.
function pump:landing()
  self.task:join()
  cancel_waiting(self)
  while self.count > 0 do self.landed:wait() end
end

--- After hold: waits up to `seconds` for what is under way, and cancels the rest.
function pump:stop(seconds)
  if self.count > 0 and seconds > 0 then self.landed:wait(seconds) end
  cancel(self, function() return true end)
end

--- Nothing is under way, ready, or due within `seconds`.
function pump:is_empty(seconds)
  return self.idle and self.count == 0 and not self.woken
    and not (self.due and self.due <= clock.now() + seconds)
end

--- { in_flight =, waiting = of these for their turn, confirming =, paused = why or nil }
function pump:status()
  local waiting = 0
  for flight in pairs(self.flights) do
    if flight.phase == "waiting" then waiting = waiting + 1 end
  end
  return { in_flight = self.count, waiting = waiting, confirming = self.confirming,
    paused = self.paused and tostring(self.paused.error) or nil }
end

--- The pump of a sender for a service; start() begins.
return function(service, sender)
  local window = sender.options.concurrency * WINDOW
  return setmetatable({ service = service, sender = sender, window = window,
    batch = math.min(CLAIM, window // 2), least = 1, flights = {}, count = 0, confirming = 0,
    pauses = 0, patient = 0, idle = false, woken = false, sleeping = new_waiters(),
    landed = new_waiters() }, pump)
end
