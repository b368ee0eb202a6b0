--- What the tenant's message log says of one message: whether it is through (confirm), and what
-- became of it when nobody knows (resolve). Internal; for sender:send, the pumps of a service and
-- its resolver (lua/iflow/service/doubt.lua).
--
-- A message is found by its message processing log id, where an answer gave one, else by its own
-- id, the ApplicationMessageId. Of several logs of one id, one that is COMPLETED decides; else one
-- that is not over is waited for; else the last failure counts, unless all began before this
-- attempt.
--
-- That a log is missing only proves something where it would have been found: evidence.lua.

local clock = require "iflow.clock"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local events = require "iflow.events"
local evidence = require "iflow.sender.evidence"
local message_log = require "iflow.lazy" "iflow.message_log"
local new_semaphore = require "iflow.semaphore"

local TEXT_MAX = 1000 -- bytes of the log's text about a failure
local TOLD = 60       -- seconds between two lines of the log about the same trouble

local proof = {}

local LEVEL_HINT = "without SAP_ApplicationID in the Allowed Headers of the flow's channel, or "
  .. "with log level NONE, its logs cannot be found"

-- The client -----------------------------------------------------------------------------------

-- The sender's client of the log, opened when it is first needed: log | nil, err.
local function log_of(sender)
  sender.opening_log = sender.opening_log or new_semaphore(1)
  local _ <close> = sender.opening_log:acquire()
  if sender.message_log then return sender.message_log end
  local ok, log, err = pcall(message_log, sender.options.api)
  if not ok then
    if errors.is(log) then error(log, 0) end -- cancelled
    return nil, errors { code = "usage.invalid",
      message = ("option 'api' of the sender '%s': %s"):format(sender.name,
        (tostring(log):gsub("^[^:]*:%d+: ", ""))) }
  end
  sender.message_log = log or nil
  return log, err
end

--- Opens the client of the log, where the sender has the option api: true | nil, err, when its
-- credential cannot be read.
function proof.open(sender)
  if not sender.options.api then return true end
  local log, err = log_of(sender)
  return log and true, err
end

--- Closes what was opened; it is opened again when it is needed.
function proof.close(sender)
  local log = sender.message_log
  sender.message_log = nil
  if log then log:close() end
end

-- Whoever cannot ask is told of; not for each message, when all meet the same.
local function tell(sender, err)
  local now = clock.monotonic()
  if sender.log_told and sender.log_told.code == err.code and now - sender.log_told.at < TOLD then
    return
  end
  sender.log_told = { code = err.code, at = now }
  events.write("warn", "sender", "log_failed", "the message log cannot decide: " .. tostring(err),
    events.result(events.of(sender.name), err))
end

-- Asking ---------------------------------------------------------------------------------------

local function is_transient(err)
  return err.retryable or err.outcome == "retryable" or err.outcome == "in_doubt"
    or (err.status or 0) >= 500
end

-- One look: verdict, entry | nil, err.
local function look(sender, msg, what)
  local log, failure = log_of(sender)
  if not log then return nil, failure end
  if what.message_id then
    local entry, err = log:find(what.message_id)
    if err then return nil, err end
    if entry then return message_log.judge { entry } end
  end
  if not what.id then return "none" end
  local list, err = log:search(what.id)
  if not list then return nil, err end
  local first = list[1]
  if first and first.application_id == what.id then
    evidence.remember(sender, msg, first.message_id, true)
  end
  return message_log.judge(list, what.began and what.began - evidence.SKEW)
end

local final = { delivered = true, failed = true }

-- Looks again and again, ever more rarely: a final verdict and its entry; or, when the time is
-- over, what was seen last: "open" and the entry, "stale", "none", or "unknown" and an error. An
-- error that will not go away ends it at once.
-- what: { message_id =, id =, began = seconds since 1970, waited = seconds since the call ended },
-- limits: { wait = for a log to appear, running = for its end }.
local function poll(sender, msg, what, limits)
  local began, pause = clock.monotonic() - (what.waited or 0), sender.options.in_doubt.first
  while true do
    local verdict, entry = look(sender, msg, what)
    if final[verdict] then return verdict, entry end
    if not verdict and not is_transient(entry) then return "unknown", entry end
    local limit = verdict == "open" and limits.running or limits.wait
    local left = limit - (clock.monotonic() - began)
    if left <= 0 then return verdict or "unknown", entry end
    local asked = not verdict and entry.retry_after or 0
    clock.sleep(math.min(left, math.max(pause, asked)))
    pause = math.min(pause * 2, sender.options.in_doubt.max)
  end
end

-- Outcomes -------------------------------------------------------------------------------------

local function copy_of(err)
  local copy = {}
  for name, field in pairs(err) do copy[name] = field end
  return copy
end

-- The error that takes the place of another one; outcome and log are no fields that errors know.
local function changed(err, fields, outcome)
  local copy = copy_of(err)
  for name, field in pairs(fields) do copy[name] = field end
  local made = errors(copy)
  made.outcome, made.log = outcome, fields.log
  return made
end

-- What the log says of a failure, in one line.
local function reason_of(sender, entry)
  local log, err = log_of(sender)
  local text
  if log then text, err = log:error_text(entry.message_id) end
  if text then return ": " .. text:gsub("%s+", " "):sub(1, TEXT_MAX) end
  return err and (" (its text cannot be read: %s)"):format(err.message) or ""
end

-- cause: the error that was in doubt, nil after an answer, whose status is not handed on: it was no
-- refusal.
local function failed(sender, msg, entry, cause)
  local fields = { code = "call.flow_failed", retryable = false, message_id = entry.message_id,
    message = ("%s: %sits message processing log %s is %s%s"):format(msg:where(),
      cause and "" or "it was answered, but ", entry.message_id, entry.status,
      reason_of(sender, entry)),
    hint = "look at that message in the monitor; correct it or the flow before it is sent again",
    log = entry }
  return changed({ cause = cause }, fields, "rejected")
end

-- The log does not decide. arrived: the message is known to have reached the flow, so that no
-- policy sends it again or gives it up.
local function undecided(sender, err, why, hint, arrived)
  local policy = not arrived and sender.options.in_doubt.policy or "hold"
  local outcomes = { hold = "in_doubt", ["repeat"] = "retryable", reject = "rejected" }
  return changed(err, { message = err.message .. "; " .. why, hint = hint or err.hint,
    retryable = policy == "repeat" }, outcomes[policy])
end

local function not_arrived(err, wait)
  return changed(err, { code = "call.not_arrived", retryable = true, cause = err,
    message = ("%s; the message log has nothing of it after %s: it did not arrive"):format(
      err.message, duration.text(wait)), hint = "it is sent again" }, "retryable")
end

-- Resolving ------------------------------------------------------------------------------------

local function unknown(sender, what, doubt, err)
  tell(sender, err)
  return nil, undecided(sender, doubt, "the message log cannot be asked: " .. err.message,
    err.hint, what.arrived)
end

-- No log is there after all that time.
local function missing(sender, msg, what, doubt)
  if what.arrived then
    return nil, undecided(sender, doubt, "its message log is not there", LEVEL_HINT, true)
  end
  local log, err = log_of(sender)
  if not log then return unknown(sender, what, doubt, err) end
  local found, why = evidence.is_conclusive(sender, log, msg, what.began)
  if found then return nil, not_arrived(doubt, sender.options.in_doubt.wait) end
  return nil, undecided(sender, doubt, "the message log has nothing of it, which proves nothing: "
    .. why, LEVEL_HINT)
end

local function still_open(sender, doubt, entry)
  local err = undecided(sender, doubt, ("it arrived, and its message processing log %s is still %s")
    :format(entry.message_id, entry.status), "look at that message in the monitor", true)
  err.message_id, err.log = entry.message_id, entry
  return nil, err
end

local function decide(sender, msg, what, doubt)
  local verdict, entry = poll(sender, msg, what, sender.options.in_doubt)
  if verdict == "delivered" then
    return { outcome = "delivered", message_id = entry.message_id, headers = {}, body = "",
      log = entry }
  end
  if verdict == "failed" then return nil, failed(sender, msg, entry, doubt) end
  if verdict == "open" then return still_open(sender, doubt, entry) end
  if verdict == "unknown" then return unknown(sender, what, doubt, entry) end
  if verdict == "none" then return missing(sender, msg, what, doubt) end
  return nil, undecided(sender, doubt, "the message log tells of earlier attempts only", nil,
    what.arrived)
end

--- Decides about a message that is in doubt (err.outcome): answer | nil, err. Waits, as
-- options.in_doubt says. What the log decides: an answer { outcome = "delivered", message_id, log,
-- headers = {}, body = "" } without status, which is lost; err.outcome "rejected" when the flow
-- failed, with the text of its error; "retryable" when the message did not arrive. Otherwise, and
-- without the option api, the policy decides: in_doubt as before, "retryable" or "rejected".
-- about, optional: { began =, waited = } as in poll, { arrived = true } when an answer had come;
-- else msg.began counts, and the call has just ended.
function proof.resolve(sender, msg, err, about)
  if err.outcome ~= "in_doubt" then return nil, err end
  if not sender.options.api then
    if sender.options.in_doubt.policy == "hold" then return nil, err end
    return nil, undecided(sender, err, "so the sender's option in_doubt says what becomes of it")
  end
  local what = { message_id = err.message_id, id = evidence.id_of(sender, msg), began = msg.began }
  for name, field in pairs(about or {}) do what[name] = field end
  if not what.id and not what.message_id then
    return nil, undecided(sender, err, "the message log cannot be asked for it, since it has no id "
      .. "that a log would keep")
  end
  what.arrived = what.arrived or what.message_id ~= nil -- only the flow gives such an id
  return decide(sender, msg, what, err)
end

-- Confirming -----------------------------------------------------------------------------------

local function unconfirmed(msg, answer, why, hint)
  local err = errors { code = "call.in_doubt", status = answer.status,
    message_id = answer.message_id, hint = hint,
    message = ("%s: it was answered with %d, but not confirmed: %s"):format(msg:where(),
      answer.status, why) }
  err.outcome = "in_doubt"
  return nil, err
end

local function wait_for_end(sender, msg, answer)
  local timeout = sender.options.confirm.timeout
  local verdict, entry = poll(sender, msg, { message_id = answer.message_id,
    id = evidence.id_of(sender, msg), began = msg.began }, { wait = timeout, running = timeout })
  if verdict == "delivered" then
    answer.log = entry
    return answer
  elseif verdict == "failed" then
    return nil, failed(sender, msg, entry)
  elseif verdict == "open" then
    return unconfirmed(msg, answer, ("its message processing log %s is still %s after %s"):format(
      entry.message_id, entry.status, duration.text(timeout)))
  elseif verdict == "unknown" then
    tell(sender, entry)
    return unconfirmed(msg, answer, "the message log cannot be asked: " .. entry.message,
      entry.hint)
  end
  return unconfirmed(msg, answer, "there is no log of it after " .. duration.text(timeout),
    LEVEL_HINT)
end

--- To be called for every answer. With the option confirm it waits until the log says that the flow
-- has done its work: the answer (answer.log is the log's entry) | nil, err with err.outcome
-- "rejected" when the flow failed, "in_doubt" when the time is over.
function proof.confirm(sender, msg, answer)
  local status = answer.status
  if not sender.options.confirm or not status or status < 200 or status > 299 then
    evidence.remember(sender, msg, answer.message_id)
    return answer
  end
  if not answer.message_id and not evidence.id_of(sender, msg) then
    return unconfirmed(msg, answer, "neither the answer nor the message has an id to find its log")
  end
  local confirmed, err = wait_for_end(sender, msg, answer)
  if confirmed then evidence.remember(sender, msg, confirmed.log.message_id) end
  return confirmed, err
end

--- What follows on the end of an attempt, for who has made it: answer | nil, err, as confirm and
-- resolve. flight.calling is true meanwhile: who is cancelled here leaves the message in doubt.
function proof.settle(sender, msg, flight, answer, err)
  local asks = answer and sender.options.confirm or err and err.outcome == "in_doubt"
  if answer and not asks then return proof.confirm(sender, msg, answer) end
  if not asks then return nil, err end
  flight.calling = true
  if answer then
    answer, err = proof.confirm(sender, msg, answer)
  else
    answer, err = proof.resolve(sender, msg, err)
  end
  flight.calling = false
  return answer, err
end

return proof
