--- What a schedule has due. Internal and pure: times come in, times go out, nothing waits; the
-- service that runs jobs asks it, and keeps `last` where a restart finds it.
--
--   local found = due.check(schedule, last, now)
--   found.runs     what is to be started now, in order: { planned =, wall =, late =, missed = }
--   found.last     what to keep once they are started, and to give as `last` the next time
--   found.next     when to ask again, nil for never
--   found.dropped  there were older ones, more than are made up for
--
-- schedule: { expression =, zone =, missed =, window =, delay = } (definition.lua). delay is its
-- jitter: every run of the job comes so many seconds after the time that is planned.
-- last: nil for a job that was never seen: then nothing is due, its life begins now.
--
-- A run is missed when it is found more than a minute late: the service was down, the machine
-- asleep, or the clock was set forward. Then missed says what to do:
--   "skip"   nothing; the next one comes when it is due
--   "one"    the latest is made up for, once, if it is no older than the window
--   "all"    each one that is no older than the window, the oldest first, the last 1,000 at most
--
-- A clock that is set back by three hours at most runs nothing twice of what names hours. What runs
-- every hour goes on by the new time, and after a larger step so does everything.

local due = {}

local GRACE = 60
local ALL_MAX = 1000
local SET_BACK_MAX = 3 * 3600

-- The last `count` runs with from < time <= to, oldest first, and whether there may be more before.
-- Looks at the latest span first, so that a run each second in a long time costs no more than what
-- is wanted of it.
local function latest(schedule, from, to, count)
  local span = GRACE
  while true do
    local start, found = math.max(from, to - span), {}
    local time, wall = schedule.expression:next(start, schedule.zone)
    while time and time <= to do
      found[#found + 1] = { planned = time, wall = wall }
      time, wall = schedule.expression:next(time, schedule.zone)
    end
    if #found > count then return table.move(found, #found - count + 1, #found, 1, {}), true end
    if #found == count or start == from then return found, start > from end
    span = span * 8
  end
end

-- Where to go on from when the clock stands before the last run. Who is woken at a planned time
-- finds the clock at one often, so a run at this very moment is still to come.
local function after_set_back(schedule, last, moment)
  local step = last - moment
  local kept = schedule.expression.hourly and GRACE or SET_BACK_MAX
  return step > kept and moment - 1 or last
end

local function how_many(schedule) return schedule.missed == "all" and ALL_MAX or 1 end

local function how_old(schedule) return schedule.missed == "skip" and GRACE or schedule.window end

--- When the first run after a planned time starts, nil for never.
local function next_start(schedule, after)
  local time = schedule.expression:next(after, schedule.zone)
  return time and time + schedule.delay
end

function due.check(schedule, last, now)
  local moment = math.floor(now - schedule.delay)
  if not last then return { runs = {}, last = moment, next = next_start(schedule, moment) } end
  if last > moment then
    last = after_set_back(schedule, last, moment)
    return { runs = {}, last = last, next = next_start(schedule, last) }
  end
  local from = math.max(last, moment - how_old(schedule) - 1)
  local runs, dropped = latest(schedule, from, moment, how_many(schedule))
  for _, run in ipairs(runs) do
    run.late = now - schedule.delay - run.planned
    run.missed = run.late > GRACE
  end
  return { runs = runs, dropped = dropped and schedule.missed == "all" or nil,
    last = runs[#runs] and runs[#runs].planned or last, next = next_start(schedule, moment) }
end

--- An iterator over the starts of a time, from <= start < to: start, planned, wall.
function due.between(schedule, from, to)
  local planned = math.ceil(from) - schedule.delay - 1
  return function()
    local wall
    planned, wall = schedule.expression:next(planned, schedule.zone)
    local start = planned + schedule.delay
    if start < to then return start, planned, wall end
  end
end

return due
