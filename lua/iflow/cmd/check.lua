-- check.lua -- iflow check [TO]: the doctor. Goes the way of a call step by step, prints a line for
-- each step with its verdict and what was found, and under it what to do. With --nagios it is one
-- line for a monitoring system; with --bundle it writes an archive for whoever is to help.
local bundles = require "iflow.cli.bundle"
local check = require "iflow.check"
local core = require "iflow.core"
local curl = require "iflow.cli.curl"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local lists = require "iflow.cli.root_lists"
local nagios = require "iflow.check.nagios"
local registry = require "iflow.registry"
local scripts = require "iflow.cli.script"
local senders = require "iflow.cli.sender"
local shown = require "iflow.cli.check_report"
local tenants = require "iflow.cli.tenant"

local json = core.json

local command -- what this file returns

local function usage(text, hint)
  return nil, errors { code = "usage.invalid", message = text, hint = hint }
end

-- Running ---------------------------------------------------------------------------------------

-- The token that this run has got, for a bundle to know what must not be in it.
local function token_of(subject, report)
  local tenant = subject.tenant
  for _, result in ipairs(report.steps) do
    if result.step == "token server" and result.verdict == "fine" then
      local token = (tenant.rotation and tenant.rotation.active or tenant):token()
      return token and token.access
    end
  end
end

-- Writes the bundle that was asked for: what JSON says of it, nil when there is none, or nil, err.
local function write_bundle(subject, report, out)
  local args, tenant, sender = subject.args, subject.tenant, subject.sender
  if not args.bundle then return nil end
  local files, err = bundles.write(args, out, subject.command, { report = shown.value(report),
    options = tenant and tenant.options or tenants.settings(args, out), api = subject.options.api,
    key = tenant and tenant.service_key, token = token_of(subject, report),
    sender = sender and sender.options })
  if not files then return nil, err end
  local names = json.array {}
  for i, file in ipairs(files) do names[i] = file.name end
  return { path = args.bundle, files = names }
end

-- Prints each line when it is known: a step may take its time. subject: { args, options, command,
-- tenant =, why = it is not open, sender = }
local function examine(subject, out)
  local limits, began = out.limits, core.task.monotonic()
  local each = not out.json_mode and not limits and function(result) shown.step(out, result) end
  local report = check.run(subject.tenant, subject.options, subject.why, each or nil)
  if limits then
    limits.seconds = core.task.monotonic() - began
    return shown.status(nagios(report, limits), out, report)
  end
  local bundle, err = write_bundle(subject, report, out)
  if err then return nil, err end
  return shown.finish(report, out, bundle)
end

-- What is asked ----------------------------------------------------------------------------------

local csrf = { always = true, auto = nil, never = false }

local function options_of(args)
  local roots, err
  if args.lb_roots or args.token_roots then roots, err = lists.load(args) end
  if err then return nil, err end
  -- What is critical is a warning, too, whichever of the two is more.
  local days = args.nagios and math.max(args.warning, args.critical) or args.warning
  local options = { to = args.to, auth = args.auth, api = args.api_key, role = args.role,
    csrf = csrf[args.csrf], send = args.send or nil, timeout = args.max_time, roots = roots,
    warn_days = days, key_age = args.key_age, offline = args.offline or nil }
  for _, pair in ipairs { { "offline", "send" }, { "nagios", "bundle" } } do
    if args[pair[1]] and args[pair[2]] then
      return usage(("--%s and --%s exclude each other"):format(pair[1], pair[2]))
    end
  end
  if not args.send then
    if #args.data > 0 then return usage("data without --send: nothing is sent unless asked") end
    return options
  elseif not args.to and not args.script then
    return usage("--send needs TO, the endpoint")
  end
  local request
  request, err = curl.request(args)
  if not request then return nil, err end
  options.method = args.request or "POST"
  options.headers, options.body = request.headers, request.body
  return options
end

-- Options of a sender that hold for every message.
local function plain(value, kind) return type(value) == kind and value or nil end

local function add_sender(options, sender)
  local own = sender.options
  options.to = options.to or plain(own.to, "string")
  options.auth = plain(own.auth, "string") or options.auth
  options.api = options.api or own.api
  if options.csrf == nil then options.csrf = plain(own.csrf, "boolean") or nil end
  if options.send then options.method = plain(own.method, "string") or options.method end
end

local function sender_of(args, out)
  local values, err = scripts.values(args.set)
  if not values then return nil, err end
  local chunk
  chunk, err = scripts.load(args.script, {})
  if not chunk then return nil, err end
  scripts.set_paths(args.script)
  require "iflow.tenant".defaults = tenants.settings(args, out)
  local defined = registry.new(values)
  registry.install(defined)
  local ran, why = xpcall(chunk, errors.handler "script.failed")
  if not ran then return nil, errors.wrap(why, "script.failed") end
  if args.sender then return senders.find(defined, args.sender) end
  if #defined.names == 1 then return defined.senders[defined.names[1]] end
  return usage(#defined.names == 0 and "the script defines no sender"
    or "the script defines several senders; say which one with --sender",
    #defined.names > 0 and "it defines: " .. table.concat(defined.names, ", ") or nil)
end

local function check_sender(subject, out)
  local sender, err = sender_of(subject.args, out)
  if not sender then return nil, err end
  add_sender(subject.options, sender)
  local ok, why = sender:open()
  subject.sender, subject.tenant, subject.why = sender, ok and sender.tenant, why
  local code
  code, err = examine(subject, out)
  sender:close()
  return code, err
end

local function check_tenant(subject, out)
  subject.tenant, subject.why = tenants.open(subject.args, out)
  local code, err = examine(subject, out)
  if subject.tenant then subject.tenant:close() end
  return code, err
end

local function run_check(args, out)
  local options, err = options_of(args)
  if not options then return nil, err end
  if args.sender and not args.script then return usage "--sender needs --script" end
  local ok
  ok, err = bundles.check(args)
  if not ok then return nil, err end
  local subject = { args = args, options = options, command = command }
  if args.script then return check_sender(subject, out) end
  return check_tenant(subject, out)
end

-- For a monitoring system every failure of ours is UNKNOWN, not one of what is looked at.
local function run_for_nagios(args, out)
  out.limits = { warning = args.warning, critical = args.critical,
    key_age = args.key_age and duration.seconds(args.key_age) }
  local ok, code, err = xpcall(run_check, errors.handler "system.internal", args, out)
  if not ok and errors.is(code) and code.code == "task.canceled" then error(code, 0) end
  if ok and code then return code end
  return shown.status(nagios.failure(ok and err or errors.wrap(code, "system.internal")), out)
end

local function run(args, out)
  if args.nagios then return run_for_nagios(args, out) end
  return run_check(args, out)
end

-- The words themselves are wrong.
local function misused(rest, err, out)
  for _, word in ipairs(rest) do
    if word == "--nagios" then return shown.status(nagios.failure(err), out) end
  end
  return out:fail(err)
end

-- Options ----------------------------------------------------------------------------------------

-- What would send something is asked for at each check, not by a variable that is there for calls.
local function asked_here(row) return setmetatable({ env = false }, { __index = row }) end

local function days(number)
  if number < 0 then return nil, "must be 0 or more" end
  return number
end

command = {
  name = "check",
  summary = "the doctor: every step from DNS to the role, and what to do",
  description = "Goes the way of a call step by step and prints for each one what it found, with "
    .. "what to do when something is wrong. It sends no message unless --send asks for it: what "
    .. "only a message could tell is 'unknown'. Without TO it ends at the runtime. The exit code "
    .. "is that of the first failure; when nothing failed 10, 11 or 12 for a credential that ends "
    .. "in less than 30, 7 or 1 days (10 also for a key older than --key-age), else 0. With "
    .. "--nagios it is 0 OK, 1 WARNING, 2 CRITICAL or 3 UNKNOWN.",
  arguments = { { "to", args = "?", help = "path under the service key's url, or a full URL" } },
  options = tenants.with(lists.with {
    { "--script", value = "SCRIPT", env = false, help = "check a sender of this script" },
    { "--sender", value = "NAME", env = false, complete = "sender",
      help = "which one, when there are several" },
    { "--set", value = "NAME=VALUE", multiple = true,
      help = "a value for the script, its iflow.args.NAME" },
    { "--auth", value = "WAY", choices = { "token", "certificate", "basic" }, default = "token",
      help = "how the call is authenticated" },
    { "--csrf", value = "WHEN", choices = { "auto", "always", "never" }, default = "auto",
      env = false,
      help = "always: CSRF Protected is on in the channel, so fetching its token runs no flow" },
    { "--api-key", value = "FILE", help = "service key of plan api: it knows what is deployed" },
    { "--role", value = "ROLE", help = "the User Role of the sender channel" },
    { "--send", flag = true, env = false, help = "send a message: the flow runs" },
    { "--offline", flag = true, env = false,
      help = "only what the files say: dates, keys, chain; nobody is asked" },
    { "--key-age", value = "TIME", type = "duration",
      help = "warn of a service key that is older than this, such as 180d" },
    { "--nagios", flag = true, env = false, help = "one line for Nagios, Icinga or Checkmk, with "
      .. "figures, and their exit codes" },
    { "--warning", value = "DAYS", type = "integer", convert = days, default = 30, env = false,
      help = "days before the end of a credential from which on that is a warning" },
    { "--critical", value = "DAYS", type = "integer", convert = days, default = 7, env = false,
      help = "with --nagios: less days than this are critical" },
    asked_here(curl.options[1]), asked_here(curl.options[2]), asked_here(curl.options[3]),
    asked_here(curl.options[4]), bundles.options[1], bundles.options[2], bundles.options[3],
    bundles.options[4], bundles.options[5],
  }),
  misused = misused,
  run = run,
}

return command
