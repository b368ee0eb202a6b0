-- process.lua -- other programs in specs: run one to its end, start and stop helpers, wait for
-- ports, temporary directories. Inside iflow.run waiting lets the loop go on, so that a client
-- program can be served by the test that started it. What is done often is done without a shell.
local core = require "iflow.core"
local system = require "system"

local process = {}

--- The interpreter for Lua child processes: stock lua5.4, or the sanitizer build's.
process.lua = os.getenv "IFLOW_LUA" or "lua5.4"
--- The host binary of the build under test.
process.iflow = os.getenv "IFLOW_BIN"

local function quote(s) return "'" .. tostring(s):gsub("'", "'\\''") .. "'" end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
  return path
end

process.quote, process.read, process.write = quote, read, write

local PAUSE = 0.02

--- A short pause (20 ms): of the task inside iflow.run, of the whole process outside.
function process.pause(seconds)
  local sleep = core.task.current() and core.task.sleep or system.sleep
  sleep(seconds or PAUSE)
end

--- Waits until check() is true; raises `what` when that takes longer than `seconds` (60).
function process.wait_for(what, check, seconds)
  local deadline, pause = os.time() + (seconds or 60), PAUSE / 16
  repeat
    local value = check()
    if value then return value end
    process.pause(pause)
    pause = math.min(pause * 1.5, PAUSE)
  until os.time() > deadline
  error("waited in vain for " .. what, 2)
end

-- Directories ----------------------------------------------------------------------------------

local directory = {}
directory.__index = directory
function directory.__close(dir) core.file.remove(dir.path, { recursive = true }) end
directory.__gc, directory.close = directory.__close, directory.__close
function directory:file(name) return self.path .. "/" .. name end
function directory:read(name) return read(self:file(name)) end
function directory:write(name, text) return write(self:file(name), text) end

--- An empty directory that goes with its scope: local dir <close> = process.tempdir()
function process.tempdir()
  return setmetatable({ path = assert(core.file.tempdir "iflow-spec.") }, directory)
end

-- Ports ----------------------------------------------------------------------------------------

--- Whether somebody on this machine listens on the TCP port.
function process.listening(port)
  local hex = (":%04X "):format(port)
  for _, name in ipairs { "/proc/net/tcp", "/proc/net/tcp6" } do
    for line in (read(name) or ""):gmatch "[^\n]+" do
      local address, state = line:match "^%s*%d+: (%S+ )%S+ (%x%x)"
      if state == "0A" and address:sub(-#hex) == hex then return true end
    end
  end
  return false
end

--- A port for programs that cannot pick one themselves, below the range of outgoing connections.
function process.free_port()
  for _ = 1, 100 do
    local port = math.random(12000, 31000)
    if not process.listening(port) then return port end
  end
  error "no free port"
end

function process.wait_port(port, helper)
  return process.wait_for("port " .. port, function()
    if helper and not helper:alive() then
      error("the helper ended: " .. helper:output(), 0)
    end
    return process.listening(port)
  end)
end

-- Programs -------------------------------------------------------------------------------------

local running = {}
running.__index = running

local function command_line(command)
  local words = { command.env and "exec env" or "exec" }
  for name, value in pairs(command.env or {}) do
    words[#words + 1] = name .. "=" .. quote(value)
  end
  for _, word in ipairs(command) do words[#words + 1] = quote(word) end
  return table.concat(words, " ")
end

--- Starts { "program", "argument", …, env = { NAME = value }, stdin = "text", dir = path } in a
--- process group of its own. End it with :stop(), or let its scope do it. When the program ends,
--- what it left in its group is killed at once: later the number may be somebody else's.
function process.start(command)
  local dir = process.tempdir()
  dir:write("in", command.stdin or "")
  dir:write("command", ("cd %s && %s"):format(quote(command.dir or "."), command_line(command)))
  local q = function(name) return quote(dir:file(name)) end
  local pipe = assert(io.popen(([[
    exec 2>/dev/null
    setsid sh %s <%s >%s 2>%s &
    echo $!
    exec >&-
    wait $!
    code=$?
    kill -s KILL -- -$!
    echo $code >%s]]):format(q "command", q "in", q "out", q "err", q "code")))
  local pid = math.tointeger(assert(pipe:read "n"))
  return setmetatable({ pid = pid, dir = dir, pipe = pipe, name = command[1] }, running)
end

--- Sends a signal ("TERM", "STOP", …) to the program and all it started, while it runs.
function running:signal(name)
  return self:alive() and os.execute(("kill -s %s -- -%d 2>/dev/null"):format(name, self.pid))
end

function running:alive() return not (self.dir:read "code" or ""):find "\n" end

--- What it wrote so far, both streams.
function running:output() return (self.dir:read "out" or "") .. (self.dir:read "err" or "") end

--- Waits for its end: { code =, out =, err = }; 128 + n after signal n.
function running:wait(seconds)
  if self.result then return self.result end
  process.wait_for(self.name .. " to end", function() return not self:alive() end, seconds or 60)
  self.pipe:close()
  self.result = {
    code = tonumber(self.dir:read "code"), out = self.dir:read "out", err = self.dir:read "err",
  }
  return self.result
end

--- Ends it (TERM, then KILL) and removes its files; may be repeated.
function running:stop()
  if self.stopped then return self.result end
  self.stopped = true
  self:signal "CONT"
  self:signal "TERM"
  if not pcall(self.wait, self, 5) then self:signal "KILL" end
  local result = self:wait()
  directory.__close(self.dir)
  return result
end
running.__close = running.stop
running.__gc = running.stop

--- Runs a command to its end, at most `timeout` seconds (60): { code =, out =, err = }.
function process.run(command)
  local limited = { "timeout", "-k", "2", tostring(command.timeout or 60) }
  for _, word in ipairs(command) do limited[#limited + 1] = word end
  for _, key in ipairs { "env", "stdin", "dir" } do limited[key] = command[key] end
  local helper <close> = process.start(limited)
  return helper:wait((command.timeout or 60) + 10)
end

return process
