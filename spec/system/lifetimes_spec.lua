-- A service under load while all that gives it access to the tenant is renewed: a secret, a
-- certificate that is pinned, one that is not, the load balancer's root, keys that are deleted.
-- Messages come by relays into a real `iflow serve`; the sandbox's log tells what became of them.
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"
local json = require "iflow.json"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"
local size = require "spec.support.size"

local SENDERS = { "secret", "pinned", "unpinned" }
local LOAD = size.of(1, 8) -- clients of each sender
local SOME = size.of(10, 500) -- messages of each sender between two events
local HOUR = 3600

local SCRIPT = [[
local iflow = require "iflow"
local function define(name, credential)
  credential.to, credential.trust, credential.concurrency = "/http/orders", "trust.pem", 4
  credential.idempotent = true -- connections are cut while answers are under way
  credential.retry = iflow.retry { first = "50ms", max = "200ms", jitter = "none", attempts = 60 }
  if credential.next then credential.next.from = tonumber(os.getenv "SWITCH_AT") end
  iflow.sender(name)(credential)
  iflow.relay { listen = os.getenv "RELAY", path = "/" .. name, sender = name }
end
define("secret", { service_key = "secret.json" })
define("pinned", { service_key = "pinned.json", cert = "pinned.pem", key = "pinned.key",
  next = { service_key = "pinned-2.json", cert = "pinned-2.pem", key = "pinned-2.key" } })
define("unpinned", { service_key = "unpinned.json", cert = "unpinned.pem", key = "unpinned.key",
  auth = "certificate", next = { cert = "unpinned-2.pem", key = "unpinned-2.key", one_way = true,
    probe = { to = "/http/orders", auth = "certificate", body = "probe" } } })
]]

-- The scene ---------------------------------------------------------------------------------------

local scene = {}
scene.__index = scene

function scene:file(name) return self.home.dir:file(name) end

-- Written in one step, as everybody should exchange what a program watches.
function scene:put(name, text) return assert(core.file.write(self:file(name), text, "0600")) end

-- A key of the instance "orders": the document goes into NAME.json, or into `file`.
function scene:key(name, options, file)
  options.instance, options.name = "orders", name
  local document = assert(self.home.sb:create_key(options))
  self:put(file or name .. ".json", assert(json.encode(document)))
end

-- A certificate of the partner's authority; the days since which they are good tell the newer one.
function scene:certificate(name, subject, not_before)
  local key = assert(core.authority.keypair { type = "ec" })
  local pem = assert(core.authority.issue { subject = { { "O", "Partner" }, { "CN", subject } },
    key = key, client_auth = true, issuer = self.ca, issuer_key = self.ca_key,
    not_before = self.now + not_before, not_after = self.now + 100 * HOUR })
  self:put(name .. ".pem", pem)
  self:put(name .. ".key", key:private_pem())
  return pem
end

function scene:credentials()
  self.ca_key = assert(core.authority.keypair { type = "ec" })
  self.ca = assert(core.authority.issue { subject = { { "CN", "Partner root" } }, ca = true,
    key = self.ca_key, not_before = self.now - 1000 * HOUR, not_after = self.now + 1000 * HOUR })
  assert(self.home.sb:trust(self.ca, "both"))
  self:key("secret", { type = "secret" })
  self:key("pinned", { type = "external", x509 = self:certificate("pinned", "pinned", -9 * HOUR) })
  self:key("unpinned", { type = "external", pin = false,
    x509 = self:certificate("unpinned", "unpinned", -9 * HOUR) })
  self:put("trust.pem", process.read(self.home.cacert))
end

function scene:command(...)
  local words = { process.iflow, ... }
  words.dir = self.home.dir.path
  local result = process.run(words)
  assert(result.code == 0, result.out .. result.err)
  return result.out
end

local function open()
  local self = setmetatable({ accepted = {}, reached = {}, count = {}, numbers = 0 }, scene)
  for _, name in ipairs(SENDERS) do self.count[name] = 0 end
  self.home = landscape.open { settings = { log_size = 100000 }, process = function(exchange)
    local id, sender = exchange.body:match "^(%d+) (%w+)$"
    if id and not self.reached[id] then
      self.reached[id] = true
      self.count[sender] = self.count[sender] + 1
    end
    return 200, { ["Content-Type"] = "text/plain" }, "ok"
  end }
  self.now = math.floor(core.task.now())
  self:credentials()
  self.home.dir:write("orders.lua", SCRIPT)
  return self
end

function scene:close()
  self.stopped = true
  for _, task in ipairs(self.clients or {}) do task:join() end
  if self.service then self.service:stop() end
  self.home:__close()
end
scene.__close = scene.close

-- The service and its load ------------------------------------------------------------------------

function scene:serve(switch_at)
  self.relay = "127.0.0.1:" .. process.free_port()
  self.service = process.start { process.iflow, "serve", "--json", "orders.lua", "--outbox",
    "outbox.db", dir = self.home.dir.path,
    env = { RELAY = self.relay, SWITCH_AT = tostring(switch_at), IFLOW_TOKEN_CACHE = "off" } }
  process.wait_for("the service", function()
    assert(self.service:alive(), self.service:output())
    return (self.service.dir:read "out" or ""):find "\n"
  end)
end

function scene:post(sender)
  self.numbers = self.numbers + 1
  local id = tostring(self.numbers)
  local answer = assert(core.http.request { url = ("http://%s/%s"):format(self.relay, sender),
    method = "POST", body = ("%s %s"):format(id, sender), proxy = "" })
  assert(answer.status == 202, answer.body)
  self.accepted[id] = true
end

function scene:load()
  self.clients = {}
  for _, sender in ipairs(SENDERS) do
    for _ = 1, LOAD do
      self.clients[#self.clients + 1] = iflow.spawn(function()
        while not self.stopped do
          self:post(sender)
          iflow.sleep(0.01)
        end
      end)
    end
  end
end

-- Until each sender has delivered some more: it lives.
function scene:goes_on(what)
  local from = {}
  for sender, count in pairs(self.count) do from[sender] = count end
  process.wait_for("deliveries after: " .. what, function()
    for _, sender in ipairs(SENDERS) do
      if self.count[sender] < from[sender] + SOME then return false end
    end
    return true
  end, 120)
end

-- How often the service told of that event.
function scene:told(event)
  local n = 0
  for line in (self.service.dir:read "err" or ""):gmatch "[^\n]+" do
    local entry = core.json.decode(line)
    if entry and entry.event == event then n = n + 1 end
  end
  return n
end

-- Runs a command that exchanges a file, until the service has taken what is in it.
function scene:renew(...)
  local before = self:told "credentials_renewed"
  self:command(...)
  process.wait_for("the service to take it", function()
    return self:told "credentials_renewed" > before
  end)
end

local function size_of(set)
  local n = 0
  for _ in pairs(set) do n = n + 1 end
  return n
end

-- Ends load and service when all that was accepted has reached the flow; the outbox's figures.
function scene:settle()
  self.stopped = true
  for _, task in ipairs(self.clients) do task:join() end
  process.wait_for("everything to be delivered", function()
    return size_of(self.reached) == size_of(self.accepted)
  end, 120)
  self.service:signal "TERM"
  assert.equal(0, self.service:wait().code)
  return core.json.decode(self:command("outbox", "stats", "--json", "--outbox", "outbox.db")).total
end

-- What the tenant says: how many messages have come, and how many runs did not get to their end.
function scene:log()
  local seen, wrong = {}, 0
  for _, entry in ipairs(self.home.sb:log()) do
    if entry.status ~= "COMPLETED" then wrong = wrong + 1 end
    if entry.application_id then seen[entry.application_id] = true end
  end
  return size_of(seen), wrong
end

-- The test ----------------------------------------------------------------------------------------

describe("a service under load", function()
  it("loses and rejects nothing over all renewals", async(function()
    local s <close> = open()
    local sb = s.home.sb
    -- what follows is there before it is needed, as SAP's procedures want it
    s:key("pinned-2", { type = "external", x509 = s:certificate("pinned-2", "pinned", -HOUR) })
    s:certificate("unpinned-2", "unpinned", -HOUR)
    local switch_at = core.task.now() + 4
    s:serve(switch_at)
    s:load()
    s:goes_on "the start"

    -- the secret, as an administrator rotates it
    s:renew("instance", "rotate", "orders", "secret.json", "--sandbox", sb.dir, "--grace", "1h")
    s:goes_on "the secret was exchanged"
    s:command("instance", "rotate", "orders", "secret.json", "--sandbox", sb.dir, "--grace", "0s")
    assert.is_nil(core.file.stat(s:file "secret.json.rotation")) -- it has ended
    assert(sb:rotate_signing_key())
    s:goes_on "the old secret was deleted"

    -- the certificates, when their time comes
    process.wait_for("both senders to switch", function() return s:told "switched" >= 2 end)
    assert.equal(1, s:told "switching") -- the one way
    s:goes_on "the certificates were renewed"
    assert(sb:delete_key("orders", "pinned"))
    assert(sb:rotate_signing_key())
    s:goes_on "the key of the old certificate was deleted"

    -- the root of the load balancer
    s:put("new-root.pem", sb:server_root("announce").announced.pem)
    local old = sb:server_root().served.sha256
    s:renew("trust", "add", "--trust", "trust.pem", "new-root.pem")
    s:goes_on "the new root was added"
    assert(sb:server_root "exchange")
    s:goes_on "the root was exchanged"
    s:renew("trust", "remove", "--trust", "trust.pem", old)
    s:goes_on "the old root was removed"

    local total, accepted = s:settle(), size_of(s.accepted)
    assert.same({ accepted, 0, 0, 0 },
      { total.delivered, total.rejected, total.in_doubt, total.open })
    assert.same({ accepted, 0 }, { s:log() })
  end, { limit = 900 }))
end)
