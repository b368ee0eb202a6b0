--- Many messages through one sender: transforms, bounded concurrency, what became of each.
-- Internal.

local core = require "iflow.core"
local delivery = require "iflow.sender.delivery"
local ending = require "iflow.sender.ending"
local errors = require "iflow.error"
local join = require "iflow.join"
local new_summary = require "iflow.sender.summary"
local new_waiters = require "iflow.waiters"
local transform = require "iflow.transform"

local WINDOW = 8 -- messages that are begun, for each that may be in flight: the others wait for a
                 -- retry, or for their turn
local CONFIRMING = 1024 -- messages more, where they wait for the tenant's log

local current, spawn = core.task.current, core.task.spawn

local sending = {}
sending.__index = sending

local function is_stopped(self) return self.summary.stopped ~= nil or self.failure ~= nil end

-- Keeps the traceback of a text while the stack still stands.
local function with_traceback(err)
  if type(err) ~= "string" then return err end
  return debug.traceback(err, 2)
end

--- Writes down how a message ended, at: the step that it failed in, nil when it was sent.
function sending:account(msg, answer, err, at)
  if err and not err.outcome then err.outcome = "rejected" end
  local outcome = self.summary:count(answer, err)
  if err and not at and ending.concerns_all(err, self.sender.options) then
    self.summary.stopped = self.summary.stopped or err
  end
  ending.tell(self.sender, outcome, msg, answer or err)
  if not self.each then return end
  local ok, failure = xpcall(self.each, with_traceback, msg, answer, err, at)
  -- Whoever counts on being told cannot go on; the others end first.
  if not ok then self.failure = self.failure or failure end
end

function sending:deliver(msg, flight)
  self:account(msg, delivery.deliver(self.sender, msg, flight))
  self.summary.retried = self.summary.retried + flight.retried
  flight.ended = true
end

-- One message on its way, and the place that it takes among those that are begun.
local flight_class = {}
flight_class.__index = flight_class

local function new_flight(run, msg)
  return setmetatable({ run = run, msg = msg, number = run.taken, retried = 0, calling = false,
    ended = false, brief = run.brief, resting = false }, flight_class)
end

-- Wakes whoever gives messages. That task runs when those that are ready have run, so once for all
-- answers that came together.
local function make_room(run)
  if not run.room:is_empty() then run.room:wake() end
end

--- It waits for something else than its call: another may use the time.
function flight_class:rest()
  if self.resting then return end
  self.resting = true
  self.run.active = self.run.active - 1
  make_room(self.run)
end

--- It has ended, however it did.
function flight_class:__close()
  local run = self.run
  run.begun = run.begun - 1
  if not self.resting then run.active = run.active - 1 end
  make_room(run)
end

function sending:work(flight)
  local _ <close> = flight
  self:deliver(flight.msg, flight)
  self.children[current()] = nil
end

-- Waits until one more may begin.
local function has_room(self)
  return self.active < self.concurrency and self.begun < self.window
end

-- A message whose delivery was cancelled: it is in doubt if a call was under way.
local function interrupted(self, flight, at)
  local text = flight.calling and "%s: the sending was interrupted while a call was under way"
    or "%s: the sending was interrupted before it was delivered"
  local err = errors { code = flight.calling and "call.in_doubt" or "task.canceled",
    message = text:format(flight.msg:where()) }
  err.outcome = flight.calling and "in_doubt" or "retryable"
  self:account(flight.msg, nil, err, at)
end

-- A message that was taken when the sending had stopped; at: the step that it is to go on with.
local function not_tried(self, msg, at)
  local why, copy = self.summary.stopped or errors.wrap(self.failure, "script.failed"), {}
  for key, value in pairs(why) do copy[key] = value end
  copy.message = ("%s: not tried: %s"):format(msg:where(), why.message)
  local err = errors(copy)
  err.outcome = "retryable"
  self:account(msg, nil, err, at)
end

-- What is under way, in the order of its beginning; all of it is cancelled.
local function cancel_children(self)
  local flights = {}
  for child, flight in pairs(self.children) do
    child:cancel()
    if not flight.ended then flights[#flights + 1] = flight end
  end
  self.children = {}
  if self.own and not self.own.ended then flights[#flights + 1] = self.own end
  table.sort(flights, function(a, b) return a.number < b.number end)
  return flights
end

--- Ended early: cancels what is under way, and tells what becomes of it.
function sending:__close()
  if self.ended then return end
  self.ended, self.finishing = true, true
  for _, flight in ipairs(cancel_children(self)) do interrupted(self, flight) end
  for _, name in ipairs { "entering", "held" } do
    if self[name] then interrupted(self, new_flight(self, self[name])) end
  end
  if self.pushed then interrupted(self, new_flight(self, self.pushed[1]), self.pushed[2]) end
  self.summary.stopped = self.summary.stopped
    or errors { code = "task.canceled", message = "the sending was interrupted" }
  pcall(self.pipeline.finish, self.pipeline) -- what steps have collected
end

-- Whether the sending has stopped before this message; ends the transforms then, if they go on.
local function refuses(self, msg)
  if not is_stopped(self) then return false end
  not_tried(self, msg)
  if not self.finishing then transform.stop() end
  return true
end

-- What comes out of the transforms.
function sending:sink(msg)
  if self.taken == self.limit then transform.stop() end
  self.taken, self.seen, self.last = self.taken + 1, self.seen + 1, msg
  if refuses(self, msg) then return end
  if self.dry then return self.dry(msg) end
  if self.holds then msg, self.held = self.held, msg end
  self:start(msg)
end

function sending:start(msg)
  if not msg then return end
  if not has_room(self) then
    self.entering = msg
    repeat self.room:wait() until has_room(self)
    self.entering = nil
    if refuses(self, msg) then return end
  end
  local flight = new_flight(self, msg)
  self.children[spawn(self.work, self, flight)] = flight
  self.begun, self.active = self.begun + 1, self.active + 1
end

--- Whether as many messages were taken as there may be.
function sending:is_full() return self.taken == self.limit end

local function same(err) return err end

--- Takes one message; waits when too many are under way. False: no more are taken.
-- at: the step that it begins with, the first one by default.
function sending:push(msg, at)
  if self.taken == self.limit then return false end
  if is_stopped(self) then
    not_tried(self, msg, at or 1)
    return false
  end
  local seen = self.seen
  local ok, err = xpcall(self.pipeline.push, same, self.pipeline, msg, at)
  if not ok and not transform.is_stop(err) then
    if self.seen == seen and type(msg.body) ~= "function" then self.pushed = { msg, at or 1 } end
    error(err, 0)
  end
  return ok and self.taken ~= self.limit and not is_stopped(self)
end

--- No more messages: waits until all have ended. Returns the summary.
function sending:finish()
  self.finishing = true
  local ok, err = xpcall(self.pipeline.finish, same, self.pipeline)
  if not ok and not transform.is_stop(err) then error(err, 0) end
  if self.held then
    local flight = new_flight(self, self.held)
    self.held, self.own = nil, flight
    self:deliver(flight.msg, flight)
  end
  join(self.children)
  self.ended = true
  if self.failure then error(self.failure, 0) end
  return self.summary:finish()
end

--- options: each(msg, answer, err, at) is told of every end; dry(msg) takes messages instead of the
-- endpoint; limit: no more messages than this; holds: the last message is delivered in the caller's
-- own task (for one message).
return function(sender, options)
  local self = setmetatable({ sender = sender, children = {}, summary = new_summary(),
    each = options.each, dry = options.dry, holds = options.holds,
    limit = options.limit, taken = 0, seen = 0,
    window = sender.options.concurrency * WINDOW + (sender.options.confirm and CONFIRMING or 0),
    concurrency = sender.options.concurrency, begun = 0, active = 0, room = new_waiters(),
    brief = not (options.each or sender.options.on_delivered), -- nobody looks at an answer
  }, sending)
  self.pipeline = transform.pipeline(sender.options.transform,
    function(msg) return self:sink(msg) end,
    function(msg, err, at)
      self.seen = self.seen + 1
      self.last = msg
      err.outcome = "rejected"
      self:account(msg, nil, err, at)
    end,
    function() self.summary.skipped = self.summary.skipped + 1 end)
  return self
end
