--- An iFlow endpoint as all senders of the process see it: open, paused, or broken. Internal.
--
-- An answer that concerns the endpoint and not the message (429, 503, no connection, no answer in
-- time) pauses it for every message: afterwards one goes as a probe, and the others follow when it
-- came through. A share of other failures above a limit does the same (the circuit breaker).
--
--   local gate, err = destination:enter(limit)   -- waits while it is paused; see enter
--   gate:fine()  gate:failed(err)  gate:pause(seconds, err)
--
-- gate is to be closed, so that a probe that was cancelled does not block the others.

local clock = require "iflow.clock"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local events = require "iflow.events"
local new_waiters = require "iflow.waiters"

local LOUD = 10        -- seconds of a pause that an operator should know of
local PROBE_PAUSE = 30 -- seconds until the next probe, where there is no breaker to say it

local gate = {}
gate.__index = gate

local destination = { __name = "iflow.destination" }
destination.__index = destination

--- Forgets a probe that ended without a word; lets somebody else be it.
function gate:__close()
  if self.probe then self.owner:release(self) end
end

function destination:release(this)
  this.probe = false
  self.probing = false
  self.waiting:wake_all()
end

-- Remembers an outcome in a ring of the last ones; true when the share of failures is too high.
function destination:note(failed)
  local breaker = self.breaker
  if not breaker or not failed and self.failures == 0 and self.seen == breaker.window then
    return false -- the ring would stay as it is
  end
  self.next = self.next % breaker.window + 1
  if self.ring[self.next] then self.failures = self.failures - 1 end
  self.seen = math.min(self.seen + 1, breaker.window)
  self.ring[self.next] = failed
  if failed then self.failures = self.failures + 1 end
  return failed and self.seen >= breaker.window and self.failures >= breaker.share * breaker.window
end

local function forget(self)
  self.ring, self.next, self.seen, self.failures = {}, 0, 0, 0
end

function destination:pause(seconds, err)
  local now = clock.monotonic()
  if not self.open_at or self.probing then
    self.loud = seconds >= LOUD
    events.write(self.loud and "warn" or "info", "sender", "endpoint_paused",
      ("the endpoint is paused for %s: %s"):format(duration.text(seconds), tostring(err)),
      events.result({ endpoint = self.name, wait = seconds }, err))
  end
  self.open_at = math.max(self.open_at or 0, now + seconds)
  self.last_error = err
end

--- The message came through, or was refused for its own sake.
function gate:fine()
  local owner = self.owner
  owner:note(false)
  if not self.probe then return end
  events.write(owner.loud and "warn" or "info", "sender", "endpoint_resumed",
    "the endpoint answers again", { endpoint = owner.name })
  owner.open_at, owner.strikes, owner.last_error = nil, 0, nil
  forget(owner)
  owner:release(self)
end

--- It failed, but not in a way that says something about the next one.
function gate:failed(err)
  local owner = self.owner
  if owner:note(true) or self.probe then
    self:pause(owner.breaker and owner.breaker.pause or PROBE_PAUSE, err)
  end
end

--- The endpoint wants to be left alone for so long.
function gate:pause(seconds, err)
  local owner = self.owner
  if self.probe or not owner.open_at then owner.strikes = owner.strikes + 1 end
  owner:pause(seconds, err)
  if self.probe then owner:release(self) end
end

--- Whether a message may go right now: a gate, or nil. Does not wait.
function destination:try()
  if not self.open_at then return self.open_gate end -- nothing of its own: one for all
  if self.probing or clock.monotonic() < self.open_at then return nil end
  self.probing = true
  return setmetatable({ owner = self, probe = true }, gate)
end

-- For a message that is given up without having been tried: not what became of another one (it may
-- be in doubt, or have an id), but why nobody gets through.
local function not_tried(self)
  local last = self.last_error
  local err = errors { code = last.outcome == "retryable" and last.code or "call.unavailable",
    message = ("not tried, since %s is paused: %s"):format(self.name, last.message),
    hint = last.hint, status = last.status, retry_after = last.retry_after, cause = last }
  err.outcome = "retryable"
  return err
end

--- Waits until a message may be tried. limit: how many probes in a row may fail until this is given
-- up, as if the message itself had been tried. True, or nil and an error: left to retry.
function destination:wait(limit)
  while self.open_at and (self.probing or clock.monotonic() < self.open_at) do
    if self.strikes >= limit then return nil, not_tried(self) end
    local left = self.open_at - clock.monotonic()
    if left > 0 then
      clock.sleep(left)
    else
      self.waiting:wait()
    end
  end
  return true
end

--- Seconds until it may be tried again; 0 when it is open, or is being probed.
function destination:opens_in()
  return math.max(0, (self.open_at or 0) - clock.monotonic())
end

--- How many times in a row it was found closed: 0 when it is open.
function destination:failures_in_row() return self.strikes end

local module = {}
local all = setmetatable({}, { __mode = "v" }) -- a sender keeps those that it uses often

--- The destination for an address (the URL without query), made when it is first used.
-- breaker: { share =, window =, pause = seconds }, or false for none; of the first who asks.
function module.of(name, breaker)
  local found = all[name]
  if found then return found end
  found = setmetatable({ name = name, breaker = breaker, strikes = 0, probing = false,
    waiting = new_waiters() }, destination)
  found.open_gate = setmetatable({ owner = found, probe = false }, gate)
  forget(found)
  all[name] = found
  return found
end

--- Forgets all of them: for tests.
function module.reset()
  for name in pairs(all) do all[name] = nil end
end

return module
