--- Starts the runs of one job when they are due. Internal; one a job (jobs.lua).
--
-- A run is started at most once: that it begins is durable before it begins. When the service is
-- killed while it runs, nobody can know what it has sent already, so it is not begun again by
-- itself; the next start names it in the log, and somebody decides (`iflow run SCRIPT --job NAME`).
-- What is to be done at least once hands its messages to sender:enqueue, where they survive.
--
-- The keeper asks what is due (lua/iflow/schedule/due.lua), then waits for the next time, a minute
-- at most by a clock that never jumps, and looks at the clock on the wall again: so it finds out
-- when that was set or the machine was asleep. Runs wait in a queue; a worker takes them one after
-- the other, so no two runs of a job go on at once. A run that comes while another goes on: by the
-- option overlap.
--
-- What asks to be run again (iflow.retry_after) is, after that time, also after a restart. With
-- missed = "all" each planned time is worked off by itself; else the next planned run takes its
-- place.

local calendar = require "iflow.schedule.calendar"
local clock = require "iflow.clock"
local core = require "iflow.core"
local due = require "iflow.schedule.due"
local duration = require "iflow.duration"
local events = require "iflow.events"
local metrics = require "iflow.service.metrics"
local note = require "iflow.service.job_note"
local perform = require "iflow.service.job_run"

local MINUTE = 60
local TICK = 0.001       -- the shortest wait
local DISK_PAUSE = 5     -- when the outbox could not write
local QUEUE_MAX = 1000   -- runs that wait with overlap = "queue"
local AGAIN_MAX = 100    -- runs that asked for another attempt

local keeper = {}
keeper.__index = keeper

--- A line of the log; run: the one it is about, or nil.
function keeper:log(level, event, run, text, ...)
  local fields = { job = self.job.name, attempt = run and run.attempt }
  if run and run.ended then fields.seconds = run.ended - run.began end
  events.write(level, "job", event, text:format(...), fields)
end

--- A time for the log, by the clock of the job's zone.
function keeper:time(time)
  local zone = self.job.schedule.zone
  local kind = zone:at(math.floor(time))
  local wall = math.floor(time) + kind.offset
  return ("%s %s %s"):format(calendar.date_text(wall), calendar.time_text(wall), kind.abbreviation)
end

-- Waiting -------------------------------------------------------------------------------------

-- Waits that long or until wake.
function keeper:nap(seconds)
  if self.stopping then return end
  local nap <close> = core.task.spawn(clock.sleep, seconds)
  self.naps[nap] = true
  nap:join()
  self.naps[nap] = nil
end

function keeper:wake()
  for nap in pairs(self.naps) do nap:cancel() end
end

-- Until something may be due. A step of the clock is found within the minute.
function keeper:pause()
  local now = clock.now()
  local wait = self.dirty and DISK_PAUSE or MINUTE
  if self.next then wait = math.min(wait, self.next - now) end
  for _, entry in ipairs(self.kept.again) do
    if not entry.queued then wait = math.min(wait, entry.at - now) end
  end
  self:nap(math.max(wait, TICK))
end

-- What is durable -----------------------------------------------------------------------------

--- Writes down what must be known after a restart: whether it could. One line in the log when the
-- disk begins to fail.
function keeper:save()
  local ok, err = note.write(self.box, self.job, self.kept)
  if not ok and not self.failing then
    self:log("error", "outbox_failed", nil,
      "the outbox cannot note its runs, so none begins until it can: %s", tostring(err))
  end
  self.failing, self.dirty = not ok, not ok
  return ok
end

--- The same, again and again until it works; false when the service stops.
function keeper:save_surely()
  while not self:save() do
    if self.stopping then return false end
    self:nap(DISK_PAUSE)
  end
  return true
end

-- What is due ---------------------------------------------------------------------------------

-- A run of the queue that is not begun now. One that asked for another attempt asks again later.
local function drop(self, run, why)
  if run.entry then
    run.entry.queued = nil
    return
  end
  metrics.job_left_out(self.job.name)
  self:log("warn", "left_out", run, "the run planned for %s is left out: %s",
    self:time(run.planned), why)
end

-- New runs while another goes on: by the option overlap. Whether they are to be queued.
function keeper:overlapped(runs)
  local overlap = self.job.options.overlap
  if overlap == "skip" then
    for _, run in ipairs(runs) do
      drop(self, run, "the one before is not done")
    end
    return false
  end
  if overlap == "cancel" then
    for i = 1, #self.queue do
      drop(self, self.queue[i], "the next one is due")
      self.queue[i] = nil
    end
    self:cancel "the next one is due"
  end
  return true
end

function keeper:push(run)
  if #self.queue >= QUEUE_MAX then
    drop(self, table.remove(self.queue, 1), ("more than %d wait"):format(QUEUE_MAX))
  end
  self.queue[#self.queue + 1] = run
end

function keeper:take_planned(now)
  local found = due.check(self.job.schedule, self.last, now)
  if self.last ~= found.last then self.dirty = true end
  self.last, self.next = found.last, found.next
  if found.dropped then
    self:log("warn", "left_out", nil,
      "more runs were missed than are made up for; the older ones are left out")
  end
  if #found.runs == 0 or self.worker and not self:overlapped(found.runs) then return end
  for _, run in ipairs(found.runs) do
    self:push { planned = run.planned, missed = run.missed, late = run.late, attempt = 1 }
  end
end

function keeper:take_again(now)
  for _, entry in ipairs(self.kept.again) do
    -- A clock that was set back does not make it wait longer than it asked for.
    entry.at = math.min(entry.at, now + entry.wait)
    if entry.at <= now and not entry.queued then
      entry.queued = true
      self:push { planned = entry.planned, missed = entry.missed, attempt = entry.attempt,
        entry = entry }
    end
  end
end

-- Runs ----------------------------------------------------------------------------------------

--- Ends what runs; why: for the log.
function keeper:cancel(why)
  if not self.active then return end
  self.active.canceled = self.active.canceled or why
  if self.active.task then self.active.task:cancel() end
end

--- Remembers a run that asked for another attempt.
function keeper:ask_again(run, wait)
  local again = self.kept.again
  if #again >= AGAIN_MAX then
    self:log("warn", "left_out", nil,
      "more than %d runs ask to be run again; the one planned for %s is given up", AGAIN_MAX,
      self:time(table.remove(again, 1).planned))
  end
  again[#again + 1] = { at = clock.now() + wait, wait = wait, planned = run.planned,
    missed = run.missed, attempt = run.attempt + 1 }
end

-- Takes the runs of the queue, one after the other.
local function work(self)
  while #self.queue > 0 and not self.stopping do
    self.active = table.remove(self.queue, 1)
    perform(self, self.active)
    self.active = nil
  end
  self.worker = nil
  self:wake()
end

-- Looks once at least, so that a job that was only just seen is known from now on.
local function keep(self)
  repeat
    local now = clock.now()
    self:take_planned(now)
    self:take_again(now)
    if not self.worker and #self.queue > 0 then
      self.worker = not self.stopping and core.task.spawn(work, self) or nil
    elseif not self.worker and self.dirty then
      self.kept.last = self.last
      self:save()
    end
    self:pause()
  until self.stopping
end

-- Start and stop ------------------------------------------------------------------------------

-- A run that was killed with the service: said once, and not begun again.
local function tell_killed(self)
  local killed = self.kept.running
  if not killed then return end
  self:log("error", "killed", nil, "the run planned for %s, begun at %s, was cut off when the "
    .. "service was killed; it is not begun again", self:time(killed.planned),
    self:time(killed.began or killed.planned))
  self.result = { planned = killed.planned, outcome = "killed" }
  self.kept.running, self.dirty = nil, true
end

function keeper:start()
  tell_killed(self)
  self.task = core.task.spawn(keep, self)
end

--- The job is another now, by the same name. What runs goes on.
function keeper:change(job)
  if not note.same_plan(self.job, job) then
    self.last, self.next, self.dirty = nil, nil, true
  end
  self.job = job
  self:wake()
end

--- The job is back again after take_nothing.
function keeper:resume()
  if not self.stopping then return end
  self.stopping = false
  if self.task:state() == "returned" then self.task = core.task.spawn(keep, self) end
end

--- Whether a run of it goes on.
function keeper:is_busy() return self.worker ~= nil end

--- Begins nothing new.
function keeper:take_nothing()
  self.stopping = true
  self:wake()
end

--- Waits for the run that goes on, cancels it after `limit` seconds, and returns when it has ended.
function keeper:stop(limit)
  self:take_nothing()
  local worker = self.worker
  if worker then
    worker:join(limit)
    self:cancel(("the service stops, which waited %s for it"):format(duration.text(limit)))
    worker:join()
  end
  self.task:join()
end

--- { kind =, name =, place =, next = when it runs next, running = { planned =, began = } | nil,
-- waiting = how many, again = how many, last = { planned =, ended =, outcome =, reason = } | nil }
function keeper:status()
  local active = self.active
  return { kind = self.job.kind, name = self.job.name, place = self.job.place, next = self.next,
    running = active and active.task and { planned = active.planned, began = active.began } or nil,
    waiting = #self.queue, again = #self.kept.again, last = self.result }
end

--- A keeper of the job, not started; nil, err when what it must know cannot be read.
return function(job, box)
  local self = setmetatable({ job = job, box = box, queue = {}, naps = {} }, keeper)
  local kept, err = note.read(box, job)
  if not kept and err.code == "outbox.corrupt" then
    self:log("error", "failed", nil, "%s; it begins anew", tostring(err))
    kept, err = { again = {} }, nil
  end
  if not kept then return nil, err end
  self.kept, self.last = kept, kept.last
  return self
end
