--- iflow: a sender runtime for SAP Integration Suite. This is its face: `require "iflow"`.
--
-- Every name is loaded when it is first used, so a program pays only for what it needs. A name that
-- does not exist raises and suggests the nearest one.
--
--   iflow.run(fn, ...)      drives the event loop until every task has ended (lua/iflow/task.lua)
--   iflow.step, iflow.pollfd, iflow.next_timeout   the same for a program with a loop of its own
--   iflow.tenant { ... }    a tenant: tokens and calls (lua/iflow/tenant.lua)
--   iflow.json, iflow.xml, iflow.service_key, iflow.identity, iflow.secret, iflow.log
--   iflow.cert                  certificates: read, check, fetch, request (lua/iflow/cert.lua)
--   iflow.all, iflow.channel, iflow.semaphore, iflow.timeout   several tasks at once
--   iflow.args                  values of `iflow run --set name=value`
--   iflow.sender, iflow.retry   what is sent where, and how often (lua/iflow/sender.lua)
--   iflow.cron, iflow.every     what is done at certain times (lua/iflow/cron.lua, every.lua)
--   iflow.outbox                messages on disk until they are delivered (lua/iflow/outbox.lua)
--   iflow.service               senders with their outbox, and what triggers them (service.lua)
--   iflow.files, iflow.relay, iflow.stdin   triggers: dropped files, HTTP requests, lines
--   iflow.message_log           what the tenant says of a message (lua/iflow/message_log.lua)
--   iflow.tenant_api, iflow.odata   what it says of itself, by its OData API (tenant_api.lua)
--   iflow.cf                    service instances and keys (lua/iflow/cf.lua)
--   iflow.test                  tests next to the senders (lua/iflow/test.lua)
--   iflow.message, iflow.transform   messages and what becomes of them (lua/iflow/transform.lua)
--   iflow.trace             which trace a message belongs to (lua/iflow/trace.lua)
--   iflow.reject, iflow.done, iflow.retry_after      what handlers answer (lua/iflow/verdict.lua)
--   iflow.error             what failures look like (lua/iflow/error.lua)
--   iflow.sandbox           a tenant on localhost for tests (lua/iflow/sandbox.lua)

local core = require "iflow.core"

--- Functions of the C core, by submodule.
local functions = {
  run = "task", spawn = "task", sleep = "task", current = "task", park = "task", wake = "task",
  now = "task", monotonic = "task", step = "task", pollfd = "task", next_timeout = "task",
}
--- Submodules of the C core that are public as they are.
local submodules = {
  json = true, xml = true, secret = true, log = true, service_key = true,
  identity = true,
}
--- Modules written in Lua: iflow.NAME is require "iflow.NAME".
local modules = {
  all = true, cert = true, cf = true, channel = true, cron = true, error = true, every = true,
  files = true,
  message = true, message_log = true, odata = true, outbox = true, relay = true, retry = true,
  sandbox = true, semaphore = true, sender = true, service = true, stdin = true, tenant = true,
  tenant_api = true, test = true, timeout = true, trace = true, transform = true,
}
--- Words of one module, iflow.verdict, that stand alone.
local words = { reject = true, done = true, retry_after = true }

local iflow = { version = core.version }

local function load_name(name)
  if name == "args" then return require("iflow.registry").current().args end
  if functions[name] then return core[functions[name]][name] end
  if submodules[name] then return core[name] end
  if modules[name] then return require("iflow." .. name) end
  if words[name] then return require("iflow.verdict")[name] end
end

local function refuse(name)
  local known = {}
  for _, list in ipairs { functions, submodules, modules, words } do
    for key in pairs(list) do known[#known + 1] = key end
  end
  table.sort(known)
  error(require("iflow.suggest").message("iflow has no '" .. tostring(name) .. "'", name, known), 3)
end

return setmetatable(iflow, {
  __index = function(self, name)
    local value = load_name(name)
    if value == nil then refuse(name) end
    if name ~= "args" then rawset(self, name, value) end
    return value
  end,
})
