--- What the tenant's message log says of one message: whether it is through (confirm), and what
-- became of it when nobody knows (resolve). Internal; for sender:send, the pumps of a service and
-- its resolver (lua/iflow/service/doubt.lua).
--
-- A message is found by its message processing log id, where an answer gave one, else by its own
-- id, the ApplicationMessageId. Of several logs of one id, one that is COMPLETED decides; else one
-- that is not over is waited for; else the last failure counts, unless all began before this
-- attempt.
--
-- That a log is missing only proves something when the logs of this sender's messages carry their
-- ids, which a flow must allow, and when there are logs at all. So before a message counts as not
-- arrived, the log of a message of this sender that was delivered must have its id; when there is
-- none to look at, the flow must not have run in that time for what could be this message.

local clock = require "iflow.clock"
local core = require "iflow.core"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local message_log = require "iflow.message_log"
local new_semaphore = require "iflow.semaphore"

local SKEW = 60     -- seconds that the clocks of this machine and the tenant may differ
local ID_MAX = 120  -- characters of an id that a log keeps
local FRESH = 3600  -- seconds for which a delivered message shows that ids are in the logs
local TEXT_MAX = 1000  -- bytes of the log's text about a failure
local WINDOW_MAX = 200 -- logs of the time of the call that are looked at
local TOLD = 60     -- seconds between two lines of the log about the same trouble

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
  core.log.write("warn", "sender", ("%s: the message log cannot decide: %s"):format(sender.name,
    tostring(err)))
end

-- Asking ---------------------------------------------------------------------------------------

local function is_transient(err)
  return err.retryable or err.outcome == "retryable" or err.outcome == "in_doubt"
    or (err.status or 0) >= 500
end

-- A log was found by its id, which shows that ids are in the logs.
local function carries(sender, entry)
  sender.known_log = { message_id = entry.message_id, id = entry.application_id, carried = true,
    at = clock.monotonic() }
end

-- One look: verdict, entry | nil, err.
local function look(sender, log, what)
  if what.message_id then
    local entry, err = log:find(what.message_id)
    if err then return nil, err end
    if entry then return message_log.judge { entry } end
  end
  if not what.id then return "none" end
  local list, err = log:search(what.id)
  if not list then return nil, err end
  if list[1] and list[1].application_id == what.id then carries(sender, list[1]) end
  return message_log.judge(list, what.began and what.began - SKEW)
end

local final = { delivered = true, failed = true }

-- Looks again and again, ever more rarely: a final verdict and its entry; or, when the time is
-- over, what was seen last: "open" and the entry, "stale", "none", or "unknown" and an error. An
-- error that will not go away ends it at once.
-- what: { message_id =, id =, began = seconds since 1970, waited = seconds since the call ended },
-- limits: { wait = for a log to appear, running = for its end }.
local function poll(sender, log, what, limits)
  local began, pause = clock.monotonic() - (what.waited or 0), sender.options.in_doubt.first
  while true do
    local verdict, entry = look(sender, log, what)
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

-- The id by which the logs of this message can be found; nil when there is none.
local function id_of(sender, msg)
  return sender.options.message_id and type(msg.id) == "string" and #msg.id <= ID_MAX and msg.id
    or nil
end

-- Whether ids are in the logs ------------------------------------------------------------------

--- Remembers a message that was delivered, so that its log can show whether ids are in the logs.
function proof.remember(sender, msg, message_id)
  local known = sender.known_log
  if not message_id or not id_of(sender, msg) then return end
  if known and clock.monotonic() - known.at < FRESH then return end
  sender.known_log = { message_id = message_id, id = msg.id, at = clock.monotonic() }
end

local function carried_before(log, known)
  local entry, err = log:find(known.message_id)
  if err then return false, tostring(err) end
  known.carried = entry ~= nil and entry.application_id == known.id
  if known.carried then return true end
  return false, entry and "the log of an earlier message does not carry its id"
    or "there is no log of an earlier message that was delivered"
end

local UUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-[78]%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

local function is_uuid(id) return id ~= nil and id:find(UUID) ~= nil end

-- Whether no log of the list may be that of the message, though without its id. With an id of the
-- kind that iflow gives (a UUID of version 7 or 8), logs that carry another one belong to others.
local function none_is_ours(list, what)
  for _, entry in ipairs(list) do
    if not is_uuid(what.id) or not is_uuid(entry.application_id) then return false end
  end
  return true
end

-- The id of the flow that the message goes to, nil when that is not known.
local function flow_of(sender, log, msg)
  local to = sender.options.to
  if type(to) == "function" then
    local ok, result = pcall(to, msg)
    to = ok and result or nil
  end
  return type(to) == "string" and log:flow_at(to) or nil
end

-- Whether a log of this message, if there were one, would have been found: true, or false and why
-- not.
local function would_be_found(sender, log, what, msg)
  if sender.options.idempotent then return true end -- sending it twice does no harm
  local known = sender.known_log
  if known and known.carried then return true end
  if known then return carried_before(log, known) end
  local now = core.task.now()
  local list, err = log:between((what.began or now) - SKEW, now + SKEW, WINDOW_MAX,
    flow_of(sender, log, msg))
  if err then return false, tostring(err) end
  if #list < WINDOW_MAX and none_is_ours(list, what) then return true end
  return false, "it is not known yet whether the logs of this sender's messages carry their ids, "
    .. "and a log of that time may be this message's"
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
local function reason_of(log, entry)
  local text, err = log:error_text(entry.message_id)
  if text then return ": " .. text:gsub("%s+", " "):sub(1, TEXT_MAX) end
  return err and (" (its text cannot be read: %s)"):format(err.message) or ""
end

-- cause: the error that was in doubt, nil after an answer, whose status is not handed on: it was no
-- refusal.
local function failed(msg, log, entry, cause)
  local fields = { code = "call.flow_failed", retryable = false, message_id = entry.message_id,
    message = ("%s: %sits message processing log %s is %s%s"):format(msg:where(),
      cause and "" or "it was answered, but ", entry.message_id, entry.status,
      reason_of(log, entry)),
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

local function unknown(sender, doubt, err)
  tell(sender, err)
  return nil, undecided(sender, doubt, "the message log cannot be asked: " .. err.message,
    err.hint, doubt.message_id ~= nil)
end

-- No log is there after all that time.
local function missing(sender, log, what, doubt, msg)
  if doubt.message_id or what.arrived then
    return nil, undecided(sender, doubt, "its message log is not there", LEVEL_HINT, true)
  end
  local found, why = would_be_found(sender, log, what, msg)
  if found then return nil, not_arrived(doubt, sender.options.in_doubt.wait) end
  return nil, undecided(sender, doubt, "the message log has nothing of it, which proves nothing: "
    .. why, LEVEL_HINT)
end

local function decide(sender, msg, log, what, doubt)
  local verdict, entry = poll(sender, log, what, sender.options.in_doubt)
  if verdict == "delivered" then
    return { outcome = "delivered", message_id = entry.message_id, headers = {}, body = "",
      log = entry }
  elseif verdict == "failed" then
    return nil, failed(msg, log, entry, doubt)
  elseif verdict == "open" then
    local err = undecided(sender, doubt, ("it arrived, and its message processing log %s is still "
      .. "%s"):format(entry.message_id, entry.status), "look at that message in the monitor", true)
    err.message_id, err.log = entry.message_id, entry
    return nil, err
  elseif verdict == "stale" then
    return nil, undecided(sender, doubt, "the message log tells of earlier attempts only")
  elseif verdict == "unknown" then
    return unknown(sender, doubt, entry)
  end
  return missing(sender, log, what, doubt, msg)
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
  local what = { message_id = err.message_id, id = id_of(sender, msg), began = msg.began }
  for name, field in pairs(about or {}) do what[name] = field end
  if not what.id and not what.message_id then
    return nil, undecided(sender, err, "the message log cannot be asked for it, since it has no id "
      .. "that a log would keep")
  end
  local log, failure = log_of(sender)
  if not log then return unknown(sender, err, failure) end
  return decide(sender, msg, log, what, err)
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

local function wait_for_end(sender, msg, answer, log)
  local timeout = sender.options.confirm.timeout
  local verdict, entry = poll(sender, log, { message_id = answer.message_id,
    id = id_of(sender, msg), began = msg.began }, { wait = timeout, running = timeout })
  if verdict == "delivered" then
    answer.log = entry
    return answer
  elseif verdict == "failed" then
    return nil, failed(msg, log, entry)
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
    proof.remember(sender, msg, answer.message_id)
    return answer
  end
  if not answer.message_id and not id_of(sender, msg) then
    return unconfirmed(msg, answer, "neither the answer nor the message has an id to find its log")
  end
  local log, err = log_of(sender)
  if not log then
    tell(sender, err)
    return unconfirmed(msg, answer, "the message log cannot be asked: " .. err.message, err.hint)
  end
  local confirmed
  confirmed, err = wait_for_end(sender, msg, answer, log)
  if confirmed then proof.remember(sender, msg, confirmed.log.message_id) end
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
