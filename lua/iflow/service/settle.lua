--- What becomes of a message of the outbox after an attempt: it is written down, until the disk
-- takes it; then whoever waits for it is told. Internal; for pump.lua.

local clock = require "iflow.clock"
local core = require "iflow.core"
local duration = require "iflow.duration"
local ending = require "iflow.sender.ending"
local errors = require "iflow.error"
local metrics = require "iflow.service.metrics"
local events = require "iflow.events"
local guard = require "iflow.guard"

local settle = {}

local FIRST, MOST = 0.5, 30 -- seconds between two tries to write what the disk refuses
local BROKEN = 60           -- seconds until a message is tried again that broke its attempt

-- Words for the log ------------------------------------------------------------------------------

-- One line. result: the answer or the error; more: fields besides, a table of its own.
local function log(pump, level, flight, event, text, result, more)
  if not events.enabled(level, "service") then return end
  local fields = events.of(pump.sender.name, flight.msg, more)
  fields.id, fields.attempt = flight.row.id, flight.row.attempts + 1
  fields.seconds = flight.began and core.task.now() - flight.began
  events.write(level, "service", event, text, events.result(fields, result))
end

-- The same of an error, whose text follows.
local function log_failed(pump, level, flight, event, text, err, more)
  text = ("%s: %s"):format(text, events.reason(flight.row, err))
  log(pump, level, flight, event, text, err, more)
end

-- Writing ----------------------------------------------------------------------------------------

-- What is known must not be forgotten: it would be sent again.
local function write(pump, flight, method, outcome)
  flight.write = { method, outcome }
  pump:enter(flight, "writing")
  local wait = FIRST
  while true do
    local box = pump.service.box
    local changed, err = box[method](box, flight.row, outcome)
    if changed then return end
    log_failed(pump, "error", flight, "outbox_failed", ("the outbox does not take that it is %s, "
      .. "again in %s"):format(method, duration.text(wait)), err, { wait = wait })
    clock.sleep(wait)
    wait = math.min(wait * 2, MOST)
  end
end

-- Outcomes ---------------------------------------------------------------------------------------

local function tell(pump, flight, outcome, answer, err)
  pump:enter(flight, "telling")
  pump.service:tell(pump.sender.name, flight.row.id, answer, err)
  ending.tell(pump.sender, outcome, flight.msg, answer or err)
end

local function delivered(pump, flight, answer)
  local id = answer.message_id
  write(pump, flight, "delivered", { began = flight.began, status = answer.status,
    message_id = id and id ~= "" and #id <= 512 and id or nil })
  metrics.arrived(pump.sender.name, flight.row.created)
  log(pump, "info", flight, "delivered", "delivered", answer)
  tell(pump, flight, "delivered", answer)
end

local function rejected(pump, flight, err)
  write(pump, flight, "rejected", { began = flight.began, error = err })
  log_failed(pump, "warn", flight, "rejected", err.outcome == "retryable"
    and "failed, its retries are used up" or "rejected", err)
  tell(pump, flight, err.outcome or "rejected", nil, err)
end

local function later(pump, flight, err, wait, counts)
  write(pump, flight, "retry", { began = flight.began, error = err,
    not_before = clock.now() + wait, attempted = counts })
  log_failed(pump, "warn", flight, "retry", "failed, again in " .. duration.text(wait), err,
    { wait = wait })
end

local function in_doubt(pump, flight, err)
  write(pump, flight, "in_doubt", { began = flight.began, error = err })
  log_failed(pump, "warn", flight, "in_doubt", "in doubt", err)
  tell(pump, flight, "in_doubt", nil, err)
end

-- Back to where it was: nothing was sent.
local function give_back(pump, flight)
  if flight.started then return write(pump, flight, "retry", { attempted = false }) end
  pump:enter(flight, "telling")
  pump.service.box:release(flight.row)
end

-- The disk did not take that the attempt begins.
local function not_started(pump, flight, err)
  log_failed(pump, "error", flight, "outbox_failed", "it waits, the outbox does not take that its "
    .. "attempt begins", err, { wait = MOST })
  clock.sleep(MOST)
  give_back(pump, flight)
end

--- Writes down how an attempt ended: the results of attempt.lua.
function settle.message(pump, flight, answer, err, wait, counts)
  pump:enter(flight, "deciding") -- it has had its turn
  if answer then
    pump:fine()
    return delivered(pump, flight, answer)
  end
  if flight.unsent then return not_started(pump, flight, err) end
  if ending.holds_all(err, pump.sender.options) then
    pump:pause(err)
    return give_back(pump, flight)
  end
  if guard.note(pump.sender, err) and pump.sender.options.on_limit == "ready"
    and err.outcome ~= "in_doubt" then
    pump:pause(err)
    return give_back(pump, flight)
  end
  if err.status then pump:fine() end
  if err.outcome == "in_doubt" then return in_doubt(pump, flight, err) end
  if wait then return later(pump, flight, err, wait, counts) end
  return rejected(pump, flight, err)
end

-- Flights that end otherwise ---------------------------------------------------------------------

-- Whether the call may have reached the endpoint.
local function may_have_arrived(flight)
  return flight.phase == "calling" or flight.phase == "confirming"
end

local function interrupted_error(flight)
  local err = errors { code = "call.in_doubt", message = flight.msg:where()
    .. ": the service was stopped while a call was under way" }
  err.outcome = "in_doubt"
  return err
end

-- The change that fits a flight which was cancelled; nil: it is given back.
local function change_of(pump, flight)
  if flight.phase == "writing" then return table.unpack(flight.write) end
  if flight.phase == "starting" then return "retry", { attempted = false } end
  if not may_have_arrived(flight) then return nil end
  if not flight.started then return "retry", { began = flight.began, error =
    interrupted_error(flight) } end
  local err = interrupted_error(flight)
  pump.service:tell(pump.sender.name, flight.row.id, nil, err)
  return "in_doubt", { began = flight.began, error = err }
end

--- Of a flight whose task was cancelled: given back, or in doubt when a call was under way.
function settle.interrupted(pump, flight)
  if flight.phase == "telling" then return end
  local box = pump.service.box
  local method, outcome = change_of(pump, flight)
  local ok, err
  if method then
    ok, err = box[method](box, flight.row, outcome)
  else
    ok, err = box:release(flight.row)
  end
  if ok then return end
  log_failed(pump, "error", flight, "outbox_failed", ("the outbox does not take what became of it; "
    .. "it was %s when the service was stopped"):format(flight.phase), err)
end

--- Of a flight that failed by a mistake of ours or of a callback: it is tried again later, or is in
-- doubt when a call was under way.
function settle.broken(pump, flight, err)
  if flight.phase == "telling" then return end
  local ok, failure = pcall(function()
    if may_have_arrived(flight) and flight.started then
      err.outcome = "in_doubt"
      return in_doubt(pump, flight, err)
    end
    if err.code == "script.limit" then -- stopped when its function had just returned
      err.outcome = "rejected"
      return settle.message(pump, flight, nil, err)
    end
    return later(pump, flight, err, BROKEN, true)
  end)
  if ok then return end
  log_failed(pump, "error", flight, "failed", "it cannot be written what became of it", failure)
end

return settle
