--- The load balancer before the runtime: it ends TLS, passes on a client certificate only when its
--- chain reaches a listed root (else it drops it silently: the worker answers 401), strips what
--- only it may say, and keeps a client on its worker by a cookie.
local core = require "iflow.core"
local errors = require "iflow.error"
local flow_headers = require "iflow.sandbox.runtime.headers"
local router = require "iflow.sandbox.router"
local web = require "iflow.sandbox.web"
local sessions = require "iflow.sandbox.runtime.sessions"

local load_balancer = {}
load_balancer.__index = load_balancer

local STATES = { started = true, restarting = true, stopped = true }

function load_balancer.new(tenant)
  return setmetatable({ tenant = tenant, workers = {}, by_cookie = {}, turn = 0 }, load_balancer)
end

-- A worker with fresh sessions, and the cookie that leads to it.
local function new_worker(self)
  -- "+", "/" and "=" as such cookies have them: a client that re-encodes loses its worker.
  local cookie = "!" .. core.crypto.base64("\xfb\xff" .. core.crypto.random(14))
  local worker = { cookie = cookie, state = "started",
                   sessions = sessions.new(self.tenant.deps, self.tenant.settings) }
  self.by_cookie[cookie] = worker
  return worker
end

-- As many workers as are set: the setting may change at any time.
local function workers_of(self)
  local wanted = math.max(1, math.floor(self.tenant.settings.workers))
  while #self.workers < wanted do self.workers[#self.workers + 1] = new_worker(self) end
  while #self.workers > wanted do
    local gone = table.remove(self.workers)
    self.by_cookie[gone.cookie] = nil
  end
  return self.workers
end

local function refused(text, ...)
  return nil, errors { code = "usage.invalid", message = text:format(...) }
end

--- Stops, restarts or starts worker number, or all without one; "removed" is the runtime app
--- itself. The sessions of a worker end with its state. nil, err for a wrong word.
function load_balancer:set_state(state, number)
  local workers = workers_of(self)
  if state == "removed" and number == nil then
    self.removed = true
    return true
  end
  if not STATES[state] then
    return refused("a worker is started, restarting or stopped; the whole app may be removed")
  end
  if number ~= nil and not workers[number] then
    return refused("there is no worker %s; there are 1 to %d", tostring(number), #workers)
  end
  self.removed = false
  for i, worker in ipairs(workers) do
    if number == nil or i == number then
      worker.state, worker.sessions = state, sessions.new(self.tenant.deps, self.tenant.settings)
    end
  end
  return true
end

--- { number, state } of every worker.
function load_balancer:list()
  local list = {}
  for i, worker in ipairs(workers_of(self)) do
    list[i] = { number = i, state = self.removed and "removed" or worker.state }
  end
  return list
end

-- What a balancer of the user's own verified: PEM, percent-encoded as nginx does it, or bare
-- base64.
local function foreign_leaf(field)
  if not field then return nil end
  local text = web.unescape(field) or ""
  local bytes = text:find("BEGIN", 1, true) and text or core.crypto.unbase64(text)
  local parsed = bytes and core.cert.parse(bytes)
  return parsed and parsed.certificates[1]
end

local function certificate(self, request)
  if self.tenant.settings.balancer == "foreign" then
    return foreign_leaf(request.headers["ssl_client_cert"])
  end
  if not request.chain then return nil end
  if request.certificate_expired then return nil, "it has expired" end -- a fault
  return self.tenant.trust:leaf("balancer", request.chain)
end

-- The worker of the cookie, else the next in turn; nil when none runs.
local function choose_worker(self, request)
  local workers = workers_of(self)
  local cookie = web.cookies(request.headers.cookie)[self.tenant.settings.balancer_cookie]
  local worker = cookie and self.by_cookie[cookie]
  if worker and worker.state ~= "stopped" then return worker end
  for _ = 1, #workers do
    self.turn = self.turn % #workers + 1
    if workers[self.turn].state ~= "stopped" then return workers[self.turn] end
  end
end

--- Prepares a request for a host behind it: certificate and headers. Returns an answer when it gets
--- no further.
function load_balancer:pass(request)
  local refusal = router.check_headers(self.tenant, request)
  if refusal then return refusal end
  local leaf, reason = certificate(self, request)
  request.certificate, request.dropped = leaf, reason
  local headers = {}
  for name, value in pairs(request.headers) do
    if type(value) == "string" and not flow_headers.is_balancers(name) then -- not "raw"
      headers[name] = value
    end
  end
  if leaf then
    headers["ssl_client_cert"] = leaf.pem:gsub("%-%-%-%-%-[^-]+%-%-%-%-%-", ""):gsub("%s", "")
    headers["ssl_client_user"] = leaf.subject
  end
  request.headers = headers
end

--- The same for the runtime, and chooses the worker.
function load_balancer:admit(request)
  if self.removed then return router.unknown_route(request) end
  local refusal = self:pass(request)
  if refusal then return refusal end
  request.worker = choose_worker(self, request)
  if not request.worker then return router.no_endpoints(request) end
  if request.worker.state == "restarting" then return router.endpoint_failure() end
end

--- Completes the worker's answer: its own id, and the cookie beside a new session.
function load_balancer:dress(request, answer)
  answer.headers["x-correlationid"] = core.crypto.uuid()
  if request.new_session then
    answer.headers["Set-Cookie"] = {
      ("JSESSIONID=%s; Path=/; Secure; HttpOnly"):format(request.new_session.id),
      ("%s=%s; Path=/; Secure; HttpOnly; SameSite=None"):format(
        self.tenant.settings.balancer_cookie, request.worker.cookie),
    }
  end
  return answer
end

return load_balancer
