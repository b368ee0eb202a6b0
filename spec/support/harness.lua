-- harness.lua -- the harness of the service: a tenant, a producer and `iflow serve`, each a process
-- of its own in one directory. harness/judge.lua says what must hold.
--   local harness <close> = require("spec.support.harness").new { keys = 6, pause = 0.02 }
--   harness:fault "runtime:503@5%"       harness:clear_faults()
--   harness:serve()                      harness:kill()         harness:stop()
--   harness:produce()                    harness:end_production()
--   harness:settle()                     waits until nothing is left to send
local client = require "iflow.service.client"
local core = require "iflow.core"
local outbox = require "iflow.outbox"
local process = require "spec.support.process"
local sandbox_client = require "iflow.sandbox.client"

local harness = {}
harness.__index = harness

local SETTLE = 240 -- seconds
local PROGRAMS = "spec/support/harness/"

local function wait_for_output(program, text)
  process.wait_for("'" .. text .. "'", function()
    if program:output():find(text, 1, true) then return true end
    assert(program:alive(), program:output())
  end)
end

--- Starts the tenant. options: keys (of each sender), pause (seconds between two messages of a
--- key), files (whether files are dropped, too).
function harness.new(options)
  local dir = process.tempdir()
  local self = setmetatable({ dir = dir, options = options, outbox = dir:file "outbox.db",
    accepted = dir:file "accepted", arrivals = dir:file "arrivals",
    inbox = dir:file "inbox", listen = "127.0.0.1:" .. process.free_port() }, harness)
  assert(core.file.mkdir(self.inbox))
  process.write(self.accepted, "")
  process.write(self.arrivals, "")
  self.tenant = process.start { process.lua, PROGRAMS .. "tenant.lua", dir.path }
  wait_for_output(self.tenant, "ready")
  return self
end

--- The sandbox's admin path; see lua/iflow/sandbox/client.lua.
function harness:admin() return assert(sandbox_client.open(self.dir:file "sandbox")) end

--- Turns on faults (lua/iflow/sandbox/fault_text.lua).
function harness:fault(...)
  for _, text in ipairs { ... } do assert(self:admin():fault(text)) end
end
function harness:clear_faults() assert(self:admin():clear_faults()) end

-- The service ------------------------------------------------------------------------------------

function harness:serve()
  self.service = process.start { process.iflow, "serve", PROGRAMS .. "service.lua",
    "--outbox", self.outbox,
    env = { HARNESS_DIR = self.dir.path, HARNESS_LISTEN = self.listen,
      HARNESS_FILES = self.options.files and "yes" or nil } }
end

--- Waits until the relays listen.
function harness:await_service()
  process.wait_port(tonumber(self.listen:match "%d+$"), self.service)
end

--- SIGKILL, unless it has ended in order by then. What was on its way to the tenant has arrived
--- when this returns: the tenant has answered twice since, over new connections.
function harness:kill()
  process.wait_for("the end of a killed service", function()
    self.service:signal "KILL" -- again, should it have been too early for its group
    return not self.service:alive()
  end)
  local result = self.service:wait()
  assert(result.code == 137 or result.code == 0, result.err)
  self.service:stop()
  for _ = 1, 2 do assert(self:admin():status()) end
end

--- An orderly end.
function harness:stop()
  assert(self.service:alive(), self.service:output())
  self.service:signal "TERM"
  local result = self.service:wait(120)
  assert(result.code == 0, result.code .. ": " .. result.err)
  self.service:stop()
end

--- The outbox of a service that is not running.
function harness:open_outbox()
  return assert(outbox.open { path = self.outbox, lock_wait = "30s" })
end

-- What the service has still to do, as a text; empty when there is nothing.
local function what_is_left(self)
  local box = client.open(self.outbox)
  if not box then return "no answer" end
  local words = {}
  for _, filter in ipairs { { state = { "ready", "blocked", "started" }, limit = 10 },
    { state = "in_doubt", sender = "invoices", limit = 10 } } do
    for _, msg in ipairs(assert(box:list(filter))) do
      words[#words + 1] = ("%s %s %s"):format(msg.id, msg.state, msg.error or "")
    end
  end
  table.move(assert(core.file.list(self.inbox)), 1, 100, #words + 1, words)
  return table.concat(words, "\n")
end

--- Waits until the running service has taken all files and has nothing more to send.
function harness:settle()
  local left
  local ok = pcall(process.wait_for, "an outbox with nothing to send", function()
    assert(self.service:alive(), self.service:output())
    left = what_is_left(self)
    return left == ""
  end, SETTLE)
  assert(ok, "left: " .. left)
end

--- Runs `iflow outbox …`; its JSON.
function harness:command(...)
  local command = { process.iflow, "outbox", ... }
  table.move({ "--outbox", self.outbox, "--json" }, 1, 3, #command + 1, command)
  local result = process.run(command)
  assert(result.code == 0, result.out .. result.err)
  return core.json.decode(result.out)
end

-- The producer -----------------------------------------------------------------------------------

function harness:produce()
  self.producer = process.start { process.lua, PROGRAMS .. "producer.lua", self.listen,
    self.accepted, self.inbox, tostring(self.options.keys), tostring(self.options.pause),
    self.options.files and "files" or nil }
end

--- The producer ends once all that it has begun is accepted, which needs the service.
function harness:end_production()
  process.write(self.accepted .. ".stop", "")
  local result = self.producer:wait(120)
  assert(result.code == 0, result.err)
end

function harness:close()
  for _, name in ipairs { "producer", "service", "tenant" } do
    if self[name] then self[name]:stop() end
  end
  self.dir:close()
end
harness.__close = harness.close

return harness
