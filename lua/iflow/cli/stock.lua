-- stock.lua -- the command line in a stock interpreter, without the host binary: what the script of
-- the rock (rocks/iflow) calls.
--   os.exit(require "iflow.cli.stock"(arg), true)
-- All commands are there. What the host does by means that a module has no business with is left
-- out: limits for the scripts of a service, the interruption of a script that never waits, and the
-- protection of the process's memory from other processes and core files.
local cli = require "iflow.cli"
local core = require "iflow.core"
local program = require "iflow.cli.program"

local host = { version = core.version }

--- Those that lie beside the first one that require finds: name -> true.
function host.commands()
  local path = package.searchpath("iflow.cmd.run", package.path)
  local names = {}
  for _, file in ipairs(path and core.file.scan(path:match "^(.*)/") or {}) do
    local name = file.name:match "^(.+)%.lua$"
    if name then names[name] = true end
  end
  return names
end

function host.once() end

--- The first signal is heard, a second one ends the process, be it the other.
function host.heard()
  core.task.signal("INT", nil)
  core.task.signal("TERM", nil)
end

function host.stopped() end

function host.ignore_hangup() end

function host.limit()
  core.log.write("warn", "serve", "--script-time, --script-memory and --memory limit nothing here: "
    .. "only the binary iflow can stop a script; this is its module in a stock interpreter")
end

function host.memory() return math.tointeger(collectgarbage "count" * 1024 // 1), 0 end

-- The words before those of the user: the interpreter, its options, the script.
local function words_before(words)
  local first = 0
  while words[first - 1] do first = first - 1 end
  local list = table.move(words, first, 0, 1, {})
  list[1] = core.process.executable() or list[1]
  return list
end

--- words: the table arg of the script. The exit code.
return function(words)
  program.words = words_before(words)
  return cli(words, host)
end
