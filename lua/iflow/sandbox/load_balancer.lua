--- The load balancer before the runtime: it ends TLS, passes on a client certificate only when its
--- chain reaches a listed root (else it drops it silently: the worker answers 401), strips what
--- only it may say, and keeps a client on its worker by a cookie.
local core = require "iflow.core"
local web = require "iflow.sandbox.web"
local sessions = require "iflow.sandbox.runtime.sessions"

local load_balancer = {}
load_balancer.__index = load_balancer

local OWN_HEADERS = { "^ssl[_-]client", "^x%-ssl%-client", "^x%-forwarded%-client%-cert$" }

function load_balancer.new(tenant)
  local self = setmetatable({ tenant = tenant, workers = {}, by_cookie = {}, turn = 0 },
                            load_balancer)
  for i = 1, tenant.settings.workers do
    -- "+", "/" and "=" as such cookies have them: a client that re-encodes loses its worker.
    local cookie = "!" .. core.crypto.base64("\xfb\xff" .. core.crypto.random(14))
    local worker = { cookie = cookie, sessions = sessions.new(tenant.deps, tenant.settings) }
    self.workers[i], self.by_cookie[cookie] = worker, worker
  end
  return self
end

local function passed_on(name)
  for _, pattern in ipairs(OWN_HEADERS) do
    if name:match(pattern) then return false end
  end
  return true
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
  return self.tenant.trust:leaf("balancer", request.chain)
end

local function choose_worker(self, request)
  local cookie = web.cookies(request.headers.cookie)[self.tenant.settings.balancer_cookie]
  local worker = cookie and self.by_cookie[cookie]
  if worker then return worker end
  self.turn = self.turn % #self.workers + 1
  return self.workers[self.turn]
end

--- Prepares a request for the worker: certificate, headers, worker.
function load_balancer:admit(request)
  local leaf, reason = certificate(self, request)
  request.certificate, request.dropped = leaf, reason
  request.worker = choose_worker(self, request)
  local headers = {}
  for name, value in pairs(request.headers) do
    if type(value) == "string" and passed_on(name) then headers[name] = value end -- not "raw"
  end
  if leaf then
    headers["ssl_client_cert"] = leaf.pem:gsub("%-%-%-%-%-[^-]+%-%-%-%-%-", ""):gsub("%s", "")
    headers["ssl_client_user"] = leaf.subject
  end
  request.headers = headers
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
