-- relay.lua -- a service with relays in the spec's own process, before a tenant that does what the
-- spec wants (fake_tenant.lua). Inside a task; goes with its scope.
--   local place <close> = relay.open { path = "/orders", wait = true,
--     sender = { transform = … },                 -- more options of the sender "orders"
--     runtime = function(req, n) … end, outbox = { max_messages = 5 } }
--   place:post { body = "x" }                      -- by the plain HTTP client
--   place:curl("/orders", "-d", "x")               -- by curl: { status =, head =, body =, json = }
--   place.port, place.service, place.running, place.received (bodies at the tenant)
local core = require "iflow.core"
local destinations = require "iflow.sender.destination"
local fake_tenant = require "spec.support.fake_tenant"
local iflow = require "iflow"
local process = require "spec.support.process"
local registry = require "iflow.registry"

local relay = {}

local class = {}
class.__index = class

local function define(self, options)
  local own = { service_key = self.fake:key(), token_cache = false, to = "/http/orders",
    retry = iflow.retry { first = "10ms", max = "20ms", attempts = 3 } }
  for name, value in pairs(options.sender or {}) do own[name] = value end
  iflow.sender "orders" (own)
  local wanted = { listen = ("127.0.0.1:%d"):format(self.port), path = "/orders",
    sender = "orders" }
  for name, value in pairs(options.relay or {}) do wanted[name] = value end
  self.trigger = iflow.relay(wanted)
  for _, other in ipairs(options.more or {}) do
    other.listen = other.listen or wanted.listen
    iflow.relay(other)
  end
end

local function answer(self, runtime)
  return function(req, n)
    local body = req:body(1 << 30)
    self.received[#self.received + 1] = { body = body, headers = req.headers, target = req.target }
    if runtime then return runtime(req, n, body) end
    return req:answer(200, { ["Content-Type"] = "text/plain" }, "ok")
  end
end

--- options: relay, sender (options on top of the usual ones), more (list of further relays),
-- runtime, outbox (options of the outbox), stopped (true: nothing is started).
function relay.open(options)
  options = options or {}
  local self = setmetatable({ dir = process.tempdir(), port = process.free_port(), received = {} },
    class)
  self.before = registry.install(registry.new())
  destinations.reset()
  core.log.capture(true)
  self.fake = fake_tenant.start { runtime = answer(self, options.runtime) }
  define(self, options)
  self.service = assert(iflow.service.new { registry = registry.current(),
    outbox = self.dir:file "outbox.db", outbox_options = options.outbox })
  if not options.stopped then assert(self.service:start()) end
  return self
end

--- What runs of its first relay, to look inside.
function class:running() return self.service.triggers[1].running end

--- One request; fields as of core.http.request, with path. Its answer has json when it is JSON.
function class:post(fields)
  local options = { url = ("http://127.0.0.1:%d%s"):format(self.port, fields.path or "/orders"),
    method = "POST", body = "x", proxy = "" }
  for name, value in pairs(fields) do
    if name ~= "path" then options[name] = value end
  end
  local got, err = core.http.request(options)
  if got and (got.headers["content-type"] or ""):find "json" then
    got.json = assert(core.json.decode(got.body))
  end
  return got, err
end

--- One request by curl; further words are options.
function class:curl(path, ...)
  local words = { "curl", "-sS", "-i", "--max-time", "50", ... }
  words[#words + 1] = ("http://127.0.0.1:%d%s"):format(self.port, path)
  local result = process.run(words)
  local head, body = result.out:match "\r?\n?(HTTP/1%.1 [2-9].-)\r\n\r\n(.*)$"
  return { code = result.code, status = head and tonumber(head:match "^HTTP/1%.1 (%d+)"),
    head = head, body = body, json = body and core.json.decode(body), err = result.err }
end

--- What was logged since the last call, as one text.
function class.log() return core.log.captured() end

--- Waits until the tenant has received so many messages.
function class:wait_received(count)
  process.wait_for(count .. " messages at the tenant", function()
    return #self.received >= count
  end)
end

function class:__close()
  self.service:stop(5)
  self.fake:close()
  registry.install(self.before)
  core.log.capture(false)
  self.dir:close()
end

return relay
