--- Jobs: what a script does by itself at certain times.
--
--   iflow.cron "nightly" {
--     at   = "30 2 * * mon-fri", zone = "Europe/Berlin",
--     run  = function(job) for line in io.lines("export.csv") do … end end,
--   }
--
-- `iflow cron preview SCRIPT` shows when it will run; `iflow run SCRIPT --job nightly` runs it
-- once, now, which is what the system's cron may call. Options, all but `at` and `run` optional:
--   at       a cron expression: [second] minute hour day-of-month month day-of-week, or @daily and
--            the like (lua/iflow/schedule/expression.lua). Days of month and days of week together
--            are as in Vixie cron: either of them, unless one begins with "*".
--   zone     the time zone of `at`, a name of the tz database; default: the machine's
--   missed   what of it was missed while nothing ran: "one" (the default) makes up for the latest,
--            "all" for each, "skip" for none
--   window   how old a missed run may be to be made up for, "7d" by default
--   overlap  when the run before is not done: "skip" (the default) leaves the new one out, "queue"
--            starts it afterwards, "cancel" ends the old one
--   jitter   up to this much later, always the same for a name: "5m"
--   run      function(job): job.name, job.planned (the time it stands for, seconds since 1970),
--            job.missed (it is made up for). It ends with nothing or true when it went well, with
--            `nil, err` or an error when not, or with iflow.done(), iflow.reject("why"),
--            iflow.retry_after("5m").
--
-- When the clock is changed, a time that is left out runs once, right after the gap; one that comes
-- twice runs the first time. What runs every hour or more often goes on by elapsed time.

local check = require("iflow.schedule.definition").check
local registry = require "iflow.registry"

local cron = { __name = "iflow.cron" }
cron.__index = cron

--- Starts it now and waits: what its function returned. planned: the time it stands for.
function cron:run(planned, missed)
  return self.options.run { name = self.name, planned = planned, missed = missed or false }
end

function cron:__tostring() return "iflow.cron: " .. self.name end

local function place(level)
  local info = debug.getinfo(level + 1, "Sl")
  return info and ("%s:%d"):format(info.short_src, info.currentline) or "?"
end

local function find(jobs, name)
  for _, job in ipairs(jobs) do
    if job.name == name then return job end
  end
end

--- The name of a job that is to be defined by calling this with a table.
return function(name)
  if type(name) ~= "string" or not name:match "^[%w][%w%._%-]*$" or #name > 64 then
    error("a job's name has letters, digits, '.', '_' and '-', 64 at most", 2)
  end
  return function(options)
    local jobs = registry.current().jobs
    local before = find(jobs, name)
    if before then
      error(("job '%s' is defined twice; first at %s"):format(name, before.place), 2)
    end
    local checked = check(name, options, 2)
    local job = setmetatable({ name = name, options = checked, schedule = checked.schedule,
      place = place(2) }, cron)
    jobs[#jobs + 1] = job
    return job
  end
end
