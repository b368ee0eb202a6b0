-- serve.lua -- iflow serve SCRIPT…: runs the senders and triggers of scripts as a service over one
-- outbox, until SIGTERM or SIGINT, and answers the commands that ask for it meanwhile.
local boxes = require "iflow.outbox"
local core = require "iflow.core"
local duration = require "iflow.duration"
local guard = require "iflow.guard"
local new_control = require "iflow.service.control"
local new_reloads = require "iflow.cli.reloading"
local new_systemd = require "iflow.service.systemd"
local new_semaphore = require "iflow.semaphore"
local new_waiters = require "iflow.waiters"
local outboxes = require "iflow.cli.outbox"
local registry = require "iflow.registry"
local scripts = require "iflow.cli.script"
local services = require "iflow.service"
local sizes = require "iflow.cli.size"
local spawned = require "iflow.spawned"
local tenants = require "iflow.cli.tenant"

-- Bytes of the disk that are kept: what SQLite's log may have to move into the database (32 MiB),
-- and something for changes.
local RESERVE = 40 * 1024 * 1024

local function say(text, ...) core.log.write("info", "serve", text:format(...)) end

-- The outbox ------------------------------------------------------------------------------------

-- Where it is, whatever directory somebody looks at the log from.
local function absolute(path)
  local dir, name = path:match "^(.*/)([^/]*)$"
  dir = core.file.absolute(dir or ".")
  return dir and (dir == "/" and "" or dir) .. "/" .. (name or path) or path
end

-- Opened when the first message is to be stored, or when the scripts have run: wrong scripts leave
-- no file behind.
local function maker(args, running, defined)
  local opening = new_semaphore(1) -- a task that the scripts have started may ask, too
  return function()
    local _ <close> = opening:acquire()
    if running.service then return running.service end
    local box, err = boxes.open { path = running.path, durability = args.durability,
      max_messages = args.max_messages, max_bytes = args.max_bytes, retention = args.retention,
      reserve = RESERVE }
    if not box then return nil, err end
    running.box = box
    running.service = services.new { outbox = box, registry = defined }
    running.service.key_age = args.key_age and duration.seconds(args.key_age)
    return running.service
  end
end

local function close(running)
  if running.ui then running.ui:close() end
  if running.control then running.control:close() end
  if running.box then running.box:close() end
end

-- Telling ---------------------------------------------------------------------------------------

local function names_of(list)
  local names = {}
  for i, item in ipairs(list) do names[i] = ("%s '%s'"):format(item.kind or "job", item.name) end
  return table.concat(names, ", ")
end

local function tell_counts(counts)
  local left = counts.ready + counts.started
  return ("%d messages waiting, %d in doubt, %d rejected"):format(left, counts.in_doubt,
    counts.rejected)
end

local function tell_start(args, running, counts)
  local defined = running.service.registry
  say("scripts: %s", table.concat(args.script, ", "))
  say("senders: %s", #defined.names > 0 and table.concat(defined.names, ", ") or "none")
  local triggers = table.move(defined.triggers, 1, #defined.triggers, #defined.jobs + 1,
    table.move(defined.jobs, 1, #defined.jobs, 1, {}))
  say("triggers: %s", #triggers > 0 and names_of(triggers) or "none")
  say("outbox: %s, durability %s, %s", running.path, args.durability, tell_counts(counts))
  say("control endpoint: http://%s, ready at /ready", running.control:address())
  if not running.ui then return end
  say("page: http://%s, its token is in %s", running.ui:address(), running.ui.path)
  if core.file.is_terminal(2) then io.stderr:write("open ", running.ui:url(), "\n") end
end

local function values_of(args, running, counts)
  local defined = running.service.registry
  local triggers = core.json.array {}
  for _, list in ipairs { defined.jobs, defined.triggers } do
    for _, item in ipairs(list) do
      triggers[#triggers + 1] = { kind = item.kind or "job", name = item.name }
    end
  end
  return { outbox = running.path, durability = args.durability, counts = counts,
    control = running.control:address(), pid = core.process.pid(), triggers = triggers,
    ui = running.ui and running.ui:address() or nil,
    senders = core.json.array(defined.names), scripts = core.json.array(args.script) }
end

-- From start to stop ----------------------------------------------------------------------------

-- The page for a browser, when it is asked for.
local function open_page(args, running)
  if not args.ui then return true end
  local new_ui = require "iflow.service.ui" -- here, since others do without it
  local err
  running.ui, err = new_ui { service = running.service, outbox = running.path, host = args.ui.host,
    port = args.ui.port, exposition = running.control.exposition }
  return running.ui, err
end

local function start(args, out, running)
  local control, err = new_control { service = running.service, outbox = running.path,
    host = args.control and args.control.host, port = args.control and args.control.port }
  if not control then return nil, err end
  running.control = control
  local ok
  ok, err = open_page(args, running)
  if not ok then return nil, err end
  ok, err = running.service:start()
  if not ok then return nil, err end
  local counts
  counts, err = running.box:counts()
  if not counts then return nil, err end
  running.before = counts
  tell_start(args, running, counts)
  if out.json_mode then out:json(values_of(args, running, counts)) end
  io.stdout:flush()
  running.systemd:ready(tell_counts(counts))
  return true
end

-- From here on a signal ends the service gently, also one that comes while it starts.
local function heed(signals)
  local wish = { waiting = new_waiters() }
  function signals.stop(name)
    wish.signal = wish.signal or "SIG" .. name
    wish.waiting:wake_all(true)
  end
  return wish
end

-- Waits until a signal comes, or the service has nothing more to wait for: why, and whether it was
-- a signal. service.ended(why), service.end_asked: the only trigger has come to its end.
local function await_end(running, wish)
  local ended = running.service.end_asked
  function running.service.ended(why)
    ended = ended or why
    wish.waiting:wake_all(true)
  end
  if not (wish.signal or ended) then wish.waiting:wait() end
  return wish.signal or ended, wish.signal ~= nil
end

-- The exit code: told to stop, it leaves messages to its next start, and that is fine.
local function stop(running, grace, why, told)
  say("%s: stopping; what is in flight has %s", why, duration.text(grace))
  running.systemd:stopping()
  running.reloads:stop()
  running.control:stopping()
  running.service:stop(grace)
  local counts, err = running.box:counts()
  if not counts then return nil, err end
  say("stopped, %s", tell_counts(counts))
  return told and 0 or outboxes.exit_code(running.before, counts)
end

local function serve(args, out, running, signals, make)
  local ok, err = running.reloads:first(running.defined)
  if not ok then return nil, err end
  local service
  service, err = make()
  if not service then return nil, err end
  local wish = heed(signals)
  ok, err = start(args, out, running)
  if not ok then
    service:stop(0)
    return nil, err
  end
  running.reloads:begin()
  return stop(running, args.grace, await_end(running, wish))
end

-- What a run of Lua from one wait to the next, and all Lua, may take.
local function limit(args, host)
  guard.seconds = duration.seconds(args.script_time)
  host.limit { seconds = guard.seconds, turn_bytes = sizes.bytes(args.script_memory),
    bytes = sizes.bytes(args.memory) }
end

local function run(args, out, signals)
  local values, err = scripts.values(args.set)
  if not values then return nil, err end
  args.grace = duration.seconds(args.grace)
  limit(args, signals)
  require "iflow.tenant".defaults = tenants.settings(args, out)
  local defined = registry.new(values)
  local systemd <close> = new_systemd()
  local running = { path = absolute(outboxes.path(args)), defined = defined, systemd = systemd }
  local make = maker(args, running, defined)
  defined.make_service = make
  registry.install(defined)
  local tasks <close> = spawned(function(failure)
    core.log.write("error", "serve", "a task of a script failed: "
      .. tostring(failure):gsub("\nstack traceback:.*", ""))
  end)
  running.reloads = new_reloads { scripts = args.script, values = values, running = running,
    tasks = tasks }
  running.reloads.asked = signals.reload_asked
  function signals.reload() running.reloads:ask() end
  local _ <close> = setmetatable({}, { __close = function() -- also when an error ends it
    if running.ui then running.ui:abort() end
    if running.control then running.control:abort() end
  end })
  local code
  code, err = serve(args, out, running, signals, make)
  close(running)
  return code, err
end

-- Options ---------------------------------------------------------------------------------------

local function control_address(word)
  local host, port = new_control.parse(word)
  if not host then return nil, port end
  return { host = host, port = port }
end

local function positive(number)
  if number < 1 then return nil, "must be 1 or more" end
  return number
end

return {
  name = "serve",
  summary = "run the senders and triggers of scripts as a service",
  description = "Runs each SCRIPT, then starts what they define: cron and interval jobs, watched "
    .. "directories, relays, standard input. What their triggers enqueue is kept in the outbox "
    .. "until it is delivered, also what an earlier run left there. Runs until SIGTERM or SIGINT: "
    .. "then nothing new is taken, what is in flight ends within the grace time, and the rest "
    .. "stays in the outbox; a second signal ends it at once. SIGHUP reads the scripts again: "
    .. "what is wrong with them is logged, and what was served before goes on. GET /ready at the "
    .. "control endpoint tells whether messages can be delivered.",
  arguments = { { "script", args = "+", help = "the Lua files; their senders and triggers share "
    .. "one outbox" } },
  options = tenants.with {
    outboxes.option,
    { "--control", value = "ADDRESS", convert = control_address, help = "where the control "
      .. "endpoint listens, on loopback: HOST:PORT or PORT (default: a free port)" },
    { "--ui", value = "ADDRESS", convert = control_address, help = "show a page for a browser, on "
      .. "loopback: HOST:PORT or PORT, such as 127.0.0.1:8383 (default: no page)" },
    { "--grace", value = "TIME", type = "duration", default = "30s",
      help = "how long a stop waits for what is in flight" },
    { "--durability", value = "LEVEL", choices = { "full", "normal" }, default = "full",
      help = "what an accepted message survives: a loss of power, or a crash of the process" },
    { "--max-messages", value = "N", type = "integer", convert = positive,
      help = "messages the outbox takes until it refuses more (default: 10000000)" },
    { "--max-bytes", value = "N", type = "integer", convert = positive,
      help = "bytes of bodies the outbox takes (default: 64 GiB)" },
    { "--retention", value = "TIME", type = "duration",
      help = "how long a delivered message is known, so that it is not sent twice (default: 7d)" },
    { "--script-time", value = "TIME", type = "duration", default = "10s",
      help = "how long a function of a script may run without waiting until it is stopped; 0: for "
        .. "ever" },
    { "--script-memory", value = "SIZE", convert = sizes.check, default = "256M",
      help = "what it may take in that time, such as 64M; 0: anything" },
    { "--memory", value = "SIZE", convert = sizes.check, default = "1G",
      help = "what all of Lua may take" },
    { "--key-age", value = "TIME", type = "duration",
      help = "tell in the log of service keys that are older than this, such as 180d" },
    { "--set", value = "NAME=VALUE", multiple = true,
      help = "a value for the scripts, their iflow.args.NAME" },
  },
  defaults = { log_level = "info", log_format = "auto" },
  error_code = "script.failed",
  graceful = true,
  run = run,
}
