--- Jobs: what a script does by itself at certain times.
--
--   iflow.cron "nightly" {
--     at   = "30 2 * * mon-fri", zone = "Europe/Berlin",
--     run  = function(job) for line in io.lines("export.csv") do … end end,
--   }
--
-- `iflow serve SCRIPT` runs it at its times; `iflow cron preview SCRIPT` shows these; `iflow run
-- SCRIPT --job nightly` runs it once, now, which is what the system's cron may call; a test does so
-- by iflow.cron "nightly":run(). Options, all but `at` and `run` optional:
--   at       a cron expression: [second] minute hour day-of-month month day-of-week, or @daily and
--            the like (lua/iflow/schedule/expression.lua). Days of month and days of week together
--            are as in Vixie cron: either of them, unless one begins with "*".
--   zone     the time zone of `at`, a name of the tz database; default: the machine's
--   missed   what of it was missed while nothing ran: "one" (the default) makes up for the latest,
--            "all" for each, "skip" for none
--   window   how old a missed run may be to be made up for, "7d" by default. After `at` or `zone`
--            was changed nothing is made up for: the job starts anew.
--   overlap  when the run before is not done: "skip" (the default) leaves the new one out, "queue"
--            starts it afterwards, "cancel" ends the old one
--   jitter   up to this much later, always the same for a name: "5m"
--   run      function(job): job.name, job.planned (the time it stands for, seconds since 1970),
--            job.missed (it is made up for), job.attempt (1, more when it asked to be run again).
--            It failed when it ends with `nil, err`, false or a raised error, with
--            iflow.reject("why"), with a summary of send_all that is not fine or another exit code
--            than 0. After iflow.retry_after("5m") it is run again. Anything else is well.
--
-- When the clock is changed, a time that is left out runs once, right after the gap; one that comes
-- twice runs the first time. What runs every hour or more often goes on by elapsed time.
--
-- A run is started at most once, whatever happens to the service (lua/iflow/service/jobs.lua); what
-- it hands to sender:enqueue under an id of its own may be handed over again without harm.

local check = require("iflow.schedule.definition").cron
local new_kind = require "iflow.schedule.job"

--- The job of a name: defined already, or to be defined by calling it with a table.
return new_kind("cron", check)
