--- Jobs: what a script does by itself at certain times.
--
--   iflow.cron "nightly" {
--     at   = "30 2 * * mon-fri", zone = "Europe/Berlin",
--     run  = function(job) for line in io.lines("export.csv") do … end end,
--   }
--
-- `iflow cron preview SCRIPT` shows when it will run; `iflow run SCRIPT --job nightly` runs it
-- once, now, which is what the system's cron may call; a test does so by
-- iflow.cron "nightly":run(). Options, all but `at` and `run` optional:
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
--            job.missed (it is made up for). It failed when it ends with `nil, err`, false or a
--            raised error, with iflow.reject("why") or iflow.retry_after("5m"), or with a summary
--            of send_all that is not fine; anything else is well.
--
-- When the clock is changed, a time that is left out runs once, right after the gap; one that comes
-- twice runs the first time. What runs every hour or more often goes on by elapsed time.

local caller = require "iflow.caller"
local check = require("iflow.schedule.definition").check
local clock = require "iflow.clock"
local registry = require "iflow.registry"
local suggest = require "iflow.suggest"

local cron = { __name = "iflow.cron" }
cron.__index = cron

local function find(name)
  for _, job in ipairs(registry.current().jobs) do
    if job.name == name then return job end
  end
end

--- Defines it: iflow.cron "name" { … }. Raises at that line when something is wrong.
function cron:__call(options)
  local before = find(self.name)
  if before then
    error(("job '%s' is defined twice; first at %s"):format(self.name, before.place), 2)
  end
  self.options = check(self.name, options, 2)
  self.schedule = self.options.schedule
  self.place = caller.place(2)
  table.insert(registry.current().jobs, self)
  return self
end

--- Runs it now and waits: iflow.cron "name":run() returns what its function returned.
-- planned: the time it stands for, now by default; missed: it is made up for.
function cron:run(planned, missed)
  if getmetatable(self) ~= cron then error("use a colon: job:run()", 2) end
  if not self.options then
    local names = {}
    for i, job in ipairs(registry.current().jobs) do names[i] = job.name end
    error(suggest.message(("no job '%s' is defined"):format(self.name), self.name, names), 2)
  end
  return self.options.run { name = self.name, planned = planned or math.floor(clock.now()),
    missed = missed or false }
end

function cron:__tostring() return "iflow.cron: " .. self.name end

--- The job of a name: defined already, or to be defined by calling it with a table.
return function(name)
  if type(name) ~= "string" or not name:match "^[%w][%w%._%-]*$" or #name > 64 then
    error("a job's name has letters, digits, '.', '_' and '-', 64 at most", 2)
  end
  return find(name) or setmetatable({ name = name }, cron)
end
