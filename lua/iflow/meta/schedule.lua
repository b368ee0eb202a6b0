---@meta _

--- Jobs: what is done at certain times.
---
--- `iflow serve` runs jobs at their times, `iflow cron preview` shows these, and
--- `iflow run SCRIPT --job NAME` runs one now.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.cron "nightly" {
---   at = "30 2 * * mon-fri", zone = "Europe/Berlin", missed = "one",
---   run = function(job) print(job.name, job.planned) end,
--- }
--- iflow.every "poll" { interval = "5m", run = function() end }
--- ```

---@class iflow
local iflow = {}

--- The job of a name that runs by a calendar: defined already, or to be defined by calling it.
---@param name string Letters, digits, ".", "_" and "-", 64 at most
---@return iflow.cron job
function iflow.cron(name) end

--- The job of a name that runs again and again: defined already, or to be defined by calling it.
---@param name string Letters, digits, ".", "_" and "-", 64 at most
---@return iflow.every job
function iflow.every(name) end

--- What a job is told of its run.
---@class iflow.job.run
--- Its name.
---@field name string
--- The time that it stands for, seconds since 1970.
---@field planned number
--- It is made up for.
---@field missed boolean
--- 1; more when it asked to be run again.
---@field attempt integer

--- What is done. It failed when it ends with nil, err, false or an error, with `iflow.reject`,
--- with a summary that is not fine, or another exit code than 0. After `iflow.retry_after` it runs
--- again.
---@alias iflow.job.fn fun(job: iflow.job.run): any

--- Options of `iflow.cron`; `at` and `run` are needed.
---@class iflow.cron.options
--- [second] minute hour day-of-month month day-of-week, or @daily and the like. Needed.
---@field at string
--- Time zone of `at`, a name of the tz database; without it the machine's.
---@field zone? string
--- What of it was missed while nothing ran: the latest is made up for, all are, none is.
--- Default: `"one"`.
---@field missed? "one"|"all"|"skip"
--- How old a missed run may be to be made up for, 366 days at most. Default: `"7d"`.
---@field window? iflow.duration
--- When the run before is not done: the new one is left out, starts afterwards, or ends the old
--- one. Default: `"skip"`.
---@field overlap? "skip"|"queue"|"cancel"
--- Up to this much later, always the same for a name; a day at most. Default: `0`.
---@field jitter? iflow.duration
--- What is done. Needed.
---@field run iflow.job.fn

--- Options of `iflow.every`; `interval` and `run` are needed.
---@class iflow.every.options
--- Whole seconds, from one to 366 days; it runs at the multiples since 1970 by UTC. Needed.
---@field interval iflow.duration
--- When the run before is not done. Default: `"skip"`.
---@field overlap? "skip"|"queue"|"cancel"
--- Up to this much later, always the same for a name; a day at most. Default: `0`.
---@field jitter? iflow.duration
--- What is done. Needed.
---@field run iflow.job.fn

--- What all jobs have in common.
---@class iflow.job
--- Its name.
---@field name string
local job = {}

--- Runs it now and waits.
---@param planned? number The time that it stands for, seconds since 1970; now when it is not given
---@param missed? boolean It is made up for. Default: `false`.
---@param attempt? integer More than 1 when it asked to be run again. Default: `1`.
---@return any ... What its function returned
function job:run(planned, missed, attempt) end

--- A job by a calendar. Calling it with its options defines it.
---@class iflow.cron : iflow.job
---@overload fun(options: iflow.cron.options): iflow.cron

--- A job that runs again and again. Calling it with its options defines it.
---@class iflow.every : iflow.job
---@overload fun(options: iflow.every.options): iflow.every
