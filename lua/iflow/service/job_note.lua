--- What a service remembers of a job across restarts: a note of the outbox, "job/NAME". Internal.
--
--   last       the planned time of the latest run that was started or left out; of a job that was
--              never seen: when it was seen first
--   plan       the schedule that this is of: a job whose times were changed starts anew, instead of
--              making up for runs that nobody had planned
--   running    { planned =, began = } while a run goes on, so that a killed one is known afterwards
--   again      runs that asked for another attempt: { { at =, wait =, planned =, missed =,
--              attempt = }, … }; at: when, wait: what was asked for

local clock = require "iflow.clock"
local errors = require "iflow.error"
local json = require "iflow.json"

local note = {}

local function name_of(job) return "job/" .. job.name end

-- The schedule as a text.
local function plan_of(job)
  return ("%s %s"):format(job.schedule.expression, job.schedule.zone.name)
end

--- Whether two definitions of a job plan the same times.
function note.same_plan(job, other) return plan_of(job) == plan_of(other) end

local function is_run(value)
  return type(value) == "table" and type(value.planned) == "number"
end

-- A note that somebody has damaged counts for nothing, and is said; the job starts anew.
local function parse(text)
  local value = json.decode(text)
  if type(value) ~= "table" or type(value.last) ~= "number" then return nil end
  local kept = { last = math.floor(value.last), plan = value.plan, again = {},
    running = is_run(value.running) and value.running or nil }
  for i, entry in ipairs(type(value.again) == "table" and value.again or {}) do
    if not is_run(entry) or not tonumber(entry.at) or not tonumber(entry.wait) then return nil end
    kept.again[i] = { at = entry.at, wait = entry.wait, planned = math.floor(entry.planned),
      missed = entry.missed == true, attempt = math.tointeger(entry.attempt) or 2 }
  end
  return kept
end

--- { last =, running =, again = } of a job; last is nil when it, or its schedule, was never seen.
-- nil, err when the disk fails, or the note is none (outbox.corrupt).
function note.read(box, job)
  local _ <close> = clock.work()
  local text, err = box:note(name_of(job))
  if not text then
    if err then return nil, err end
    return { again = {} }
  end
  local kept = parse(text)
  if kept then
    if kept.plan ~= plan_of(job) then kept.last = nil end
    return kept
  end
  return nil, errors { code = "outbox.corrupt",
    message = ("the note '%s' of the outbox is damaged: %s"):format(name_of(job), text:sub(1, 80)) }
end

--- Makes it durable: true, or nil, err.
function note.write(box, job, kept)
  local _ <close> = clock.work()
  return box:note(name_of(job), assert(json.encode { last = kept.last, plan = plan_of(job),
    running = kept.running, again = json.array(kept.again) }))
end

return note
