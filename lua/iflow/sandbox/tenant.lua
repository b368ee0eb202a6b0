--- One running sandbox tenant: puts its parts together in a directory, and takes them down again.
--- The parts find each other through the fields set here.
local core = require "iflow.core"
local addresses = require "iflow.sandbox.addresses"
local artifacts = require "iflow.sandbox.artifacts"
local authority = require "iflow.sandbox.authority"
local broker = require "iflow.sandbox.broker"
local counters = require "iflow.sandbox.counters"
local decisions = require "iflow.sandbox.decisions"
local errors = require "iflow.error"
local faults = require "iflow.sandbox.faults"
local flow_file = require "iflow.sandbox.flow_file"
local flows = require "iflow.sandbox.flows"
local hosts = require "iflow.sandbox.hosts"
local journal = require "iflow.sandbox.journal"
local limiter = require "iflow.sandbox.limiter"
local load_balancer = require "iflow.sandbox.load_balancer"
local mpl = require "iflow.sandbox.mpl"
local platform = require "iflow.sandbox.cf.platform"
local role_cache = require "iflow.sandbox.role_cache"
local roles = require "iflow.sandbox.roles"
local settings = require "iflow.sandbox.settings"
local signers = require "iflow.sandbox.signers"
local state = require "iflow.sandbox.state"
local trust = require "iflow.sandbox.trust"

local tenant = {}
tenant.__index = tenant

local FLOWS_MAX = 4 * 1024 * 1024

local function check_hostname(name)
  if name == nil or addresses.is_hostname(name) then return true end
  return nil, errors { code = "usage.invalid", hint = "give a name such as sandbox.test",
                       message = ("'%s' is no host name"):format(name) }
end

local function take_directory(self)
  local ok, err = core.file.mkdir(self.dir, "0700")
  if not ok then return nil, err end
  self.dir = assert(core.file.absolute(self.dir))
  self.lock, err = core.file.lock(self.dir .. "/sandbox.lock")
  if self.lock then return true end
  if err.code == "file.locked" then
    err = errors { code = "sandbox.failed",
      message = ("a sandbox is running in '%s' already"):format(self.dir),
      hint = "stop it first: iflow sandbox stop --dir " .. self.dir }
  end
  return nil, err
end

-- What was set before a restart, with what is given now on top; the latter stays, too.
local function take_settings(self, given)
  local kept = {}
  for name, value in pairs(self.state.data.settings or {}) do
    if settings.change(name, value) then kept[name] = value end -- else of another version
  end
  for name, value in pairs(given or {}) do kept[name] = value end
  self.state.data.settings = kept
  self.settings = settings.new(kept)
end

local function open_log(self)
  local err
  self.journal, err = journal.open(self.dir, self.settings.log_size)
  if not self.journal then return nil, err end
  self.log = mpl.new({ now = self.now, random = core.crypto.random,
                       journal = function(entry) self.journal:note(entry) end },
                     self.settings.log_size)
  self.log:restore(self.journal:read())
  return true
end

local function build(self, given)
  local ok, err
  self.state, err = state.open(self.dir)
  if not self.state then return nil, err end
  take_settings(self, given)
  self.authority, err = authority.open(self.dir .. "/authority", math.floor(self.now()))
  if not self.authority then return nil, err end
  self.trust = trust.new { state = self.state, own_root = self.authority.root.pem, now = self.now }
  self.broker = broker.new(self)
  self.counters = counters.new()
  self.decisions = decisions.new(self.now)
  self.signers, err = signers.open(self.dir .. "/authority", self.now, self.settings)
  if not self.signers then return nil, err end
  ok, err = open_log(self)
  if not ok then return nil, err end
  self.roles = roles.new(self.state)
  self.platform = platform.new(self)
  self.role_cache = role_cache.new(self)
  self.token_limit, self.runtime_limit = limiter.new(), limiter.new()
  self.flows, self.artifacts = flows.new(), artifacts.new(self)
  self.balancer = load_balancer.new(self)
  self.faults = faults.new(self)
  return true
end

local function modified(path)
  local stat = core.file.stat(path)
  return stat and stat.mtime
end

-- Flows that were deployed before a restart; one that no longer loads is told and left out.
local function load_flows(self)
  local dir = self.dir .. "/flows"
  for _, name in ipairs(core.file.stat(dir) and core.file.list(dir) or {}) do
    if name:match("%.lua$") then
      local source, err = core.file.read(dir .. "/" .. name, FLOWS_MAX)
      local flow
      if source then flow, err = flow_file.load(source, name, self.settings) end
      local ok, why
      if flow then ok, why = self.flows:deploy(flow, modified(dir .. "/" .. name)) end
      if not ok then core.log.write("warn", "sandbox", tostring(err or why)) end
    end
  end
end

local function busy_port(err, port)
  local text = "the ports %d to %d of 127.0.0.1 cannot be used: %s"
  return errors { code = "sandbox.failed", cause = err,
    message = text:format(port, port + #addresses.KINDS - 1, err.message),
    hint = "end what uses them, or give others with --port; keys that exist name the old ones" }
end

local function open_hosts(self, port)
  local identity, err = self.authority:server_identity(self.addresses:sans(),
                                                       math.floor(self.now()))
  if not identity then return nil, err end
  self.hosts, err = hosts.open(self, identity, port)
  if self.hosts then return true end
  return nil, port == 0 and err or busy_port(err, port)
end

local function describe(self)
  self.endpoints = { cacert = self.dir .. "/ca.pem", admin_token = self.dir .. "/admin.token" }
  for _, kind in ipairs { "runtime", "api", "cf" } do
    self.endpoints[kind] = self.addresses:url(kind)
  end
  self.endpoints.cf_uaa = self.addresses:uaa_url()
  self.endpoints.token = self.addresses:token_url(false)
  self.endpoints.token_cert = self.addresses:token_url(true)
end

-- What others read: where everything is, whom to trust, and the secret of the admin path.
local function publish(self)
  describe(self)
  self.admin_token = core.crypto.base64url(core.crypto.random(32))
  local data = self.state.data
  data.port, data.hostname = self.addresses.ports.token, self.addresses.hostname
  local function text(value)
    return assert(core.json.encode(value, { pretty = true, sort = true })) .. "\n"
  end
  local ok, err = self.state:save()
  for _, file in ipairs {
    { "ca.pem", self.authority.server_root.pem, "0644" },
    { "endpoints.json", text(self.endpoints), "0644" },
    { "cf.json", text(self.platform:logon()), "0600" },
    { "sandbox.pid", core.process.pid() .. "\n", "0644" },
    { "admin.token", self.admin_token .. "\n", "0600" }, -- last: with it the sandbox can be found
  } do
    if ok then ok, err = core.file.write(("%s/%s"):format(self.dir, file[1]), file[2], file[3]) end
  end
  return ok, err
end

--- Starts a tenant. opts: dir, port (0: the last one of this directory, else a free one), hostname,
--- settings (checked), now() -> seconds. Returns nil, err when it cannot.
function tenant.open(opts)
  local now = opts.now or core.task.now
  local self = setmetatable({ dir = opts.dir, now = now,
                              deps = { now = now, random = core.crypto.random },
                              waiting = {} }, tenant)
  local ok, err = check_hostname(opts.hostname)
  if ok then ok, err = take_directory(self) end
  if ok then ok, err = build(self, opts.settings) end
  if ok then
    local last = self.state.data
    self.addresses = addresses.new(opts.hostname or last.hostname)
    load_flows(self)
    ok, err = open_hosts(self, opts.port ~= 0 and opts.port or last.port or 0)
  end
  if ok then ok, err = publish(self) end
  if ok then
    self.platform:resume()
    return self
  end
  self:close()
  return nil, err
end

--- Ends it: open requests may finish, then everything is closed. Waits, where waiting is possible.
--- Can be repeated.
function tenant:close()
  if self.closing then
    pcall(self.wait, self)
    return
  end
  self.closing = true
  if self.decisions then self.decisions:close() end -- before the hosts wait for who listens
  if self.faults then self.faults:close() end
  if self.hosts then self.hosts:close() end
  if self.platform then self.platform:close() end
  if self.signers then self.signers:close() end
  if self.journal then self.journal:close() end
  for _, name in ipairs { "sandbox.pid", "admin.token" } do
    if self.admin_token then core.file.remove(self.dir .. "/" .. name) end
  end
  if self.lock then self.lock:close() end
  self.closed = true
  for _, waiter in ipairs(self.waiting) do core.task.wake(waiter) end
end

--- Waits until it is closed.
function tenant:wait()
  while not self.closed do
    self.waiting[#self.waiting + 1] = core.task.current()
    core.task.park()
  end
end

return tenant
