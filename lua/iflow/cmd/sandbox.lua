-- sandbox.lua -- iflow sandbox start|stop|deploy|log|…: runs the embedded tenant, in the foreground
-- or in the background, and changes a running one over its admin path. Its other commands are files
-- in sandbox/.
local assignments = require "iflow.cmd.sandbox.assignments"
local client = require "iflow.sandbox.client"
local core = require "iflow.core"
local errors = require "iflow.error"
local program = require "iflow.cli.program"
local settings = require "iflow.sandbox.settings"

local READY_WAIT = 15 -- seconds for a sandbox in the background to answer
local STOP_WAIT = 15
local LOOK_AGAIN = 0.02

local dir_option = require("iflow.cli.sandbox").dir_option

-- start ------------------------------------------------------------------------------------------

local function show(out, pid, endpoints)
  out:result(function()
    for _, name in ipairs { "token", "token_cert", "runtime", "api", "cf", "cacert" } do
      out:print(("%-10s  %s"):format(name, endpoints[name]))
    end
  end, { pid = pid, endpoints = endpoints })
end

-- What --set gave, as values of the settings' types.
local function settings_of(args)
  local given, err = assignments(args.set)
  if not given then return nil, err end
  for name, text in pairs(given) do
    local change
    change, err = settings.change(name, text)
    if not change then return nil, err end
    given[name] = change.value
  end
  return given
end

local function run_here(args, out)
  local sandbox = require "iflow.sandbox" -- here: it is much, and no other command needs it
  local given, err = settings_of(args)
  if not given then return nil, err end
  local sb <close>, why = sandbox.start { dir = args.dir, port = args.port,
                                          hostname = args.hostname, settings = given }
  if not sb then return nil, why end
  show(out, core.process.pid(), sb.endpoints)
  io.stdout:flush()
  sb:wait()
  return 0
end

local function command_line(args, log)
  local line, err = program.line { "sandbox", "start", "--dir", args.dir,
    "--log-level", args.log_level, "--log-format", args.log_format }
  if not line then return nil, err end
  line.log = log
  if args.port then table.move({ "--port", tostring(args.port) }, 1, 2, #line + 1, line) end
  if args.hostname then table.move({ "--hostname", args.hostname }, 1, 2, #line + 1, line) end
  for _, word in ipairs(args.set) do table.move({ "--set", word }, 1, 2, #line + 1, line) end
  return line
end

-- Why a sandbox ended at once: the error that it wrote into its log (cli/output.lua).
local function last_words(log, from)
  local text = (core.file.read(log) or ""):sub(from + 1)
  local code, message, rest = text:match "iflow sandbox start: (%l[%l_]*%.[%l_]+): ([^\n]*)\n(.*)$"
  if code then
    return errors { code = code, message = message, hint = rest:match "what to do: ([^\n]*)" }
  end
  text = text:gsub("%s+$", ""):sub(-2000)
  return errors { code = "sandbox.failed", hint = "see " .. log,
    message = "the sandbox did not start: " .. (text ~= "" and text or "it said nothing") }
end

local function size_of(path)
  local stat = core.file.stat(path)
  return stat and stat.size or 0
end

-- Looks until the sandbox of that process answers, or is gone.
local function await_ready(dir, pid, log, from)
  local deadline = core.task.monotonic() + READY_WAIT
  repeat
    if core.process.status(pid) == "ended" then
      return nil, last_words(log, from)
    end
    local remote = client.open(dir)
    local status = remote and remote:status()
    if status and status.pid == pid then return status end
    core.task.sleep(LOOK_AGAIN)
  until core.task.monotonic() > deadline
  return nil, errors { code = "sandbox.failed", hint = "see " .. log,
    message = ("the sandbox (process %d) does not answer after %d s"):format(pid, READY_WAIT) }
end

local function run_behind(args, out)
  local ok, err = core.file.mkdir(args.dir, "0700")
  if not ok then return nil, err end
  local log = args.dir .. "/sandbox.log"
  local line
  line, err = command_line(args, log)
  if not line then return nil, err end
  local from = size_of(log)
  local pid
  pid, err = core.process.detach(line)
  if not pid then return nil, err end
  local status
  status, err = await_ready(args.dir, pid, log, from)
  if not status then return nil, err end
  show(out, pid, status.endpoints)
  return 0
end

local start = {
  name = "start",
  summary = "start a sandbox tenant",
  description = "Starts token servers, load balancer, worker and service broker on five "
    .. "consecutive ports of 127.0.0.1. DIR/endpoints.json says where they are, DIR/ca.pem is the "
    .. "root to trust, DIR/cf.json has a user of the Cloud Foundry API. Without --detach it runs "
    .. "until it is stopped.",
  options = {
    dir_option,
    { "--port", value = "N", type = "integer", env = "IFLOW_SANDBOX_PORT",
      help = "the first of the five ports; else those of the last start, or free ones" },
    { "--hostname", value = "NAME", env = "IFLOW_SANDBOX_HOSTNAME",
      help = "the host in URLs and keys, for clients that cannot resolve *.localhost" },
    { "--set", value = "NAME=VALUE", multiple = true, env = false,
      help = "a setting, kept for later starts; see: iflow sandbox settings" },
    { "--detach", flag = true, env = false, help = "return when it is ready; it runs on" },
  },
  run = function(args, out)
    if args.port and (args.port < 1 or args.port > 65531) then
      return nil, errors { code = "usage.invalid", message = "--port takes 1 to 65531",
                            hint = "five consecutive ports are needed" }
    end
    local ok, err = settings_of(args)
    if not ok then return nil, err end
    return (args.detach and run_behind or run_here)(args, out)
  end,
}

-- stop -------------------------------------------------------------------------------------------

-- The lock is free once everything else has ended.
local function await_end(dir)
  local deadline = core.task.monotonic() + STOP_WAIT
  repeat
    local lock, err = core.file.lock(dir .. "/sandbox.lock")
    if lock then
      lock:close()
      return true
    elseif err.code ~= "file.locked" then
      return nil, err
    end
    core.task.sleep(LOOK_AGAIN)
  until core.task.monotonic() > deadline
  return nil, errors { code = "sandbox.failed",
    message = ("the sandbox in '%s' has not ended after %d s"):format(dir, STOP_WAIT) }
end

local stop = {
  name = "stop",
  summary = "end a sandbox",
  options = { dir_option },
  run = function(args, out)
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    local ok
    ok, err = sb:stop()
    if ok then ok, err = await_end(args.dir) end
    if not ok then return nil, err end
    out:result(function() end, { stopped = true })
    return 0
  end,
}

-- deploy -----------------------------------------------------------------------------------------

local deploy = {
  name = "deploy",
  summary = "deploy an integration flow",
  description = "FILE is a Lua file that returns { name, address, role, csrf, max_size, process, "
    .. "… }. A flow with the same name is replaced.",
  arguments = { { "file", help = "the flow" } },
  options = { dir_option },
  run = function(args, out)
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    local flow
    flow, err = sb:deploy(args.file)
    if not flow then return nil, err end
    out:result(function() out:print(("%s  %s"):format(flow.name, flow.path)) end, flow)
    return 0
  end,
}

return {
  name = "sandbox",
  summary = "run the embedded tenant and deploy flows into it",
  description = "A tenant on this machine, true to SAP's documented behaviour, to write, test and "
    .. "show senders without an SAP account.",
  commands = { start, stop, deploy, require "iflow.cmd.sandbox.undeploy",
               require "iflow.cmd.sandbox.log", require "iflow.cmd.sandbox.role",
               require "iflow.cmd.sandbox.trust", require "iflow.cmd.sandbox.settings",
               require "iflow.cmd.sandbox.rotate", require "iflow.cmd.sandbox.root",
               require "iflow.cmd.sandbox.worker",
               require "iflow.cmd.sandbox.cf_user",
               (require "iflow.cmd.sandbox.fault") }, -- one value of the two
}
