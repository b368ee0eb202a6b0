-- run.lua -- iflow run SCRIPT: executes a Lua script inside iflow.run, with strict globals; with
-- --no-strict as the stock interpreter would: with its globals, and outside of iflow.run. The
-- exit code is what the script returns (an integer; nothing or true is 0, false is 1), or that of
-- the error it returned as `nil, err` or did not catch. With --sender, one of its senders sends a
-- file afterwards (cli/sender.lua); with --job, one of its jobs runs once (cli/job.lua).
local core = require "iflow.core"
local enqueued = require "iflow.cli.enqueued"
local errors = require "iflow.error"
local lazy = require "iflow.lazy"
local outboxes = require "iflow.cli.outbox"
local registry = require "iflow.registry"
local scripts = require "iflow.cli.script"
local tenants = require "iflow.cli.tenant"

local jobs = lazy "iflow.cli.job"
local senders = lazy "iflow.cli.sender"

local function sender_rows(defined)
  local rows, values = {}, {}
  for i, name in ipairs(defined.names) do
    local sender = defined.senders[name]
    local to = type(sender.options.to) == "string" and sender.options.to or "(a function)"
    rows[i] = { name, to, sender.place }
    values[i] = { name = name, to = to, place = sender.place }
  end
  return rows, #values > 0 and values or nil
end

local function job_rows(defined)
  local rows, values = {}, {}
  for i, job in ipairs(defined.jobs) do
    local at, zone = job.options.at, job.schedule.zone.name
    rows[i] = { job.name, at, zone, job.place }
    values[i] = { name = job.name, at = at, zone = zone, place = job.place }
  end
  return rows, #values > 0 and values or nil
end

local function trigger_rows(defined)
  local rows, values = {}, {}
  for i, trigger in ipairs(defined.triggers) do
    rows[i] = { trigger.kind, trigger.name, trigger.place }
    values[i] = { kind = trigger.kind, name = trigger.name, place = trigger.place }
  end
  return rows, #values > 0 and values or nil
end

-- A script that only defines senders and jobs has done nothing yet: tells what can be done with it.
local function list(defined, path, out)
  local senders_shown, sender_values = sender_rows(defined)
  local jobs_shown, job_values = job_rows(defined)
  local triggers_shown, trigger_values = trigger_rows(defined)
  out:result(function()
    if sender_values then out:table({ "sender", "to", "defined at" }, senders_shown) end
    if job_values then out:table({ "job", "at", "zone", "defined at" }, jobs_shown) end
    if trigger_values then out:table({ "trigger", "name", "defined at" }, triggers_shown) end
  end, { senders = sender_values, jobs = job_values, triggers = trigger_values })
  if sender_values then
    out:note(("nothing was sent; to send a file: iflow run %s --sender %s --input FILE"):format(
      path, defined.names[1]))
  end
  if job_values then
    out:note(("no job was run; to run one now: iflow run %s --job %s"):format(path,
      defined.jobs[1].name))
  end
  if trigger_values then out:note("its triggers run with: iflow serve " .. path) end
  return 2
end

local function only_defines(defined, ...)
  if #defined.names + #defined.jobs + #defined.triggers == 0 then return false end
  if select("#", ...) > 0 then return false end
  for _, name in ipairs(defined.names) do
    if defined.senders[name].used then return false end
  end
  return true
end

-- What comes after the script itself has run without an error.
local function after_script(args, out, defined, ...)
  if not args.sender and not args.job then
    if only_defines(defined, ...) then return list(defined, args.script, out) end
    return scripts.result(...)
  end
  local code, err = scripts.result(...)
  if not code then return nil, err end
  local found
  if args.job then
    found, err = jobs.find(defined, args.job)
    if not found then return nil, err end
    return scripts.result(jobs.run(found))
  end
  found, err = senders.find(defined, args.sender)
  if not found then return nil, err end
  return senders.run(found, args, out)
end

local function check_words(args)
  if args.limit and args.limit < 1 then
    return nil, errors { code = "usage.invalid", message = "--limit takes a number from 1 on" }
  end
  if args.sender and args.job then
    return nil, errors { code = "usage.invalid", message = "--sender or --job, not both" }
  end
  if args.sender then return true end
  for _, name in ipairs { "input", "again", "dry_run", "limit", "rejects" } do
    if args[name] then
      return nil, errors { code = "usage.invalid", message = ("--%s needs --sender NAME"):format(
        (name:gsub("_", "-"))) }
    end
  end
  return true
end

-- What the script did is followed by what the options ask for.
local function run_strict(args, out, defined, chunk)
  local messages <close> = enqueued(args, out, defined)
  local code, err = after_script(args, out, defined, chunk(table.unpack(args.arg)))
  return messages:finish(out, code, err)
end

-- The script calls iflow.run itself, and what the options ask for gets one of its own.
local function run_plain(args, out, defined, chunk)
  local messages = enqueued(args, out, defined)
  local results = table.pack(chunk(table.unpack(args.arg)))
  return core.task.run(function()
    local _ <close> = messages
    return messages:finish(out, after_script(args, out, defined,
      table.unpack(results, 1, results.n)))
  end)
end

local function run(args, out)
  local ok, err = check_words(args)
  if not ok then return nil, err end
  local values
  values, err = scripts.values(args.set)
  if not values then return nil, err end
  local chunk
  chunk, err = (args.no_strict and scripts.load_plain or scripts.load)(args.script, args.arg)
  if not chunk then return nil, err end
  scripts.set_paths(args.script)
  require "iflow.tenant".defaults = tenants.settings(args, out)
  local defined = registry.new(values)
  registry.install(defined)
  return (args.no_strict and run_plain or run_strict)(args, out, defined, chunk)
end

return {
  name = "run",
  summary = "run a Lua script once, send a file with one of its senders, or run a job of it",
  description = "Runs SCRIPT, a plain Lua 5.4 script that may wait: iflow.tenant, iflow.sender, "
    .. "iflow.sleep and so on work without further ado. Undeclared globals are errors. What the "
    .. "script does not tell iflow.tenant itself comes from the tenant options. The exit code is "
    .. "the integer the script returns, or that of the error it ends with. With --sender, the "
    .. "script is run first and then its sender sends the input; the exit code tells how that "
    .. "ended. With --job, that job runs once, now, which is what a crontab calls. A script that "
    .. "only defines senders and jobs, run with neither, lists them.",
  arguments = { { "script", help = "the Lua file" } },
  rest = { "arg", owner = "the script", help = "arguments of the script, its table arg" },
  options = tenants.with {
    { "--sender", value = "NAME", complete = "sender",
      help = "send with this sender of the script" },
    { "--input", value = "FILE", help = "what to send: a file, - for standard input" },
    { "--again", value = "FILE", help = "send what an earlier run wrote down as not delivered" },
    { "--job", value = "NAME", complete = "job", help = "run this job of the script once, now" },
    { "--dry-run", flag = true, help = "send nothing, show what would be sent" },
    { "--limit", value = "N", type = "integer", help = "send at most so many messages" },
    { "--rejects", value = "FILE",
      help = "where to write what was not delivered (default: NAME.rejected-TIME.jsonl)" },
    outboxes.option,
    { "--drain", value = "TIME", type = "duration", default = "5m",
      help = "how long to wait in the end until what was enqueued is delivered" },
    { "--no-strict", flag = true, help = "run it as lua5.4 would, a program that knows nothing of "
      .. "iflow: undeclared globals are nil, and it calls iflow.run itself where it waits" },
    { "--set", value = "NAME=VALUE", multiple = true,
      help = "a value for the script, its iflow.args.NAME" },
  },
  error_code = "script.failed",
  by_itself = function(args) return args.no_strict end,
  run = run,
}
