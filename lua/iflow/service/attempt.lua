--- One attempt to deliver a message of the outbox, and what follows from it. Internal; for
-- pump.lua.
--
-- The policy of the sender counts attempts over restarts: the outbox knows how many there were.
-- What concerns the endpoint and kept the message from being taken (no connection, 429, 503, no
-- token) uses up none of them: the endpoint is paused, and the message waits as long as it takes,
-- up to the policy's deadline, which counts from when the message was accepted.

local clock = require "iflow.clock"
local core = require "iflow.core"
local delivery = require "iflow.sender.delivery"
local again = require "iflow.service.again"
local proof = require "iflow.sender.proof"
local retry = require "iflow.retry"

local ASIDE = 10 -- seconds; at most so much later than a closed endpoint opens

-- Whether the endpoint took nothing of it.
local function took_nothing(err)
  if err.outcome ~= "retryable" or not delivery.concerns_endpoint(err) then return false end
  return err.status == 429 or err.status == 503 or err.sent == "nothing"
    or err.code:find "^token%." ~= nil or retry.is_connect(err)
end

-- What follows on an attempt that failed: the error, the wait until the next one or nil, and
-- whether the attempt counts.
local function decide(msg, err, gate, state)
  if state.policy.ask then
    delivery.tell(gate, err, nil, state)
    local wait, reason = delivery.judge(msg, err, state)
    return reason or err, wait, not took_nothing(err)
  end
  if took_nothing(err) then
    local wait = state.policy:pause(err, state.destination:failures_in_row() + 1)
    delivery.tell(gate, err, wait, state)
    local elapsed = clock.monotonic() - state.began
    if elapsed + wait > (state.policy.deadline or math.huge) then return err end
    return err, wait, false
  end
  local wait, reason = delivery.judge(msg, err, state)
  delivery.tell(gate, err, nil, state)
  return reason or err, wait, true
end

-- Before the first byte, for senders that must not repeat blindly: on disk.
local function start(pump, flight)
  pump:enter(flight, "starting")
  local changed, err = pump.service.box:start(flight.row)
  if not changed then
    flight.unsent = true
    return nil, err
  end
  flight.started = true
  return true
end

-- Where the address comes from the message, some endpoints may be closed and others not: half of
-- the window may wait in it for closed ones, what is more goes back into the outbox for a while.
local function patience(pump, flight)
  if type(pump.sender.options.to) ~= "function" then return math.huge end
  if pump.patient >= pump.window // 2 then return 0 end
  pump.patient = pump.patient + 1
  flight.patient = true
  return math.huge
end

local function lose_patience(pump, flight)
  if not flight.patient then return end
  pump.patient = pump.patient - 1
  flight.patient = false
end

local function before(pump, flight)
  local options = pump.sender.options
  return function()
    lose_patience(pump, flight)
    flight.began = core.task.now()
    flight.msg.began = flight.began
    if not options.idempotent or options.confirm then
      local ok, err = start(pump, flight)
      if not ok then return nil, err end
    end
    pump:enter(flight, "calling")
    return true
  end
end

local function state_of(pump, flight, call)
  local row = flight.row
  local state = delivery.state(pump.sender, call, flight)
  state.decide, state.attempt = decide, row.attempts
  state.began = clock.monotonic() - math.max(0, clock.now() - row.created)
  state.last_wait = row.not_before and row.not_before - row.changed or nil
  state.before = before(pump, flight)
  return state
end

-- What the tenant's message log and the sender's policy say of an answer, or of a call whose
-- outcome is unknown.
local function prove(pump, flight, answer, err)
  local options, sender = pump.sender.options, pump.sender
  if answer then
    if options.confirm then pump:enter(flight, "confirming") end
    return proof.confirm(sender, flight.msg, answer)
  elseif err.outcome == "in_doubt" then
    if options.api then pump:enter(flight, "confirming") end
    return proof.resolve(sender, flight.msg, err)
  end
  return nil, err
end

-- The error that names the message; its outcome stays.
local function placed(flight, err)
  local about = flight.msg:about(err)
  about.outcome = err.outcome
  return about
end

--- Makes the attempt: answer; or nil, err, the wait until the next one (nil: none), and whether
-- this one counts.
return function(pump, flight)
  local sender = pump.sender
  if flight.row.about and flight.row.about.step then
    local answer, err, wait = again(pump, flight)
    if answer or err then return answer, err, wait, false end
  end
  local call, wrong = delivery.call_of(sender, flight.msg)
  if not call then return nil, wrong end
  local state = state_of(pump, flight, call)
  state.limit = patience(pump, flight)
  local _ <close> = setmetatable({}, { __close = function() lose_patience(pump, flight) end })
  local answer, err, wait, counts = delivery.attempt(sender, flight.msg, call, state)
  if flight.phase == "waiting" then -- not tried, the endpoint is closed
    return nil, err, state.destination:opens_in() + ASIDE * math.random(), false
  end
  if flight.unsent then return nil, err end
  if err and err.outcome == nil then err.outcome = "rejected" end
  local asked = answer or err.outcome == "in_doubt"
  answer, err = prove(pump, flight, answer, err)
  if answer then return answer end
  -- It did not arrive, or is to be repeated: the policy says when.
  if asked and err.outcome == "retryable" then
    wait, counts = delivery.judge(flight.msg, err, state), true
  end
  return nil, placed(flight, err), wait, counts
end
