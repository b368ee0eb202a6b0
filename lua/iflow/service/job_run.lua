--- One run of a job in a service, from its durable beginning to what is said of its end. Internal;
-- for job_keeper.lua, whose worker calls it.

local clock = require "iflow.clock"
local core = require "iflow.core"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local guarded = require "iflow.guarded"
local metrics = require "iflow.service.metrics"
local registry = require "iflow.registry"
local result_of = require "iflow.schedule.result"

-- Whether it is to be begun still: a run that asked for another attempt may have given way.
local function is_wanted(kept, run)
  if not run.entry then return true end
  for i, entry in ipairs(kept.again) do
    if entry == run.entry then
      table.remove(kept.again, i)
      return true
    end
  end
  return false
end

-- The next planned run takes the place of those that wait to be run again.
local function give_way(keeper)
  if keeper.job.schedule.missed == "all" then return end
  for _, entry in ipairs(keeper.kept.again) do
    keeper:log("info", "left_out", entry, "the run planned for %s gives way to the next one",
      keeper:time(entry.planned))
  end
  keeper.kept.again = {}
end

-- Durable before it begins. False when the service stops before the disk takes it.
local function begin(keeper, run)
  local kept = keeper.kept
  if not is_wanted(kept, run) then return false end
  if run.entry then
    kept.last = kept.last or keeper.last
  else
    give_way(keeper)
    kept.last = run.planned
  end
  run.began = clock.now()
  kept.running = { planned = run.planned, began = run.began }
  if not keeper:save_surely() then return false end
  metrics.job_began(keeper.job, run)
  local late = run.missed and run.late and (", made up for %s late"):format(duration.text(run.late))
  keeper:log("info", "begins", run, "the run planned for %s begins%s%s", keeper:time(run.planned),
    late or "", run.attempt > 1 and (", attempt %d"):format(run.attempt) or "")
  return true
end

-- The outcome in a word, and what is to be said of it.
local function judge(keeper, run, done)
  if not done.ok then
    if done.n == 0 or guarded.was_canceled(done) then
      return "canceled", run.canceled or "it was cancelled"
    end
    return "failed", tostring(errors.limit(done[1]))
  end
  local first, second = result_of(keeper.job, guarded.results(done))
  if first == nil and second ~= nil then
    local wait = type(second) == "table" and second.code == "job.retry_after" and second.retry_after
    if wait then return "again", duration.text(wait), wait end
    return "failed", tostring(second)
  end
  if first == false then return "failed", "it returned false" end
  if math.type(first) == "integer" and first ~= 0 then
    return "failed", second and tostring(second) or ("it returned %d"):format(first)
  end
  return "fine"
end

local words = {
  fine = { "info", "ended", "the run planned for %s has ended after %s%s" },
  again = { "warn", "again", "the run planned for %s ended after %s and is run again after %s" },
  canceled = { "warn", "canceled", "the run planned for %s was cancelled after %s: %s" },
  failed = { "error", "failed", "the run planned for %s failed after %s: %s" },
}

-- A text of several lines is one line in the log; where it was raised is for those who look closer.
local function tell(keeper, run, outcome, reason)
  local level, event, text = table.unpack(words[outcome])
  run.ended = clock.now()
  local brief = (reason or ""):match "^(.-)\nstack traceback:" or reason or ""
  keeper:log(level, event, run, text, keeper:time(run.planned),
    duration.text(run.ended - run.began), (brief:gsub("%s*\n%s*", "; ")))
  if brief ~= reason and reason then keeper:log("debug", "failed", run, "%s", reason) end
  return brief
end

local function finish(keeper, run, done)
  local outcome, reason, wait = judge(keeper, run, done)
  local brief = tell(keeper, run, outcome, reason)
  metrics.job_ended(keeper.job.name, outcome)
  keeper.result = { planned = run.planned, ended = clock.now(), outcome = outcome,
    reason = brief ~= "" and brief or nil }
  if wait then keeper:ask_again(run, wait) end
  keeper.kept.running = nil
  if #keeper.queue == 0 then keeper.kept.last = keeper.last end -- what was left out is settled
  keeper:save()
end

--- Runs it and waits for its end. Never raises what the job raises.
-- run: { planned =, missed =, late =, attempt =, entry = of those that are run again }; gets began
-- and task. canceled: why, set by the one who cancels it.
return function(keeper, run)
  if not begin(keeper, run) then return end
  if run.canceled then return finish(keeper, run, { ok = false, n = 0 }) end
  local job = keeper.job
  local task <close> = core.task.spawn(guarded.call, job.run, job, run.planned, run.missed,
    run.attempt)
  registry.keep_for(task)
  task:label(("the job '%s'"):format(job.name))
  run.task = task
  finish(keeper, run, task:join())
end
