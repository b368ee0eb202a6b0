--- Runs relays for a service: one HTTP server an address, a route for each path. Internal; what a
-- relay does for its clients stands in lua/iflow/relay.lua.

local answers = require "iflow.service.relay.answers"
local core = require "iflow.core"
local errors = require "iflow.error"
local events = require "iflow.events"
local new_request = require("iflow.service.relay.request").of
local routes = require "iflow.service.relay.route"
local tls = require "iflow.service.relay.tls"

local relay = {}

local CONNECTIONS = 1000
local TOTAL = 600       -- seconds from the first byte of a request to the last of its answer
local TOTAL_MORE = 120  -- seconds it has besides a longer `wait`
local GRACE = 1         -- seconds the last answers have to leave

-- The server of an address ----------------------------------------------------------------------

local listener = {}
listener.__index = listener

local by_service = setmetatable({}, { __mode = "k" }) -- service -> { address text -> listener }

-- Whether a relay of that path is defined but does not run yet: its clients should come again.
local function starts_soon(self, path)
  for _, trigger in ipairs(self.service.registry.triggers) do
    local o = trigger.options
    if trigger.kind == "relay" and o.address.text == self.address and o.path == path then
      return true
    end
  end
  return false
end

local function answer_of(self, request)
  if not request.path then
    return answers.refuse(400, "bad_target", "the path has a broken escape")
  end
  local found = self.routes[request.path]
  if found then return found:handle(request) end
  if self.running == 0 or starts_soon(self, request.path) then
    return answers.later(503, "starting", "the service starts; send it again")
  end
  return answers.refuse(404, "unknown_path", "there is no relay with this path")
end

-- An id that is no header value is only in the body.
local function send(req, answer)
  local ok, err = req:answer(answer.status, answer.headers, answer.body)
  if not ok and err.code == "http.header" then
    local headers = { ["Content-Type"] = answer.headers["Content-Type"] }
    ok = req:answer(answer.status, headers, answer.body)
  end
  if not ok then req:abort() end
end

local function serve(self, req)
  local task = core.task.current()
  self.tasks[task] = true
  local answer = answer_of(self, new_request(req))
  if answer then send(req, answer) end -- otherwise the client is gone
  self.tasks[task] = nil
end

-- As long as the longest wait of the address needs.
local function total_of(self, o)
  if o.total_timeout then return o.total_timeout end
  local total = TOTAL
  for _, trigger in ipairs(self.service.registry.triggers) do
    if trigger.kind == "relay" and trigger.options.address.text == self.address then
      total = math.max(total, (trigger.options.wait or 0) + TOTAL_MORE)
    end
  end
  return total
end

local function listen(self, o)
  local read, err = tls.read(o)
  if not read then return nil, err end
  local server = tls.options(read)
  self.tls = read
  server.host, server.port = o.address.host, o.address.port
  server.max_connections = o.max_connections or CONNECTIONS
  server.head_timeout, server.body_gap, server.idle_timeout = o.head_timeout, o.body_gap,
    o.idle_timeout
  server.total_timeout = total_of(self, o)
  server.request = function(req) serve(self, req) end
  return core.server.new(server)
end

local function open_listener(service, o)
  local self = setmetatable({ service = service, address = o.address.text, routes = {}, running = 0,
    tasks = setmetatable({}, { __mode = "k" }) }, listener)
  local err
  self.server, err = listen(self, o)
  if not self.server then return nil, err end
  return self
end

--- Takes what tls.read gave for handshakes from now on; all certificates of clients are looked at
-- again.
function listener:set_tls(read)
  local ok, err = self.server:set_identity(read.identity, { ca_names = read.roots })
  if not ok then return nil, err end
  self.tls = read
  for _, route in pairs(self.routes) do
    if read.roots then route.access:set_roots(read.roots) end
  end
  return true
end

-- A directory for large bodies, made when the first one comes.
local function directory_of(self)
  return function()
    local err
    if not self.directory then self.directory, err = core.file.tempdir "iflow-relay-" end
    return self.directory, err
  end
end

-- Lets answers leave, then cuts the connections and cancels what still runs for them.
function listener:close(grace)
  if not pcall(self.server.close, self.server, grace) then self.server:close(0) end
  for task in pairs(self.tasks) do
    if task ~= core.task.current() then task:cancel() end
  end
  if self.directory then core.file.remove(self.directory, { recursive = true }) end
end

-- One relay that runs ---------------------------------------------------------------------------

local running = {}
running.__index = running

--- Takes nothing new; waits until the requests at work are answered, `limit` seconds at most. What
-- waits for an iFlow is told then that its message is durable.
function running:stop(limit)
  if self.stopped then return end
  self.stopped = true
  local began, address = core.task.monotonic(), self.listener
  self.route:stop(limit)
  if address.routes[self.route.options.path] == self.route then
    address.routes[self.route.options.path] = nil
  end
  address.running = address.running - 1
  if address.running > 0 then return end
  by_service[self.service][address.address] = nil
  address:close(math.max(limit - (core.task.monotonic() - began), GRACE))
end

--- { address = "127.0.0.1:8080", path =, in_flight =, accepted =, known =, rejected =, refused =,
-- failed = }: counts of requests since the start; rejected: by transforms, failed: with 5xx.
function running:status()
  local status = self.route:status()
  status.address, status.path = self.address, self.route.options.path
  return status
end

local function fail(trigger, err)
  return nil, errors { code = err.code, hint = err.hint, cause = err, retryable = err.retryable,
    message = ("the relay '%s' (%s): %s"):format(trigger.name, trigger.place, err.message) }
end

-- What belongs to the address and cannot change while it listens; identities can.
local fixed = { "max_connections", "head_timeout", "body_gap", "idle_timeout", "client_ca" }

-- The listener of the address, opened when there is none; nil, err.
local function listener_of(trigger, service)
  local o, listeners = trigger.options, by_service[service] or {}
  by_service[service] = listeners
  local found = listeners[o.address.text]
  if not found then
    local opened, err = open_listener(service, o)
    if opened then opened.options, listeners[o.address.text] = o, opened end
    return opened, err
  end
  local changed = (o.cert ~= nil) ~= (found.options.cert ~= nil) and "cert" or nil
  for _, name in ipairs(fixed) do
    if o[name] ~= found.options[name] then changed = name end
  end
  if not changed then return found end
  return nil, errors { code = "usage.invalid", hint = "restart the service", message =
    ("option '%s' of %s cannot be changed while it listens"):format(changed, o.address.text) }
end

-- The last relay of an address that has not begun takes the listener along.
local function let_go(service, found)
  if found.running > 0 or by_service[service][found.address] ~= found then return end
  by_service[service][found.address] = nil
  core.task.spawn(found.close, found, 0)
end

local prepared = {}
prepared.__index = prepared

--- From here on it answers: running. Requests that are at work at an earlier one of its path end
-- there; from then on that one is stopped.
function prepared:commit()
  local trigger, found, route = self.trigger, self.listener, self.route
  local o = trigger.options
  local before = found.routes[o.path]
  if before then
    found.running = found.running - 1
    before.running.stopped = true
    route:take_over(before)
  end
  found.running, found.routes[o.path], found.options = found.running + 1, route, o
  if self.tls then found:set_tls(self.tls) end
  local address = o.address.text:gsub("%d+$", tostring(found.server:port()))
  events.write("info", "relay", "listening", ("listens on %s://%s%s"):format(
    o.cert and "https" or "http", address, o.path), { relay = trigger.name })
  route.running = setmetatable({ service = self.service, listener = found, route = route,
    address = address }, running)
  return route.running
end

--- It does not begin.
function prepared:abort() let_go(self.service, self.listener) end

--- Makes everything ready for a relay, also while another one of its address runs: prepared | nil,
-- err.
function relay.prepare(trigger, service)
  local found, err = listener_of(trigger, service)
  if not found then return fail(trigger, err) end
  local route, read
  route, err = routes.new(trigger, service, directory_of(found))
  if route and found.running > 0 then
    read, err = tls.read(trigger.options)
  end
  if route and (read or found.running == 0) then
    return setmetatable({ trigger = trigger, service = service, listener = found, route = route,
      tls = read and read.identity and read }, prepared)
  end
  let_go(service, found)
  return fail(trigger, err)
end

--- Starts the relay of a definition: running | nil, err.
function relay.start(trigger, service)
  local ready, err = relay.prepare(trigger, service)
  if not ready then return nil, err end
  return ready:commit()
end

return relay
