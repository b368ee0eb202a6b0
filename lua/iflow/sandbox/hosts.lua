--- The listeners: they make a plain request of what came in, check the Host field, ask the
--- behaviour of the host for an answer, and send it.
local core = require "iflow.core"
local addresses = require "iflow.sandbox.addresses"
local deadlines = require "iflow.sandbox.deadlines"
local refusal = require "iflow.sandbox.token.refusal"
local router = require "iflow.sandbox.router"
local web = require "iflow.sandbox.web"

local hosts = {}
hosts.__index = hosts

local BEHAVIOUR = {
  token = require "iflow.sandbox.token_server",
  token_cert = require "iflow.sandbox.token_server",
  runtime = require "iflow.sandbox.runtime",
  api = require "iflow.sandbox.api",
  cf = require "iflow.sandbox.cf",
}
-- Below the ports that systems give to outgoing connections, so that they are free again later.
local LOWEST, HIGHEST = 10240, 32000
local ATTEMPTS = 50
local GRACE = 2 -- seconds an open request has at the end
local BACKSTOP = 5 -- seconds after the balancer's timeout that cut an answer which had begun

local function no_zone(tenant) return refusal.no_zone(tenant) end
local function no_route(_, request) return router.unknown_route(request) end

local NO_TENANT = { token = no_zone, token_cert = no_zone, runtime = no_route, api = no_route,
                    cf = no_route }

-- The leaf's digest as identity:fingerprint() gives it. Few identities call, so few are remembered.
local function fingerprint(self, chain)
  if not chain then return nil end
  local known = self.fingerprints[chain[1]]
  if not known then
    local parsed = core.cert.parse(chain[1])
    known = parsed and parsed.certificates[1].sha256:lower() or "unreadable"
    if self.fingerprint_count >= 1000 then self.fingerprints, self.fingerprint_count = {}, 0 end
    self.fingerprint_count = self.fingerprint_count + 1
    self.fingerprints[chain[1]] = known
  end
  return known
end

local function plain_request(kind, req)
  local path, query = web.split_target(req.target)
  return {
    kind = kind, method = req.method, target = req.target, path = path, query = query,
    headers = req.headers, peer = req.peer, chain = req:client_chain(),
    read = function() return req:read() end,
    read_body = function(max) return req:body(max) end,
  }
end

-- Pieces of a body that a flow gives one by one. answer.length: their sum, where it is known;
-- answer.cut: a fault ends the connection behind them.
local function send_pieces(req, answer)
  local ok, err = req:begin(answer.status, answer.headers, answer.length)
  while ok do
    local ran, piece = pcall(answer.body)
    if not ran then
      core.log.write("warn", "sandbox", "a flow's body broke off: " .. tostring(piece))
      return nil -- too late for a status
    end
    if piece == nil and not answer.cut then return req:finish() end
    if piece == nil then break end
    ok, err = req:write(piece)
  end
  return nil, err
end

local function send(req, answer)
  if answer.abort then return req:abort() end
  local ok, err
  if type(answer.body) == "function" then
    ok, err = send_pieces(req, answer)
  else
    ok, err = req:answer(answer.status, answer.headers, answer.body)
  end
  if ok then return end
  if err and err.code == "http.header" then -- of a flow
    core.log.write("warn", "sandbox", "an answer cannot be sent: " .. err.message)
    req:answer(500, { ["Content-Type"] = "text/plain" }, "An internal server error occured")
  else
    req:abort() -- the client is gone
  end
end

local function means_tenant(self, kind, request)
  local host = request.headers.host
  if self.tenant.addresses:accepts(kind, host) then return true end
  local zone = request.headers["x-zid"] or (web.form(request.query) or {}).zid
  return addresses.is_domain(kind, host) and zone == self.tenant.state.data.subaccount_id
end

local function decide(self, request)
  local kind = request.kind
  if not request.path then
    return web.because(web.page(400, "Bad Request"), "address: a broken escape")
  elseif not means_tenant(self, kind, request) then
    return web.because(NO_TENANT[kind](self.tenant, request), "address: the Host field '%s' names "
      .. "no host of this tenant", request.headers.host or "")
  end
  return BEHAVIOUR[kind](self.tenant, request)
end

local function decide_with_faults(self, request)
  local faults = self.tenant.faults
  if faults:none() then return decide(self, request) end
  return faults:serve(request, function(asked) return decide(self, asked) end)
end

-- The balancer answers for a worker that does not; what runs there goes on to its end.
local function give_up(self, req, request)
  local settings = self.tenant.settings
  local answer = { abort = true }
  if settings.balancer_timeout_answer ~= "reset" then
    answer = self.tenant.balancer:dress(request, router.timeout())
  end
  web.because(answer, "balancer: no answer within %s s (setting balancer_timeout)",
              settings.balancer_timeout)
  request.late = true
  self.tenant.decisions:note(request, answer, request.began)
  send(req, answer)
end

local function decide_in_time(self, req, request)
  if request.kind ~= "runtime" then return decide_with_faults(self, request) end
  local link = self.deadlines:watch { req = req, request = request }
  local answer = decide_with_faults(self, request)
  deadlines.release(link)
  return answer
end

local function serve(self, kind, req)
  self.tasks[core.task.current()] = true
  local request = plain_request(kind, req)
  self.tenant.counters:request(kind, req.peer, fingerprint(self, request.chain))
  request.began = core.task.monotonic()
  local answer = decide_in_time(self, req, request)
  if request.late then return end -- answered already
  self.tenant.decisions:note(request, answer, request.began)
  if not answer.abort and core.log.enabled("debug", "sandbox") then
    core.log.write("debug", "sandbox",
                   ("%s %s %s: %d, %s"):format(kind, request.method, request.path or "?",
                                               answer.status, answer.rule or "answered"))
  end
  send(req, answer)
end

local function refuses_expired(self)
  return self.tenant.settings.expired_certificate == "alert"
end

local function listen(self, kind, port)
  local balanced = kind == "runtime" or kind == "api" -- hosts behind the load balancer
  local settings = self.tenant.settings
  return core.server.new {
    port = port, tls = true, identity = self.identity,
    ask_client = balanced or kind == "token_cert",
    refuse_without_eku = balanced, refuse_expired = balanced and refuses_expired(self),
    body_gap = settings.body_gap, min_tls = settings.tls_min, max_tls = settings.tls_max,
    total_timeout = kind == "runtime" and settings.balancer_timeout + BACKSTOP or nil,
    request = function(req) serve(self, kind, req) end,
  }
end

-- Gracefully where waiting is possible: a task that was cancelled, or that unwinds, cannot.
local function close_all(servers)
  for _, server in pairs(servers) do
    if not pcall(server.close, server, GRACE) then server:close(0) end
  end
end

-- Consecutive ports from base on; nil, err when one is taken.
local function listen_from(self, base)
  local servers = {}
  for i, kind in ipairs(addresses.KINDS) do
    local server, err = listen(self, kind, base + i - 1)
    if not server then
      close_all(servers)
      return nil, err
    end
    servers[kind] = server
  end
  return servers
end

local function random_base()
  local number = string.unpack(">I4", core.crypto.random(4))
  local count = #addresses.KINDS
  return LOWEST + number % ((HIGHEST - LOWEST) // count) * count
end

--- Opens the listeners of tenant on consecutive ports from base on, or on free ones when base is 0,
--- and fills in the ports of tenant.addresses. identity: the server certificate.
function hosts.open(tenant, identity, base)
  local self = setmetatable({ tenant = tenant, identity = identity, shown = {}, fingerprints = {},
                              fingerprint_count = 0,
                              tasks = setmetatable({}, { __mode = "k" }) }, hosts)
  self.deadlines = deadlines.new(tenant.settings.balancer_timeout, function(item)
    give_up(self, item.req, item.request)
  end)
  local err
  for _ = 1, base == 0 and ATTEMPTS or 1 do
    local first = base == 0 and random_base() or base
    self.servers, err = listen_from(self, first)
    if self.servers then
      for i, kind in ipairs(addresses.KINDS) do tenant.addresses.ports[kind] = first + i - 1 end
      return self
    end
  end
  return nil, err
end

--- Tells the listeners what was set while they run.
function hosts:apply_settings()
  for _, kind in ipairs { "runtime", "api" } do
    self.servers[kind]:refuse_expired(refuses_expired(self))
  end
end

--- Notes the client certificates that were refused in handshakes since the last time.
function hosts:note_refusals()
  for kind, server in pairs(self.servers) do
    for _, refused in ipairs(server:refusals()) do
      self.tenant.decisions:refused(kind, refused.subject, refused.reason)
    end
  end
end

--- What the listeners counted, by host.
function hosts:stats()
  local stats = {}
  for kind, server in pairs(self.servers) do stats[kind] = server:stats() end
  return stats
end

--- Shows another certificate at the host of that kind, or again its own when identity is nil: at
--- once to all, since connections that were open end.
function hosts:show_certificate(kind, identity)
  local server = self.servers[kind]
  local ok, err = server:set_identity(identity or self.identity)
  if not ok then return nil, err end
  server:recycle()
  self.shown[kind] = identity
  return true
end

--- Shows that certificate from now on at all hosts, but where show_certificate shows another one.
function hosts:renew_certificate(identity)
  self.identity = identity
  for kind in pairs(self.servers) do
    local ok, err = self:show_certificate(kind, self.shown[kind])
    if not ok then return nil, err end
  end
  return true
end

--- Lets open requests end, then cuts them and cancels what still runs for them. Waits.
function hosts:close()
  close_all(self.servers)
  self.deadlines:close()
  for task in pairs(self.tasks) do
    if task ~= core.task.current() then task:cancel() end
  end
end

return hosts
