--- The embedded sandbox tenant: token servers, load balancer, worker and service broker on
--- localhost, true to SAP's documented behaviour.
---   iflow.run(function()
---     local sb <close> = assert(sandbox.start { })          -- a directory of its own, free ports
---     sb:create_instance { name = "orders", roles = { "ESBMessaging.send" } }
---     local key = sb:create_key { instance = "orders", name = "k1", type = "certificate" }
---     sb:deploy "orders.flow.lua"
---     …
---   end)
--- Its methods are the files in sandbox/operation; sandbox/client.lua has the same ones for a
--- sandbox in another process.
local core = require "iflow.core"
local operations = require "iflow.sandbox.operations"
local settings = require "iflow.sandbox.settings"
local suggest = require "iflow.suggest"
local tenant = require "iflow.sandbox.tenant"

local sandbox = {}

local OPTIONS = { "dir", "port", "hostname", "settings", "now" }

local methods = {}

--- Ends the sandbox and, when it made its own directory, removes that. Waits. Can be repeated.
function methods:close()
  self.tenant:close()
  if self.temporary then core.file.remove(self.dir, { recursive = true }) end
end

--- Waits until the sandbox is closed, by close or by the operation stop.
function methods:wait() self.tenant:wait() end

local class = { __name = "iflow.sandbox", __close = methods.close }

function class.__index(self, name)
  if methods[name] then return methods[name] end
  local operation = operations.find(name)
  if not operation then return nil end
  local function method(object, ...)
    if object.tenant.closing then error("the sandbox is closed", 2) end
    return operation(object.tenant, ...)
  end
  rawset(self, name, method)
  return method
end

--- Starts a sandbox. opts: dir (default: a temporary one), port (the first of five; 0: free ones,
--- or those of the last start in dir), hostname ("localhost" for clients that cannot resolve
--- *.localhost), settings (sandbox/settings.lua), now (a clock, for tests). Waits. nil, err when it
--- cannot start.
function sandbox.start(opts)
  opts = opts or {}
  suggest.check_keys(opts, OPTIONS)
  settings.new(opts.settings) -- raises for what is wrong with them
  local dir, err = opts.dir
  if not dir then
    dir, err = core.file.tempdir("iflow-sandbox-")
    if not dir then return nil, err end
  end
  local running
  running, err = tenant.open { dir = dir, port = opts.port or 0, hostname = opts.hostname,
                               settings = opts.settings, now = opts.now }
  if not running then
    if not opts.dir then core.file.remove(dir, { recursive = true }) end
    return nil, err
  end
  return setmetatable({ tenant = running, dir = dir, endpoints = running.endpoints,
                        temporary = not opts.dir }, class)
end

return sandbox
