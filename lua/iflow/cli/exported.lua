-- exported.lua -- the call that a command shows for other clients (iflow curl, iflow postman): one
-- that is described as for `iflow call`, or the first message that a sender of a script makes of a
-- file.
local core = require "iflow.core"
local curl = require "iflow.cli.curl"
local definition = require "iflow.sender.definition"
local delivery = require "iflow.sender.delivery"
local errors = require "iflow.error"
local message = require "iflow.message"
local new_plan = require "iflow.export.plan"
local new_sending = require "iflow.sender.sending"
local registry = require "iflow.registry"
local scripts = require "iflow.cli.script"
local senders = require "iflow.cli.sender"
local tenants = require "iflow.cli.tenant"

local exported = {}

local function usage(text, hint)
  return nil, errors { code = "usage.invalid", message = text, hint = hint }
end

--- Option rows for the table of a command, beside its own.
function exported.options(rows)
  local all = table.move(rows, 1, #rows, 1, {})
  table.move({
    { "--auth", value = "WAY", choices = { "token", "certificate", "basic" }, default = "token",
      help = "how the call is authenticated" },
    { "--csrf", flag = true, help = "with the handshake for a CSRF token before it" },
    { "--script", value = "SCRIPT", help = "take the call from a sender of this script" },
    { "--sender", value = "NAME", complete = "sender",
      help = "the sender, when the script defines several" },
    { "--input", value = "FILE", help = "what the sender is given; its first message counts" },
    { "--set", value = "NAME=VALUE", multiple = true,
      help = "a value for the script, its iflow.args.NAME" },
  }, 1, 6, #all + 1, all)
  table.move(curl.options, 1, #curl.options, #all + 1, all)
  return tenants.with(all)
end

-- By the words ------------------------------------------------------------------------------------

local function described(args, out)
  for _, name in ipairs { "sender", "input" } do
    if args[name] then return usage(("--%s needs --script SCRIPT"):format(name)) end
  end
  if not args.to then
    return usage("what is to be called is missing: TO, or --script SCRIPT",
      "give a path such as /http/orders, or a full URL")
  elseif not args.service_key then
    return usage("no service key was given",
      "name the file with --service-key or in the variable IFLOW_SERVICE_KEY")
  end
  local request, err = curl.request(args)
  if not request then return nil, err end
  request.to, request.auth, request.csrf = args.to, args.auth, args.csrf or nil
  return new_plan.new(tenants.settings(args, out), request)
end

-- By a sender -------------------------------------------------------------------------------------

local function run_script(args)
  local values, err = scripts.values(args.set)
  if not values then return nil, err end
  local chunk
  chunk, err = scripts.load(args.script, {})
  if not chunk then return nil, err end
  scripts.set_paths(args.script)
  local defined = registry.new(values)
  registry.install(defined)
  local ok, failure = xpcall(chunk, errors.handler "script.failed")
  if ok then return defined end
  return nil, errors.wrap(failure, "script.failed")
end

local function sender_of(args, defined)
  if args.sender then return senders.find(defined, args.sender) end
  if #defined.names == 1 then return defined.senders[defined.names[1]] end
  if #defined.names == 0 then return usage "the script defines no sender" end
  return usage("the script defines several senders, and --sender names none of them",
    "it defines: " .. table.concat(defined.names, ", "))
end

-- The first message that the transforms make of the file, or nil, err.
local function first_message(sender, path)
  local stat, err = core.file.stat(path)
  if not stat then
    return nil, err or errors { code = "file.not_found", message = ("no file '%s'"):format(path) }
  end
  local found, why
  local run <close> = new_sending(sender, { limit = 1, dry = function(msg) found = found or msg end,
    each = function(_, _, failure) why = why or failure end })
  run:push(message.new { body = { file = path }, source = { file = path } })
  run:finish()
  if found then return found end
  return nil, why or errors { code = "usage.invalid",
    message = ("the sender '%s' makes no message of '%s'"):format(sender.name, path) }
end

local function settings_of(sender, args, out)
  local settings, own = tenants.settings(args, out), sender.options
  if own.trust ~= nil then settings.cacert = nil end
  if own.cacert ~= nil then settings.trust = nil end
  for _, name in ipairs(definition.for_tenant) do
    if own[name] ~= nil then settings[name] = own[name] end
  end
  return settings
end

local function of_sender(args, out)
  if args.to then return usage "TO and --script both say what is to be called: give one of them" end
  if not args.input then
    return usage("--script needs --input FILE: what the sender is given")
  end
  local defined, err = run_script(args)
  if not defined then return nil, err end
  local sender
  sender, err = sender_of(args, defined)
  if not sender then return nil, err end
  local msg, call
  msg, err = first_message(sender, args.input)
  if not msg then return nil, err end
  call, err = delivery.prepare(sender, msg)
  if not call then return nil, err end
  if args.csrf then call.csrf = true end
  local settings = settings_of(sender, args, out)
  if not settings.service_key then
    return usage("neither the sender nor the command line names a service key",
      "name the file with --service-key or in the variable IFLOW_SERVICE_KEY")
  end
  return new_plan.new(settings, call)
end

--- The plan (export/plan.lua) of what the words name, or nil, err.
function exported.plan(args, out)
  if args.script then return of_sender(args, out) end
  return described(args, out)
end

return exported
