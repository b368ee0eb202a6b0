--- Runs the tests of a script against an embedded sandbox. Internal; for `iflow test`.

local core = require "iflow.core"
local destinations = require "iflow.sender.destination"
local errors = require "iflow.error"
local new_clock = require "iflow.test.clock"
local new_context = require "iflow.test.context"
local new_outbox = require "iflow.test.outbox"
local sandboxes = require "iflow.sandbox"
local services = require "iflow.service"
local spawned = require "iflow.spawned"
local tenants = require "iflow.tenant"
local timeout = require "iflow.timeout"

local runner = {}
runner.__index = runner

local LIMIT = 60 -- seconds a test may take, of real time

-- What leads a tenant to the sandbox: options with a key of a new instance; nil, err.
local function way_to(sandbox, instance)
  local ok, err = sandbox:create_instance(instance)
  if not ok then return nil, err end
  local key
  key, err = sandbox:create_key { instance = instance.name, name = "key", type = "secret" }
  if not key then return nil, err end
  return { service_key = key, cacert = sandbox.endpoints.cacert, token_cache = false, proxy = "" }
end

--- A runner with its sandbox and a service key of each plan; to be closed. nil, err when it does
-- not start.
function runner.open()
  local sandbox, err = sandboxes.start {}
  if not sandbox then return nil, err end
  local self = setmetatable({ sandbox = sandbox, override = tenants.override,
    api_override = tenants.api_override }, runner)
  local flows, api
  flows, err = way_to(sandbox, { name = "test" })
  if flows then
    api, err = way_to(sandbox, { name = "test-api", plan = "api",
      roles = { "MonitoringDataRead" } })
  end
  if not api then
    self:close()
    return nil, err
  end
  tenants.override, tenants.api_override = flows, api
  return self
end

function runner:close()
  tenants.override, tenants.api_override = self.override, self.api_override
  self.sandbox:close()
end
runner.__close = runner.close

-- An empty tenant for the next test.
local function clear(sandbox)
  for _, flow in ipairs(sandbox:flows()) do sandbox:undeploy(flow.name) end
  sandbox:clear_faults()
  destinations.reset()
end

local function close_senders(defined)
  for _, name in ipairs(defined.names) do defined.senders[name]:close() end
end

-- sender:enqueue of a test: an outbox in its directory, from which pumps deliver, opened when the
-- first message comes. Closing it ends them.
local function outbox_in(dir, defined)
  local service, box
  function defined.make_service()
    local err
    box, err = new_outbox { path = dir .. "/outbox.db", durability = "normal" }
    if not box then return nil, err end
    service = services.new { outbox = box, registry = defined }
    service:start_pumps()
    return service
  end
  return function()
    if not service then return end
    service:stop(0)
    box:close()
  end
end

local function describe(err)
  if type(err) == "string" then return { text = err, traceback = debug.traceback("", 2) } end
  if type(err) == "table" then err = errors.wrap(err, "script.failed") end
  return { text = tostring(err), traceback = errors.is(err) and err.traceback or nil, value = err }
end

local function is_canceled(failure)
  return failure.value and errors.is(failure.value) and failure.value.code == "task.canceled"
end

--- Runs the test with that number of a fresh copy of the script.
-- load() -> the script's registry of definitions, its chunk run; raises what is wrong.
-- Returns { name, file, line, seconds, failure = nil | { text, traceback }, log = text }.
function runner:run(load, number)
  clear(self.sandbox)
  local dir = assert(core.file.tempdir "iflow-test-")
  local began = core.task.monotonic()
  local _ <close> = spawned()
  local defined = load()
  local test, close_outbox = defined.tests[number], outbox_in(dir, defined)
  local failure
  core.log.capture(true)
  local _, late = timeout(LIMIT, function()
    local clock <close> = new_clock()
    local t = new_context(self.sandbox, clock, dir)
    local ok, err = xpcall(test.fn, describe, t)
    if not ok and is_canceled(err) then error(err.value, 0) end
    failure = not ok and err or nil
    return true
  end)
  close_outbox()
  if late then failure = { text = ("it did not end within %d s"):format(LIMIT) } end
  close_senders(defined)
  local log = core.log.captured()
  core.log.capture(false)
  core.file.remove(dir, { recursive = true })
  return { name = test.name, file = test.file, line = test.line, failure = failure,
    log = log, seconds = core.task.monotonic() - began }
end

return runner
