--- What is counted while messages go through: by sender and by job, since the start of the process.
-- Internal; senders, pumps and jobs count here, exposition.lua shows it at /metrics.
--
-- This is in the way of every message: an event is an addition or two, nothing is allocated. There
-- are as many series as the scripts define senders and jobs, whatever the messages hold.

local core = require "iflow.core"

local monotonic = core.task.monotonic

local metrics = {}

--- Upper bounds in seconds; the last bucket, without a bound, is one more.
metrics.BOUNDS = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60 }

--- By name, what was counted of it.
metrics.senders, metrics.jobs = {}, {}

local function histogram()
  local made = { sum = 0 }
  for i = 1, #metrics.BOUNDS + 1 do made[i] = 0 end
  return made
end

local function observe(into, seconds)
  local bounds = metrics.BOUNDS
  local i = 1
  while bounds[i] and seconds > bounds[i] do i = i + 1 end
  into[i] = into[i] + 1
  into.sum = into.sum + seconds
end

local function new_sender()
  return { accepted = 0, messages = { delivered = 0, rejected = 0, in_doubt = 0, given_up = 0 },
    attempts = { delivered = 0, rejected = 0, in_doubt = 0, retryable = 0 }, calls = histogram(),
    journeys = histogram() }
end

local function new_job()
  return { runs = { fine = 0, failed = 0, canceled = 0, again = 0 }, missed = 0, left_out = 0,
    lag = 0, last = 0 }
end

local function of(all, name, make)
  local found = all[name]
  if not found then
    found = make()
    all[name] = found
  end
  return found
end

--- What is counted of a sender, of a job.
function metrics.sender(name) return of(metrics.senders, name, new_sender) end
function metrics.job(name) return of(metrics.jobs, name, new_job) end

-- Senders -----------------------------------------------------------------------------------------

--- A message is in the outbox for the first time.
function metrics.accepted(name)
  local counts = metrics.sender(name)
  counts.accepted = counts.accepted + 1
end

--- A call was made: how it ended (nil: delivered), and when it began (core.task.monotonic).
function metrics.attempted(name, err, began)
  local counts = metrics.senders[name] or metrics.sender(name)
  local outcome = err and (err.outcome or err.retryable and "retryable" or "rejected")
    or "delivered"
  counts.attempts[outcome] = (counts.attempts[outcome] or 0) + 1
  observe(counts.calls, monotonic() - began)
end

--- What became of a message: "delivered", "rejected", "in_doubt", or "retryable" when its retries
-- are used up.
function metrics.ended(name, outcome)
  local messages = (metrics.senders[name] or metrics.sender(name)).messages
  outcome = outcome == "retryable" and "given_up" or outcome
  if messages[outcome] then messages[outcome] = messages[outcome] + 1 end
end

--- A message of the outbox is delivered. created: when it was accepted, seconds since 1970.
function metrics.arrived(name, created)
  observe(metrics.sender(name).journeys, math.max(0, core.task.now() - created))
end

-- Jobs --------------------------------------------------------------------------------------------

--- A run begins: { planned =, began =, missed =, attempt = }.
function metrics.job_began(job, run)
  local counts = metrics.job(job.name)
  if run.attempt == 1 then
    counts.lag = math.max(0, run.began - run.planned - (job.schedule.delay or 0))
  end
  if run.missed and run.attempt == 1 then counts.missed = counts.missed + 1 end
end

--- A run has ended: "fine", "failed", "canceled" or "again".
function metrics.job_ended(name, outcome)
  local counts = metrics.job(name)
  counts.runs[outcome] = (counts.runs[outcome] or 0) + 1
  if outcome == "fine" then counts.last = core.task.now() end
end

--- A run is left out: another one goes on, or too many wait.
function metrics.job_left_out(name)
  local counts = metrics.job(name)
  counts.left_out = counts.left_out + 1
end

return metrics
