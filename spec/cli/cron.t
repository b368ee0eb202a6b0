# iflow cron preview, and jobs of a script run by hand.
$ printf 'local iflow = require "iflow"\niflow.cron "nightly" {\n  at = "30 2 * * *", zone = "Europe/Berlin",\n  run = function(job) print(job.name, os.time() - job.planned < 60, job.missed, iflow.args.word) end,\n}\niflow.cron "hourly" { at = "45 * * * *", zone = "America/New_York", jitter = "10m", run = function() return iflow.retry_after("5m") end }\n' >jobs.lua

# Days on which the clock is changed are marked: a time that is left out, one that comes twice.
$ iflow cron preview jobs.lua --from 2026-03-28 --to 2026-03-31 --job nightly
> job      runs at                       UTC
> nightly  Sat 2026-03-28 02:30:00 CET   2026-03-28T01:30:00Z
> nightly  Sun 2026-03-29 03:00:00 CEST  2026-03-29T01:00:00Z  clock 02:00 -> 03:00, there is no 02:30:00
> nightly  Mon 2026-03-30 02:30:00 CEST  2026-03-30T00:30:00Z
> Europe/Berlin: the clock goes from 02:00 to 03:00 on 2026-03-29
$ iflow cron preview jobs.lua --from 2026-10-25 --to 2026-10-26 --job nightly
> job      runs at                       UTC
> nightly  Sun 2026-10-25 02:30:00 CEST  2026-10-25T00:30:00Z  clock 03:00 -> 02:00, the first 02:30:00 of two
> Europe/Berlin: the clock goes from 03:00 to 02:00 on 2026-10-25

# Times are in the zone of each job unless they say otherwise; its jitter is always the same. What
# runs every hour goes on by elapsed time.
$ iflow cron preview jobs.lua --from 2026-11-01T01:30Z --to 2026-11-01T09:46:41+02:00
> job      runs at                      UTC
> nightly  Sun 2026-11-01 02:30:00 CET  2026-11-01T01:30:00Z
> hourly   Sat 2026-10-31 21:46:41 EDT  2026-11-01T01:46:41Z
> …
> hourly   Sun 2026-11-01 01:46:41 EDT  2026-11-01T05:46:41Z  clock 02:00 -> 01:00, the first 01:45:00 of two
> hourly   Sun 2026-11-01 01:46:41 EST  2026-11-01T06:46:41Z  clock 02:00 -> 01:00, the second 01:45:00 of two
> America/New_York: the clock goes from 02:00 to 01:00 on 2026-11-01
$ iflow cron preview jobs.lua --from 2026-03-29T00:00Z --to 2026-03-29T03:00+00:00 --job nightly --json
> {"changes":[{"clock":"02:00 -> 03:00","date":"2026-03-29","zone":"Europe/Berlin"}],"more":false,"runs":[{"job":"nightly","local":"2026-03-29T03:00:00+02:00","note":"clock 02:00 -> 03:00, there is no 02:30:00","planned":"2026-03-29T02:30:00","utc":"2026-03-29T01:00:00Z","zone":"CEST"}]}
$ iflow cron preview jobs.lua --from 2026-03-28T03:00 --to 2026-03-29T01:00 --job nightly
> nothing runs in this time
> Europe/Berlin: the clock goes from 02:00 to 03:00 on 2026-03-29
$ iflow cron preview jobs.lua --from 2026-06-01 --to 2027-06-01 --limit 1 | head -2
> job      runs at                       UTC
> nightly  Mon 2026-06-01 02:30:00 CEST  2026-06-01T00:30:00Z
! there are more runs; see them with --limit or a shorter time

$ iflow cron preview jobs.lua --from 2026-02-30
! iflow cron preview: usage.invalid: --from: '2026-02-30' is no time; write 2026-03-29, 2026-03-29T02:30 or 2026-03-29T01:30Z
! …
= 2
$ iflow cron preview jobs.lua --from 2026-01-02 --to 2026-01-01T23:59
! iflow cron preview: usage.invalid: --to must be later than --from
! …
= 2
$ iflow cron preview jobs.lua --job nigtly
! iflow cron preview: usage.invalid: the script defines no job 'nigtly', did you mean 'nightly'?
!   what to do: it defines: nightly, hourly
= 2
$ echo 'return 0' >none.lua; iflow cron preview none.lua
! iflow cron preview: usage.invalid: the script defines no job
! …
= 2

# iflow run --job: once, now. What a job ends with is the exit code.
$ iflow run jobs.lua --job nightly --set word=hello
> nightly	true	false	hello
$ iflow run jobs.lua --job hourly
! iflow run: job.retry_after: the job 'hourly' asks to be run again after 5 min
!   try again after: 300 s
!   what to do: …
= 4
$ printf 'local iflow = require "iflow"\niflow.cron "a" { at = "@daily", run = function() return iflow.reject "no file today" end }\niflow.cron "b" { at = "@daily", run = function() return nil, iflow.error { code = "token.rejected", message = "no" } end }\niflow.cron "c" { at = "@daily", run = function() error "oops" end }\niflow.cron "d" { at = "@daily", run = function() iflow.sleep(0) return iflow.done() end }\n' >ends.lua; iflow run ends.lua --job a
! iflow run: job.rejected: the job 'a': no file today
!   what to do: …
= 1
$ iflow run ends.lua --job b
! iflow run: token.rejected: no
! …
= 3
$ iflow run ends.lua --job c
! iflow run: script.failed: ends.lua:4: oops
! …
= 2
$ iflow run ends.lua --job d
$ iflow run ends.lua --job e
! iflow run: usage.invalid: the script defines no job 'e'
!   what to do: it defines: a, b, c, d
= 2
$ printf 'local iflow = require "iflow"\niflow.cron "answer" { at = "@daily", run = function() return { outcome = "delivered" } end }\niflow.cron "summary" { at = "@daily", run = function() return iflow.sender "s":send_all {} end }\niflow.sender "s" { to = "/http/a", service_key = "nowhere.json" }\niflow.cron "failed" { at = "@daily", run = function() return false end }\niflow.cron "number" { at = "@daily", run = function() return 4 end }\n' >more.lua; iflow run more.lua --job answer
$ iflow run more.lua --job failed
= 1
$ iflow run more.lua --job number
= 4
$ iflow run more.lua --job summary
! iflow run: file.not_found: …
! …
= 2
$ iflow run ends.lua --job a --sender s
! iflow run: usage.invalid: --sender or --job, not both
! …
= 2

# A script that only defines jobs lists them.
$ iflow run jobs.lua
> job      at          zone              defined at
> nightly  30 2 * * *  Europe/Berlin     jobs.lua:2
> hourly   45 * * * *  America/New_York  jobs.lua:6
! no job was run; to run one now: iflow run jobs.lua --job nightly
= 2
$ printf 'local iflow = require "iflow"\niflow.cron "a" { at = "0 25 * * *", run = print }\n' >bad.lua; iflow run bad.lua --job a
! iflow run: script.failed: bad.lua:2: option 'at': '0 25 * * *': field 2 (hour), column 3: 25 is not in 0-23
! …
= 2

# So do jobs of iflow.every: at the multiples of their interval, whenever a service was started.
$ printf 'local iflow = require "iflow"\niflow.every "poll" { interval = "20m", jitter = "1m", run = function(job) print(job.name, job.attempt) end }\n' >every.lua; TZ=UTC iflow cron preview every.lua --from 2026-03-29T00:30Z --to 2026-03-29T01:30Z
> job   runs at                      UTC
> poll  Sun 2026-03-29 00:40:… UTC  2026-03-29T00:40:…Z
> poll  Sun 2026-03-29 01:00:… UTC  2026-03-29T01:00:…Z
> poll  Sun 2026-03-29 01:20:… UTC  2026-03-29T01:20:…Z
$ TZ=UTC iflow run every.lua
> job   at            zone  defined at
> poll  every 20 min  UTC   every.lua:2
! no job was run; to run one now: iflow run every.lua --job poll
= 2
$ iflow run every.lua --job poll
> poll	1

# A job can be tested.
$ printf 'local iflow = require "iflow"\niflow.sender "s" { to = "/http/a", service_key = "nowhere.json" }\niflow.cron "nightly" { at = "@daily", zone = "UTC", run = function() return iflow.sender "s":send "x" end }\niflow.test("sends at night", function(t)\n  local flow = t:flow { address = "/a" }\n  assert(iflow.cron "nightly":run())\n  t:equal("x", flow.received[1].body)\nend)\n' >tested.lua; iflow test tested.lua
> +
> 1 successes / 0 failures
