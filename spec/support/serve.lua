-- serve.lua -- iflow serve and iflow run as processes, before a tenant in the spec's own process
-- (fake_tenant.lua). Inside a task; goes with its scope.
--   local place <close> = serve.place { runtime = function(req, n, body) … end }
--   place:script("orders.lua", [[ … ]])        -- in its directory, which holds key.json, too
--   place:store(20)                            -- so many messages for the sender "orders"
--   local service <close> = place:serve("orders.lua")     -- waits until it has started
--   service.started                            -- the JSON it printed
--   service:get "/ready"                       -- status, value of the control endpoint
--   place:run("run", "orders.lua")             -- another command to its end
--   place:with_box(function(box) … end)        -- the outbox, while no service holds it
--   place.received                             -- ids of the messages at the tenant
local assert = require "luassert"
local core = require "iflow.core"
local fake_tenant = require "spec.support.fake_tenant"
local outbox = require "iflow.outbox"
local process = require "spec.support.process"

local serve = {}

local class = {}
class.__index = class

--- A sender "orders" that goes to the tenant.
serve.SENDER = [[
local iflow = require "iflow"
iflow.sender "orders" { to = "/http/orders", concurrency = 2,
  retry = iflow.retry { first = "100ms", max = "100ms", jitter = "none", attempts = 3 } }
]]

function serve.place(options)
  options = options or {}
  local self = setmetatable({ dir = process.tempdir(), received = {} }, class)
  self.fake = fake_tenant.start { token = options.token, runtime = function(req, n)
    local body = req:body()
    self.received[#self.received + 1] = req.headers["sap_applicationid"]
    if options.runtime then return options.runtime(req, n, body) end
    return req:answer(200, { ["Content-Type"] = "text/plain" }, "ok")
  end }
  self.dir:write("key.json", core.json.encode(self.fake:key()))
  self.box_path = self.dir:file "outbox.db"
  return self
end

function class:close()
  self.fake:close()
  self.dir:close()
end
class.__close = class.close

function class:script(name, text)
  self.dir:write(name, text)
  return name
end

function class:with_box(fn)
  local box <close> = assert(outbox.open { path = self.box_path })
  return fn(box)
end

--- Messages "m-1" … for the sender, of that body.
function class:store(count, body)
  self:with_box(function(box)
    for i = 1, count do
      assert(box:enqueue { sender = "orders", id = "m-" .. i, body = body or "body " .. i,
        headers = {} })
    end
  end)
end

local function command(self, words, env)
  local line = { assert(process.iflow, "IFLOW_BIN must name the host binary") }
  table.move(words, 1, #words, 2, line)
  line.dir, line.env = self.dir.path, { IFLOW_SERVICE_KEY = "key.json", IFLOW_TOKEN_CACHE = "off" }
  for name, value in pairs(env or {}) do line.env[name] = value end
  return line
end

--- A command to its end: { code =, out =, err = }.
function class:run(...) return process.run(command(self, { ... })) end

--- The error of a command that fails: its code, exit code and message.
function class:fails(...)
  local result = process.run(command(self, { ... }, { IFLOW_JSON = "1" }))
  local ok, value = pcall(core.json.decode, result.out)
  local err = ok and type(value) == "table" and value.error
  assert.is_truthy(err, result.out .. result.err)
  return err.code, result.code, err.message
end

local running = {}
running.__index = running

--- Starts it without waiting; env: more variables.
function class:start(words, env)
  local started = process.start(command(self, words, env))
  return setmetatable({ process = started, place = self }, running)
end

--- iflow serve, started. Words of its command line; the last may be a table of variables.
function class:serve(...)
  local words, env = { "serve", "--json", ... }, nil
  if type(words[#words]) == "table" then env = table.remove(words) end
  local self_running = self:start(words, env)
  process.wait_for("the service", function()
    if not self_running.process:alive() then
      error("it ended: " .. self_running.process:output(), 0)
    end
    return (self_running.process.dir:read "out" or ""):find "\n"
  end)
  self_running.started = assert(core.json.decode(
    self_running.process.dir:read "out":match "^[^\n]*"))
  return self_running
end

function running:signal(name) return self.process:signal(name) end
function running:wait() return self.process:wait() end
function running:alive() return self.process:alive() end
function running:log() return self.process.dir:read "err" or "" end

--- Stops it gently: its result.
function running:stop()
  self:signal "TERM"
  return self:wait()
end

function running:close() self.process:stop() end
running.__close = running.close

--- A page of the control endpoint: status, decoded value.
function running:get(path)
  local answer = assert(core.http.request {
    url = ("http://%s%s"):format(self.started.control, path), proxy = "" })
  return answer.status, core.json.decode(answer.body)
end

return serve
