--- Delivers one message: order, rate, the endpoint's pauses, attempts and waits. Internal. A pump
-- of a service (lua/iflow/service/pump.lua) makes single attempts of it; its waits are in the
-- outbox.

local clock = require "iflow.clock"
local core = require "iflow.core"
local destinations = require "iflow.sender.destination"
local errors = require "iflow.error"
local lazy = require "iflow.lazy"
local metrics = require "iflow.service.metrics"
local events = require "iflow.events"
local request = require "iflow.sender.request"
local retry = require "iflow.retry"
local trace = require "iflow.trace"

local proof = lazy "iflow.sender.proof"

local now, monotonic = core.task.now, core.task.monotonic

local delivery = {}

-- Errors --------------------------------------------------------------------------------------

local describe = errors.handler "script.failed"

local function is_canceled(err) return errors.is(err) and err.code == "task.canceled" end

--- Calls a function of the script: its results, or nil and an error that rejects the message.
function delivery.guarded(fn, ...)
  local ok, first, second = xpcall(fn, describe, ...)
  if ok then return first, second end
  if is_canceled(first) then error(first, 0) end
  local err = errors.wrap(first, "script.failed")
  err.outcome = "rejected"
  return nil, err
end

local guarded = delivery.guarded

--- Whether it concerns the endpoint, or the way there, and not this message.
function delivery.concerns_endpoint(err)
  local status = err.status or err.cause and err.cause.status
  return status == 429 or status == 503 or err.code == "token.rate_limited"
    or err.code == "token.unavailable" or retry.is_timeout(err) or retry.is_connect(err)
end

-- Destinations --------------------------------------------------------------------------------

-- Functions may make any number of addresses; the last ones are kept, so that they stay paused.
local KEPT = 64

local function full_address(sender, to)
  local address = to:gsub("[?#].*$", "")
  if address:find "^%a+://" then return address end
  return sender.tenant_base .. address
end

local function destination_of(sender, to)
  local last = sender.last_to -- mostly the same one again
  if last and last.to == to and last.base == sender.tenant_base then return last.found end
  local found = destinations.of(full_address(sender, to), sender.options.breaker)
  sender.last_to = { to = to, base = sender.tenant_base, found = found }
  sender.kept_at = sender.kept_at % KEPT + 1
  sender.kept[sender.kept_at] = found
  return found
end

-- Waits for a free place among the calls in flight at a moment when the endpoint is not paused.
local function enter(sender, destination, limit, flight)
  while true do
    if destination.open_at then
      if flight.rest then flight:rest() end -- messages to other endpoints go on
      local ok, err = destination:wait(limit)
      if not ok then return nil, err end
    end
    local slot = sender.slots:acquire()
    local gate = destination:try()
    if gate then return slot, gate end
    slot:release()
  end
end

-- Attempts ------------------------------------------------------------------------------------

-- With what the call has in common with others, or by itself.
local function send(sender, call, msg, flight)
  local tenant = sender.tenant
  if call.common and tenant.rotation then
    local err
    call, err = delivery.prepare(sender, msg)
    if not call then return nil, err end
  end
  if not call.common then return guarded(tenant.send, tenant, call) end
  if tenant.common == call then -- looked at before: nothing of the script can raise in it
    return tenant:send_common(call, msg, flight.brief)
  end
  return guarded(tenant.send_common, tenant, call, msg, flight.brief)
end

-- The call itself; while it is under way, the flight says so. What it raises is the fault of values
-- that functions of the script gave for this message.
local function perform(sender, call, msg, flight)
  if not sender.tenant then -- closed since
    local ok, failure = sender:open()
    if not ok then return nil, failure end
  end
  local _ <close> = clock.work()
  flight.calling = true
  local began = monotonic()
  local answer, err = send(sender, call, msg, flight)
  metrics.attempted(sender.name, err, began)
  flight.calling = false
  return answer, err
end

--- Tells the destination how an attempt ended. What was rejected before anything was sent says
-- nothing about it. wait: how long it is left alone; as the policy says when nil.
function delivery.tell(gate, err, wait, state)
  if delivery.concerns_endpoint(err) then
    local strikes = state.destination:failures_in_row() + 1
    gate:pause(wait or state.policy:pause(err, strikes), err)
  elseif err.outcome ~= "rejected" then
    gate:failed(err)
  elseif err.status then
    gate:fine()
  end
end

-- What follows on an attempt that failed: the error to report, and the wait until the next one.
local function decide(msg, err, gate, state)
  -- A function of the script may send, too; a probe must not wait for that.
  if state.policy.ask then delivery.tell(gate, err, nil, state) end
  local wait, reason = delivery.judge(msg, err, state)
  if not state.policy.ask then
    delivery.tell(gate, err, wait, state)
  elseif wait and delivery.concerns_endpoint(err) and state.destination.open_at then
    state.destination:pause(wait, err)
  end
  return reason or err, wait
end

-- Its time is over before it could be tried again.
local function is_late(state)
  return state.last_error
    and clock.monotonic() - state.began > (state.policy.deadline or math.huge)
end

--- One attempt of the call: answer | nil, err, and what state.decide makes of the error.
-- state: as of delivery.state; state.before(), optional, is asked when the message's turn has come:
-- nil, err keeps it from being sent.
function delivery.attempt(sender, msg, call, state)
  local slot, gate = enter(sender, state.destination, state.limit, state.flight)
  if not slot then return nil, state.last_error or gate end
  local _ <close> = slot
  local _ <close> = gate.probe and gate or nil
  if sender.bucket then sender.bucket:take() end
  if is_late(state) then return nil, state.last_error end
  state.attempt = state.attempt + 1
  msg.attempt = state.attempt
  state.began = state.began or clock.monotonic()
  if state.before then
    local ok, err = state.before()
    if not ok then return nil, err end
  end
  msg.began, msg.address = now(), call.to
  trace.put(call, msg)
  local answer, err = perform(sender, call, msg, state.flight)
  slot:release()
  if answer then
    gate:fine()
    return answer
  end
  err.outcome = err.outcome or (err.retryable and "retryable" or "rejected")
  state.last_error = err
  return nil, state.decide(msg, err, gate, state)
end

--- What attempts of a call share. flight: see deliver. attempt: how many there were; began: when
-- the first one did (monotonic), nil for now; limit: how often the endpoint may be found closed.
function delivery.state(sender, call, flight)
  local policy = sender.options.retry
  return { policy = policy, destination = destination_of(sender, call.to), attempt = 0,
    flight = flight, limit = policy:limit(), decide = decide }
end

--- Whether there is another attempt: its wait; or nil, and why when the script said so.
function delivery.judge(msg, err, state)
  if type(msg.body) == "function" and err.sent ~= "nothing" then return nil end
  local about = { attempt = state.attempt, elapsed = clock.monotonic() - state.began,
    last_wait = state.last_wait, message = msg }
  local wait, reason = guarded(state.policy.wait, state.policy, err, about)
  if reason then reason.outcome = "rejected" end
  state.last_wait = wait
  return wait, reason
end

local function log_retry(sender, msg, err, wait)
  if not events.enabled("info", "sender") then return end
  events.write("info", "sender", "retry", ("failed, again in %.1f s: %s"):format(wait,
    events.reason(msg, msg:about(err))), events.result(events.of(sender.name, msg,
    { attempt = msg.attempt, wait = wait, seconds = core.task.now() - msg.began }), err))
end

-- What the tenant's message log makes of the end of an attempt, where the sender asks it.
local function proven(sender, msg, state, answer, err, wait)
  local flight = state.flight
  if answer and not sender.options.api then return answer end -- there is nobody to ask
  local was_in_doubt = err and err.outcome == "in_doubt"
  if flight.rest and (was_in_doubt or answer and sender.options.confirm) then flight:rest() end
  answer, err = proof.settle(sender, msg, flight, answer, err)
  if not (was_in_doubt and err and err.outcome == "retryable") then return answer, err, wait end
  state.last_error = err
  local reason
  wait, reason = delivery.judge(msg, err, state)
  return nil, reason or err, wait
end

local function attempts(sender, msg, call, flight)
  local state = delivery.state(sender, call, flight)
  while true do
    local answer, err, wait = proven(sender, msg, state,
      delivery.attempt(sender, msg, call, state))
    if answer then return answer end
    if not wait then return nil, msg:about(err) end
    if flight.rest then flight:rest() end
    flight.retried = flight.retried + 1
    log_retry(sender, msg, err, wait)
    clock.sleep(wait)
  end
end

--- What is to be sent for a message: the call that it shares with others, or one of its own.
function delivery.call_of(sender, msg)
  local call = request.common(sender.options, msg)
  if call then return call end
  return delivery.prepare(sender, msg)
end

--- The call that a message becomes (options of tenant:call), or nil and an error that rejects it.
function delivery.prepare(sender, msg)
  local call, err = guarded(request.of, sender.options, msg)
  if call then return call end
  err = msg:about(err)
  err.outcome = "rejected"
  return nil, err
end

local function in_order(sender, msg, flight)
  local call, err = delivery.call_of(sender, msg)
  if not call then return nil, err end
  return attempts(sender, msg, call, flight)
end

-- A key that a function gave, checked.
local function checked_key(order_by, msg)
  local key = order_by(msg)
  local kind = type(key)
  if key == nil or kind == "string" or kind == "boolean" or kind == "number" and key == key then
    return key
  end
  error("the function 'order_by' returns a text or a number, got "
    .. (kind == "number" and "NaN" or kind), 0)
end

--- The key of a message that has to wait for others of the same key, nil for none; nil, err when
-- the function of the script fails.
function delivery.key_of(sender, msg)
  local order_by = sender.options.order_by
  if not order_by then return nil end
  local key, err = guarded(checked_key, order_by, msg)
  return key, err and msg:about(err)
end

--- Delivers a message; waits until it is delivered, rejected, in doubt or given up: answer | nil,
-- err; err.outcome says which.
-- flight: { retried = 0 }, a table of its own: counts the repetitions; flight.calling is true while
-- a call is under way, and stays so when that is cancelled; flight:rest(), optional, is told when
-- the message begins to wait for something else than its call.
function delivery.deliver(sender, msg, flight)
  trace.begin(sender.options, msg)
  if not sender.options.order_by then return in_order(sender, msg, flight) end
  local key, err = delivery.key_of(sender, msg)
  if err then return nil, err end
  if key == nil then return in_order(sender, msg, flight) end
  if flight.rest and sender.order:is_taken(key) then flight:rest() end
  local _ <close> = sender.order:enter(key)
  return in_order(sender, msg, flight)
end

return delivery
