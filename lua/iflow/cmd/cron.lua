-- cron.lua -- iflow cron preview SCRIPT: when the jobs of a script will run, with the days on which
-- the clock is changed.
local calendar = require "iflow.schedule.calendar"
local clock = require "iflow.clock"
local core = require "iflow.core"
local due = require "iflow.schedule.due"
local errors = require "iflow.error"
local jobs = require "iflow.cli.job"
local moments = require "iflow.cli.moment"
local registry = require "iflow.registry"
local scripts = require "iflow.cli.script"

local SPAN = 7 * calendar.DAY

local function usage(text, hint)
  return nil, errors { code = "usage.invalid", message = text, hint = hint }
end

-- What the clock does on a day ----------------------------------------------------------------

local function jump(change)
  return ("%s -> %s"):format(calendar.time_text(change.at + change.before):sub(1, 5),
    calendar.time_text(change.at + change.after):sub(1, 5))
end

-- date -> change, and the list of changes, for the days a span of time touches.
local function changes_of(zone, from, to)
  local by_date, list = {}, {}
  for change in zone:changes(from - calendar.DAY, to + calendar.DAY) do
    local first = change.at + math.min(change.before, change.after)
    local last = change.at + math.max(change.before, change.after) - 1
    if zone:wall(from) // calendar.DAY <= last // calendar.DAY
      and first // calendar.DAY <= zone:wall(to - 1) // calendar.DAY then
      list[#list + 1] = { zone = zone.name, date = calendar.date_text(first), clock = jump(change) }
      for wall = first, last + calendar.DAY, calendar.DAY do
        by_date[calendar.date_text(math.min(wall, last))] = change
      end
    end
  end
  return by_date, list
end

-- What is to be said of a run on such a day.
local function note(zone, change, run)
  local text = "clock " .. jump(change)
  local shown = calendar.time_text(run.wall)
  if zone:wall(run.planned) ~= run.wall then return text .. ", there is no " .. shown end
  local times = zone:instants(run.wall)
  if #times < 2 then return text end
  return ("%s, the %s %s of two"):format(text, run.planned == times[1] and "first" or "second",
    shown)
end

-- Collecting ----------------------------------------------------------------------------------

-- from, to: what the words say in the zone of a job; or nil, what is wrong.
local function span_of(args, zone)
  local from, why = math.floor(clock.now())
  if args.from then from, why = moments.parse(args.from, zone) end
  if not from then return nil, "--from: " .. why end
  if not args.to then return from, from + SPAN end
  local to
  to, why = moments.parse(args.to, zone)
  if not to then return nil, "--to: " .. why end
  if to <= from then return nil, "--to must be later than --from" end
  return from, to
end

-- The runs of a job, `limit` at most, and the changes of its clock.
local function collect(job, from, to, limit)
  local zone = job.schedule.zone
  local by_date, changes = changes_of(zone, from, to)
  local runs = {}
  for start, planned, wall in due.between(job.schedule, from, to) do
    if #runs == limit then return runs, changes, true end
    local shown = zone:wall(start)
    local run = { job = job.name, start = start, planned = planned, wall = wall, shown = shown,
      kind = zone:at(start) }
    local change = by_date[calendar.date_text(shown)] or by_date[calendar.date_text(wall)]
    run.note = change and note(zone, change, run)
    runs[#runs + 1] = run
  end
  return runs, changes, false
end

local function collect_all(list, args)
  local runs, changes, seen, more = {}, {}, {}, false
  for _, job in ipairs(list) do
    local from, to = span_of(args, job.schedule.zone)
    if not from then return usage(to) end
    local own, own_changes, own_more = collect(job, from, to, args.limit)
    table.move(own, 1, #own, #runs + 1, runs)
    more = more or own_more
    if not seen[job.schedule.zone.name] then
      seen[job.schedule.zone.name] = true
      table.move(own_changes, 1, #own_changes, #changes + 1, changes)
    end
  end
  table.sort(runs, function(a, b)
    if a.start ~= b.start then return a.start < b.start end
    return a.job < b.job
  end)
  if #runs > args.limit then
    more, runs = true, table.move(runs, 1, args.limit, 1, {})
  end
  return { runs = runs, changes = changes, more = more }
end

-- Showing -------------------------------------------------------------------------------------

local function value_of(run)
  return { job = run.job, utc = moments.text(run.start), note = run.note or nil,
    ["local"] = moments.text(run.start, run.kind.offset), zone = run.kind.abbreviation,
    planned = calendar.date_text(run.wall) .. "T" .. calendar.time_text(run.wall) }
end

local function show(found, out)
  local rows = {}
  for i, run in ipairs(found.runs) do
    rows[i] = { run.job, ("%s %s %s %s"):format(calendar.weekday_text(run.shown),
      calendar.date_text(run.shown), calendar.time_text(run.shown), run.kind.abbreviation),
      moments.text(run.start), run.note or "" }
  end
  if #rows > 0 then
    out:table({ "job", "runs at", "UTC", "" }, rows)
  else
    out:print "nothing runs in this time"
  end
  for _, change in ipairs(found.changes) do
    out:print(("%s: the clock goes from %s on %s"):format(change.zone,
      change.clock:gsub("%->", "to"), change.date))
  end
end

local function report(found, out)
  local values = {}
  for i, run in ipairs(found.runs) do values[i] = value_of(run) end
  out:result(function() show(found, out) end, { runs = core.json.array(values),
    changes = core.json.array(found.changes), more = found.more })
  if found.more then out:note "there are more runs; see them with --limit or a shorter time" end
  return 0
end

local function chosen(defined, name)
  if not name and #defined.jobs > 0 then return defined.jobs end
  local job, err = jobs.find(defined, name)
  return job and { job }, err
end

local function preview(args, out)
  if args.limit < 1 or args.limit > 100000 then
    return usage "--limit takes a number from 1 to 100000"
  end
  local values, chunk, err
  values, err = scripts.values(args.set)
  if not values then return nil, err end
  chunk, err = scripts.load(args.script, args.arg)
  if not chunk then return nil, err end
  scripts.set_paths(args.script)
  local defined = registry.new(values)
  registry.install(defined)
  chunk(table.unpack(args.arg))
  local list, found
  list, err = chosen(defined, args.job)
  if not list then return nil, err end
  found, err = collect_all(list, args)
  if not found then return nil, err end
  return report(found, out)
end

return {
  name = "cron",
  summary = "when the jobs of a script will run",
  description = "Looks at the jobs of a script, iflow.cron \"name\" { … } and iflow.every.",
  commands = {
    {
      name = "preview",
      summary = "list when the jobs of a script will run",
      description = "Executes SCRIPT, whose jobs are not run, and lists when each will run in a "
        .. "span of time: by the clock of its zone, with its jitter, and in UTC. Days on which the "
        .. "clock is changed are marked, with what that does to the run. A time is a date such as "
        .. "2026-03-29 or 2026-03-29T02:30, meant in the zone of the job, or with Z or an offset "
        .. "such as +02:00 after it.",
      arguments = { { "script", help = "the Lua file" } },
      rest = { "arg", owner = "the script", help = "arguments of the script, its table arg" },
      options = {
        { "--from", value = "TIME", help = "where to begin (default: now)" },
        { "--to", value = "TIME", help = "where to end, itself left out (default: a week on)" },
        { "--job", value = "NAME", complete = "job", help = "only this job" },
        { "--limit", value = "N", type = "integer", default = 1000,
          help = "list at most so many runs" },
        { "--set", value = "NAME=VALUE", multiple = true,
          help = "a value for the script, its iflow.args.NAME" },
      },
      error_code = "script.failed",
      run = preview,
    },
  },
}
