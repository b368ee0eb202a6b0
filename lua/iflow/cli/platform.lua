-- platform.lua -- the options with which `iflow instance` is told which Cloud Foundry API it speaks
-- to and as whom, and what its commands have in common: the log-on, the progress line on a
-- terminal, warnings. --sandbox DIR stands for address, authority and user of the sandbox in DIR.
local core = require "iflow.core"
local errors = require "iflow.error"
local tenants = require "iflow.cli.tenant"

local platform = {}

local GROUP = "Platform options"

-- A row of the tenant's options, for the same thing here.
local function of_tenant(name)
  for _, row in ipairs(tenants.options) do
    if row[1]:find(name, 1, true) then
      return setmetatable({ group = GROUP }, { __index = row })
    end
  end
  error("no row " .. name)
end

platform.options = {
  { "--sandbox", value = "DIR", help = "the sandbox in DIR, instead of all of the following" },
  { "--api", value = "URL", env = "IFLOW_CF_API",
    help = "API endpoint of the subaccount; without it the log-on of the cf CLI counts" },
  { "--user", value = "NAME", env = "IFLOW_CF_USER", help = "who logs on" },
  { "--pass-file", value = "FILE", env = "IFLOW_CF_PASS_FILE",
    help = "file whose first line is the user's password; or credential:NAME, env:NAME, "
      .. "command:…" },
  { "--passcode-file", value = "FILE", env = "IFLOW_CF_PASSCODE_FILE",
    help = "file with a one-time passcode of single sign-on, instead of user and password" },
  { "--origin", value = "NAME", env = "IFLOW_CF_ORIGIN", help = "the user's identity provider" },
  { "--org", value = "NAME", env = "IFLOW_CF_ORG", help = "the organization" },
  { "--space", value = "NAME", env = "IFLOW_CF_SPACE", help = "the space" },
  { "--service", value = "NAME", env = "IFLOW_CF_SERVICE", default = "it-rt",
    help = "the service in the marketplace" },
}
for _, row in ipairs(platform.options) do row.group = GROUP end
for _, name in ipairs { "--cacert", "--proxy", "--verbose" } do
  platform.options[#platform.options + 1] = of_tenant(name)
end

platform.wait_option = { "--wait", value = "TIME", type = "duration", default = "10m",
                         help = "how long to wait until the platform has done it" }

--- The rows of a command: its own first.
function platform.with(rows)
  return table.move(platform.options, 1, #platform.options, #rows + 1, rows)
end

-- Opening ----------------------------------------------------------------------------------------

local function not_running(dir) return require("iflow.sandbox.client").not_running(dir) end

-- Address, authority and first user of a sandbox, as options of iflow.cf; --user is another one.
local function of_sandbox(args)
  local logon = core.json.decode(core.file.read(args.sandbox .. "/cf.json") or "")
  if type(logon) ~= "table" then return nil, not_running(args.sandbox) end
  local options = { api = logon.api, cacert = args.sandbox .. "/ca.pem", proxy = "",
                    user = logon.user, password = logon.password, org = logon.organization,
                    space = logon.space, space_guid = logon.space_guid }
  if args.user then
    options.user, options.password, options.pass_file = args.user, nil, args.pass_file
  end
  return options
end

local function settings(args)
  if args.sandbox then return of_sandbox(args) end
  if args.pass_file and args.passcode_file then
    return nil, errors { code = "usage.invalid",
                         message = "--pass-file and --passcode-file exclude each other" }
  end
  return { api = args.api, user = args.user, pass_file = args.pass_file,
           passcode_file = args.passcode_file, origin = args.origin, org = args.org,
           space = args.space, cacert = args.cacert, proxy = args.proxy }
end

local function open(args)
  if args.verbose and args.log_level ~= "trace" then core.log.level "debug" end
  local options, err = settings(args)
  if not options then return nil, err end
  options.service, options.verbose = args.service, args.verbose or nil
  return require "iflow.cf" (options)
end

-- Running ----------------------------------------------------------------------------------------

-- A line that is written over, for a person who waits; nobody else sees it.
local function progress_line()
  if not core.file.is_terminal(2) then return nil end
  return function(job)
    io.stderr:write("\r\27[K")
    if job.state ~= "ENDED" then
      io.stderr:write(("%s … %s, %d s"):format(job.what, job.state:lower(), job.elapsed // 1))
    end
    io.stderr:flush()
  end
end

--- The run of a command that speaks to the platform. prepare(args, out) -> a table | nil, err: what
--- can be told before anybody is asked; without it there is an empty one. Its wait and progress are
--- filled in. fn(cf, args, out, prepared) -> exit code | nil, err; cf: an iflow.cf.
function platform.run(fn, prepare)
  return function(args, out)
    local cf, prepared, code, err
    prepared, err = (prepare or function() return {} end)(args, out)
    if not prepared then return nil, err end
    cf, err = open(args)
    if not cf then return nil, err end
    prepared.wait, prepared.progress = args.wait, progress_line()
    code, err = fn(cf, args, out, prepared)
    if err and err.code == "net.connect" and args.sandbox then err = not_running(args.sandbox) end
    return code, err
  end
end

--- For commands that change something: a signal ends the command, not what the platform does.
function platform.when_stopped(out)
  if core.file.is_terminal(2) then io.stderr:write("\r\27[K") end
  out:note(out.name .. ": interrupted; what the platform was asked for may still be done: look "
    .. "with iflow instance list")
end

--- Shows what the platform, or a check of ours, has to say beside the result.
function platform.warn(out, warnings)
  for _, text in ipairs(warnings) do out:warn(text) end
end

--- The JSON object in the file of --parameters; nil when none was named. Or nil, err.
function platform.parameters(path)
  if not path then return nil end
  local text, err = core.file.read(path, 1024 * 1024)
  if not text then return nil, err end
  local value
  value, err = core.json.decode(text)
  if type(value) == "table" and not core.json.is_array(value) then return value end
  return nil, errors { code = "json.invalid",
    message = ("'%s' holds no JSON object%s"):format(path, err and ": " .. err.message or "") }
end

return platform
