-- cli.lua -- the command line of the host binary: finds the command, parses its words, runs it
-- inside iflow.run and turns whatever happens into an exit code (DESIGN, section 7).
-- A command is a file lua/iflow/cmd/NAME.lua; its table is described in cli/rows.lua, and
--   run = function(args, out) return exit_code | nil (0) | nil, err end
-- gets the parsed words and an output object (cli/output.lua). With graceful = true it gets a table
-- as the third argument: from when it puts a function `stop` there, SIGINT and SIGTERM call that
-- (with the signal's name, in a task of its own) instead of cancelling what runs; a function
-- `reload` there is called by SIGHUP, which ends nothing (reload_asked: it came before); limit and
-- memory are the host's (src/host/limits.h). when_stopped(out), if there is one, is called after a
-- signal has ended the command: to say what goes on elsewhere. misused(words, err, out), if there
-- is one, tells of words that are wrong, and gives the exit code. by_itself(args), if there is one
-- and true, has the command run outside of iflow.run, which it calls itself.
local catalogue = require "iflow.cli.catalogue"
local core = require "iflow.core"
local errors = require "iflow.error"
local lazy = require "iflow.lazy"
local logging = require "iflow.cli.logging"
local output = require "iflow.cli.output"
local parser = require "iflow.cli.parser"
local suggest = require "iflow.suggest"

local help = lazy "iflow.cli.help"

-- The words behind the first.
local function tail(words) return table.move(words, 2, #words, 1, {}) end

local signals = { INT = 130, TERM = 143 }

-- Finding the command ----------------------------------------------------------------------------

local function usage_error(text, hint)
  return nil, errors { code = "usage.invalid", message = text,
    hint = hint or "see: iflow --help" }
end

local function unknown(what, word, names, name)
  return usage_error(suggest.message(("unknown %s '%s'"):format(what, word), word, names),
    ("see: %s --help"):format(name))
end

-- Beside what is compiled in, a directory under development may hold a new command.
local function is_command(host, name)
  if host.commands()[name] then return true end
  local dir = os.getenv "IFLOW_LUADIR"
  if not dir or dir == "" or not name:find "^[%a][%w-]*$" then return false end
  local file <close> = io.open(("%s/iflow/cmd/%s.lua"):format(dir, name))
  return file ~= nil
end

local function names_of(commands)
  local names = {}
  for i, command in ipairs(commands) do names[i] = command.name end
  return names
end

-- The command that words[1] names below `command`, and the words for it; `command` itself when help
-- for it is wanted. A group with a `default` runs that for a word that names none.
local function find_subcommand(name, command, words)
  local plain = words[1] and not words[1]:find "^%-"
  for _, sub in ipairs(command.commands) do
    if sub.name == words[1] then return sub, tail(words) end
  end
  if plain and command.default then
    for _, sub in ipairs(command.commands) do
      if sub.name == command.default then return sub, words end
    end
  end
  if parser.wants_help(words) then return command end
  local names = names_of(command.commands)
  if plain then return unknown("command", words[1], names, name) end
  return usage_error("a command is missing: " .. table.concat(names, ", "),
    ("see: %s --help"):format(name))
end

-- words -> command table, the words left for it; out.name follows.
local function find_command(words, out, host)
  local word = words[1]
  if not is_command(host, word) then
    return unknown("command", word, catalogue.names(), "iflow")
  end
  local command = require("iflow.cmd." .. word)
  out.name, words = "iflow " .. word, tail(words)
  while command.commands do
    local sub, rest = find_subcommand(out.name, command, words)
    if not sub then return nil, rest end
    if sub == command then break end
    out.name, command, words = ("%s %s"):format(out.name, sub.name), sub, rest
  end
  return command, words
end

-- Help -------------------------------------------------------------------------------------------

local function print_help(out, name, command)
  out:print(help(name, command))
  return 0
end

-- Running ----------------------------------------------------------------------------------------

-- Only with IFLOW_TRACEBACK=1, for whoever develops; and through the log, which redacts.
local function log_traceback(text)
  if os.getenv "IFLOW_TRACEBACK" ~= "1" then return end
  for line in text:gmatch "[^\n]+" do core.log.write("error", "cli", (line:gsub("\t", "  "))) end
end

local function with_traceback(value)
  log_traceback(debug.traceback(nil, 2))
  return value
end

-- A command fails with an iflow.error; anything else that is raised is a defect, ours or, with
-- `error_code` in its table, one of the script it runs. A task that nobody joined has its
-- traceback in the text.
local function as_error(value, command)
  if errors.is(value) then
    if value.traceback then log_traceback(value.traceback) end
    return value
  end
  local text, trace = tostring(value):match "^(.-)\n(stack traceback:.*)$"
  if trace then log_traceback(trace) end
  return errors.wrap(text or value, command.error_code or "system.internal")
end

-- SIGHUP asks a service to read its scripts again, at any time.
local function heed_hangup(control)
  core.task.signal("HUP", function()
    control.reload_asked = true
    if control.reload then control.reload() end
  end)
end

-- Runs fn as the main task; a signal cancels every task and is the exit code once they have
-- cleaned up. Returns that code or nil, whether the run ended by itself, and then what xpcall of
-- fn returned or, when a task ended the run, its error. control.stop: instead of cancelling.
local function run_until_signal(fn, host, control)
  local stopped_by
  local function body()
    for name, code in pairs(signals) do
      core.task.signal(name, function()
        if host.heard then host.heard() end
        if control and control.stop then return control.stop(name) end
        stopped_by = stopped_by or code
        error(errors { code = "task.canceled", message = "stopped by SIG" .. name })
      end)
      host.once(name, control ~= nil)
    end
    if control then heed_hangup(control) end
    return xpcall(fn, with_traceback)
  end
  local results = table.pack(pcall(core.task.run, body))
  if control then
    core.task.signal("HUP", nil)
    host.ignore_hangup() -- it has ended, in its own way
  end
  if not control then -- a busy script ends before the loop knows
    stopped_by = stopped_by or signals[host.stopped()]
  end
  return stopped_by, table.unpack(results, 1, results.n)
end

-- The same for a command that calls iflow.run itself; signals do what they do to any program.
local function run_by_itself(fn) return nil, true, xpcall(fn, with_traceback) end

local function run_command(command, args, out, host)
  logging.start(args)
  local control = command.graceful and { limit = host.limit, memory = host.memory } or nil
  local by_itself = command.by_itself and command.by_itself(args)
  -- Stopped by the host while modules were loaded. It begins when as much again is in use.
  collectgarbage "restart"
  collectgarbage("step", -(collectgarbage "count" // 1))
  local stopped_by, ended, ok, code, err = (by_itself and run_by_itself or run_until_signal)(
    function() return command.run(args, out, control) end, host, control)
  if stopped_by then
    if command.when_stopped then command.when_stopped(out) end
    return stopped_by
  end
  if not ended then return out:fail(as_error(ok, command)) end
  if not ok then return out:fail(as_error(code, command)) end
  if err then return out:fail(as_error(err, command)) end
  return code or 0
end

-- Whether --json was given, for errors that come before the words are parsed.
local function asks_for_json(words)
  for _, word in ipairs(words) do
    if word == "--" then break end
    if word == "--json" then return true end
  end
  return os.getenv "IFLOW_JSON" == "1"
end

local function dispatch(words, out, host, leading_json)
  local command, rest = find_command(words, out, host)
  if not command then return out:fail(rest) end
  if parser.wants_help(rest) then return print_help(out, out.name, command) end
  local args, err = parser.parse(out.name, command, rest, os.getenv)
  if not args then
    if command.misused then return command.misused(rest, err, out) end
    return out:fail(err)
  end
  out.json_mode = leading_json or args.json
  return run_command(command, args, out, host)
end

-- `help NAME` is `NAME --help`; only --json may stand before the command.
local function main(words, host)
  catalogue.set_host(host)
  local out = output.new("iflow", asks_for_json(words))
  local leading_json = words[1] == "--json"
  if leading_json then words = tail(words) end
  local word = words[1]
  if word == nil then
    return out:fail(select(2, usage_error "no command was given"))
  elseif word == "--help" or word == "-h" or (word == "help" and #words == 1) then
    return print_help(out, "iflow", catalogue.overview())
  elseif word == "--version" then
    out:result(function() out:print("iflow " .. host.version) end, { version = host.version })
    return 0
  elseif word == "help" then
    words = tail(words)
    words[#words + 1] = "--help"
  elseif word:find "^%-" then
    return out:fail(select(2, usage_error(("option '%s' must follow the command"):format(word))))
  end
  return dispatch(words, out, host, leading_json)
end

return main
