--- Jobs that run again and again, the same time apart.
--
--   iflow.every "poll" { interval = "5m", run = function(job) … end }
--
-- Like iflow.cron (lua/iflow/cron.lua), without a calendar: it runs at the multiples of its
-- interval since 1970 by UTC, so "5m" at :00, :05, :10 and so on, whenever the service was started.
-- So a restart moves nothing, and `iflow cron preview` knows the times. When some were missed
-- while nothing ran, one run makes up for them all. Options, all but `interval` and `run` optional:
--   interval  "5m": whole seconds, from one to 366 days
--   overlap   when the run before is not done: "skip" (the default), "queue" or "cancel"
--   jitter    up to this much later, always the same for a name: "30s"
--   run       function(job), as in iflow.cron

local check = require("iflow.schedule.definition").every
local new_kind = require "iflow.schedule.job"

--- The job of a name: defined already, or to be defined by calling it with a table.
return new_kind("every", check)
