--- Delivers one message: order, rate, the endpoint's pauses, attempts and waits. Internal.

local clock = require "iflow.clock"
local core = require "iflow.core"
local destinations = require "iflow.sender.destination"
local errors = require "iflow.error"
local request = require "iflow.sender.request"
local retry = require "iflow.retry"

local delivery = {}

-- Errors --------------------------------------------------------------------------------------

local function with_place(msg, err)
  local where = msg:where()
  if err.message:find(where, 1, true) then return err end
  local copy = {}
  for key, value in pairs(err) do copy[key] = value end
  copy.message = where .. ": " .. err.message
  return errors(copy)
end

-- Keeps the traceback while the stack still stands.
local function describe(err)
  if type(err) ~= "string" then return err end
  return errors { code = "script.failed", message = err, traceback = debug.traceback("", 2) }
end

local function is_canceled(err) return errors.is(err) and err.code == "task.canceled" end

-- Calls a function of the script: its results, or nil and an error that rejects the message.
local function guarded(fn, ...)
  local ok, first, second = xpcall(fn, describe, ...)
  if ok then return first, second end
  if is_canceled(first) then error(first, 0) end
  local err = errors.wrap(first, "script.failed")
  err.outcome = "rejected"
  return nil, err
end

-- What concerns the endpoint, or the way there, and not this message.
local function concerns_all(err)
  local status = err.status or err.cause and err.cause.status
  return status == 429 or status == 503 or err.code == "token.rate_limited"
    or err.code == "token.unavailable" or retry.is_timeout(err) or retry.is_connect(err)
end

-- Destinations --------------------------------------------------------------------------------

-- Functions may make any number of addresses; the last ones are kept, so that they stay paused.
local KEPT = 64

local function destination_of(sender, to)
  local address = to:gsub("[?#].*$", "")
  if not address:find "^%a+://" then address = sender.tenant_base .. address end
  local found = destinations.of(address, sender.options.breaker)
  sender.kept_at = sender.kept_at % KEPT + 1
  sender.kept[sender.kept_at] = found
  return found
end

-- Waits for a free place among the calls in flight at a moment when the endpoint is not paused.
local function enter(sender, destination, limit)
  while true do
    local ok, err = destination:wait(limit)
    if not ok then return nil, err end
    local slot = sender.slots:acquire()
    local gate = destination:try()
    if gate then return slot, gate end
    slot:release()
  end
end

-- Attempts ------------------------------------------------------------------------------------

-- One attempt: answer | nil, err, wait. wait is nil when there is no further one.
local function attempt(sender, msg, call, state)
  local slot, gate = enter(sender, state.destination, state.policy:limit())
  if not slot then return nil, gate end
  local _ <close> = slot
  local _ <close> = gate
  if sender.bucket then sender.bucket:take() end
  msg.attempt = msg.attempt + 1
  state.began = state.began or clock.monotonic()
  local answer, err
  do
    local _ <close> = clock.work()
    answer, err = sender.tenant:call(call)
  end
  if answer then
    gate:fine()
    return answer
  end
  err.outcome = err.outcome or (err.retryable and "retryable" or "rejected")
  local wait, reason = delivery.judge(msg, err, state)
  if concerns_all(err) then
    local strikes = state.destination:failures_in_row() + 1
    gate:pause(wait or state.policy:pause(err, strikes), err)
  elseif err.outcome == "rejected" then
    gate:fine()
  else
    gate:failed(err)
  end
  return nil, reason or err, wait
end

--- Whether there is another attempt: its wait; or nil, and why when the script said so.
function delivery.judge(msg, err, state)
  if type(msg.body) == "function" and msg.attempt >= 1 and err.sent ~= "nothing" then return nil end
  local about = { attempt = msg.attempt, elapsed = clock.monotonic() - state.began,
    last_wait = state.last_wait, message = msg }
  local wait, reason = guarded(state.policy.wait, state.policy, err, about)
  if reason then reason.outcome = "rejected" end
  state.last_wait = wait
  return wait, reason
end

local function log_retry(sender, msg, err, wait)
  if not core.log.enabled "info" then return end
  core.log.write("info", "sender", ("%s: %s, attempt %d failed, again in %.1f s: %s"):format(
    sender.name, msg:where(), msg.attempt, wait, tostring(err)))
end

local function attempts(sender, msg, call)
  local state = { policy = sender.options.retry, destination = destination_of(sender, call.to) }
  while true do
    local answer, err, wait = attempt(sender, msg, call, state)
    if answer then return answer end
    if not wait then return nil, with_place(msg, err) end
    sender.retried = sender.retried + 1
    log_retry(sender, msg, err, wait)
    clock.sleep(wait)
  end
end

--- The call that a message becomes (options of tenant:call), or nil and an error that rejects it.
function delivery.prepare(sender, msg)
  local call, err = guarded(request.of, sender.options, msg)
  if call then return call end
  err = with_place(msg, err)
  err.outcome = "rejected"
  return nil, err
end

local function in_order(sender, msg)
  local call, err = delivery.prepare(sender, msg)
  if not call then return nil, err end
  return attempts(sender, msg, call)
end

--- Delivers a message; waits until it is delivered, rejected, in doubt or given up: answer | nil,
-- err; err.outcome says which.
function delivery.deliver(sender, msg)
  local order_by = sender.options.order_by
  if not order_by then return in_order(sender, msg) end
  local key, err = guarded(order_by, msg)
  if err then return nil, with_place(msg, err) end
  if key == nil then return in_order(sender, msg) end
  local _ <close> = sender.order:enter(key)
  return in_order(sender, msg)
end

return delivery
