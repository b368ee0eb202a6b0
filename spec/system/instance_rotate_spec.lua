-- Rotation of service keys through the Cloud Foundry API of a sandbox: over TLS, with real files,
-- and processes that are killed between the steps.
local async = require "spec.support.async"
local cf_support = require "spec.support.cf"
local core = require "iflow.core"
local fresh = require "spec.support.fresh"
local iflow = require "iflow"
local json = require "iflow.json"
local journal = require "iflow.cf.rotation.journal"
local new_cf = require "iflow.cf"
local outbox_service = require "spec.support.outbox_service"
local process = require "spec.support.process"
local size = require "spec.support.size"
local support = require "spec.support.sandbox"

local HOUR = 3600

local function code_of(_, err) return err and err.code end

-- A sandbox with the instance "orders", its key "k1" in a file of a directory of its own, and an
-- iflow.cf: { sb, cf, logon, dir, file, options(over) }.
local world = {}
world.__index = world

function world.__close(self)
  self.sb:close()
  self.dir:close()
end

function world.open(settings)
  local sb = support.start { settings = settings }
  cf_support.logon(sb) -- with the signing key of the process
  local logon = assert(core.json.decode(core.file.read(sb.dir .. "/cf.json")))
  local self = setmetatable({ sb = sb, dir = process.tempdir() }, world)
  self.logon = { api = logon.api, cacert = sb.endpoints.cacert, proxy = "", user = logon.user,
                 password = logon.password }
  self.cf = assert(new_cf(self.logon))
  assert(sb:create_instance { name = "orders", roles = { "ESBMessaging.send" } })
  self.file = self.dir:file "orders.json"
  return self
end

-- A key in the file; more: fields of sb:create_key.
function world:put_key(more)
  local wanted = { instance = "orders", name = "k1", type = "secret" }
  for name, value in pairs(more or {}) do wanted[name] = value end
  local document = assert(self.sb:create_key(wanted))
  self.text = assert(json.encode(document))
  assert(core.file.write(self.file, self.text, "0600"))
  return document
end

function world:options(over)
  local options = { instance = "orders", key_file = self.file }
  for name, value in pairs(over or {}) do options[name] = value end
  return options
end

function world:rotate(over) return self.cf:rotate_key(self:options(over)) end

-- Names of the keys there are, and that of the one in the file.
function world:keys()
  local list, used = {}, core.json.decode(core.file.read(self.file)).oauth.clientid
  for _, key in ipairs(assert(self.cf:keys("orders", { details = true }))) do
    list[#list + 1] = key.name
    if key.client_id == used then list.used = key.name end
  end
  return list
end

-- The names in the directory of the key file, but for the lock.
function world:files()
  local names = {}
  for _, name in ipairs(assert(core.file.list(self.dir.path))) do
    if not name:find "%.lock$" then names[#names + 1] = name end
  end
  return names
end

function world:token(over)
  local options = { service_key = self.file, cacert = self.sb.endpoints.cacert, proxy = "",
                    token_cache = false }
  for name, value in pairs(over or {}) do options[name] = value end
  local tenant <close>, err = iflow.tenant(options)
  if not tenant then return nil, err end
  return tenant:token()
end

-- Rotates in a process of its own that is killed there.
function world:kill_at(step, state, over)
  local result = process.run { process.lua, "spec/support/rotate_until.lua", assert(json.encode {
    cf = self.logon, rotate = self:options(over), step = step, state = state }) }
  assert.equal(128 + 9, result.code, result.err)
end

local function with(settings, body)
  return async(function()
    local here <close> = world.open(settings)
    body(here)
  end, { limit = 300 })
end

-- An authority that the sandbox trusts: issue(name, not_before) writes NAME.pem and NAME.key of a
-- certificate of subject CN=partner.
local function authority(here)
  local now = math.floor(core.task.now())
  local ca_key = assert(core.authority.keypair { type = "ec" })
  local ca = assert(core.authority.issue { subject = { { "CN", "Partner root" } }, key = ca_key,
    ca = true, not_before = now - 1000 * HOUR, not_after = now + 1000 * HOUR })
  assert(here.sb:trust(ca, "both"))
  return function(name, age, subject)
    local key = assert(core.authority.keypair { type = "ec" })
    local leaf = assert(core.authority.issue { key = key, client_auth = true, issuer = ca,
      subject = { { "CN", subject or "partner" } }, issuer_key = ca_key,
      not_before = now - age * HOUR, not_after = now + 100 * HOUR })
    return { pem = leaf, cert = here.dir:write(name .. ".pem", leaf),
             key = here.dir:write(name .. ".key", key:private_pem()) }
  end
end

describe("a rotation", function()
  it("puts a new key in place, and deletes the old one after the time of grace", with({},
    function(here)
      here:put_key()
      local seen = {}
      local report = assert(here:rotate { name = "k2", grace = "1h", on_step = function(step)
        if step.state ~= "begins" then seen[#seen + 1] = step.step .. " " .. step.state end
      end })
      assert.same({ "create done", "stage done", "probe done", "switch done", "grace waiting" },
        seen)
      assert.same({ "waiting", "k1", "k2" }, { report.state, report.old.name, report.new.name })
      assert.same({ "k1", "k2", used = "k2" }, here:keys())
      for _, name in ipairs(here:files()) do
        assert.equal("0600", core.file.stat(here.dir:file(name)).mode, name)
      end
      assert(here:token())
      local secret = core.json.decode(core.file.read(here.file)).oauth.clientsecret
      assert.is_nil(core.file.read(journal.path(here.file)):find(secret, 1, true))
      assert.equal("waiting", assert(here:rotate { continue = true }).state) -- as cron would
      assert.same({ "k1", "k2", used = "k2" }, here:keys())
      assert.equal("done", assert(here:rotate { grace = 0 }).state)
      assert.equal("none", assert(here:rotate { continue = true }).state)
      assert.same({ "k2", used = "k2" }, here:keys())
      assert.same({ "orders.json" }, here:files())
    end))

  it("waits for the end of the grace when it is told to", with({}, function(here)
    here:put_key()
    assert.equal("done", assert(here:rotate { grace = 0.2, wait_grace = true }).state)
    local keys = here:keys()
    assert.same({ 1, keys[1] }, { #keys, keys.used })
    assert.matches("^k1%-%d+T%d+$", keys[1])
  end))

  it("killed before and after every step goes on where it was", with({}, function(here)
    here:put_key()
    for _, step in ipairs(journal.STEPS) do
      for _, state in ipairs { "begins", "done" } do
        here:kill_at(step, state, { name = "k2", grace = 0 })
        assert(here:keys().used, step .. " " .. state)
        assert(here:token())
      end
    end
    assert.equal("done", assert(here:rotate { name = "k2", grace = 0 }).state)
    assert.same({ "k2", used = "k2" }, here:keys())
    assert.same({ "orders.json" }, here:files())
  end))

  it("killed before and after every step goes back", with({}, function(here)
    here:put_key()
    local function check(step, state)
      here:kill_at(step, state, { name = "k2", grace = "1h" })
      assert.equal("undone", assert(here:rotate { undo = true }).state)
      assert.same({ "k1", used = "k1" }, here:keys(), step .. " " .. state)
      assert.same({ "orders.json" }, here:files())
      assert.equal(here.text, core.file.read(here.file))
    end
    for _, step in ipairs { "create", "stage", "probe", "switch" } do
      if size.full then check(step, "begins") end
      check(step, "done")
    end
    check("grace", "begins")
    assert.equal("usage.invalid", code_of(here:rotate { undo = true }))
  end))

  it("that goes back is killed, and goes on going back", with({}, function(here)
    here:put_key()
    for _, step in ipairs { "put back", "delete new" } do
      for _, state in ipairs(size.of({ "done" }, { "begins", "done" })) do
        assert(here:rotate { name = "k2" })
        here:kill_at(step, state, { undo = true })
        assert.equal("undone", assert(here:rotate { name = "k2" }).state)
        assert.same({ "k1", used = "k1" }, here:keys())
        assert.equal(here.text, core.file.read(here.file))
      end
    end
  end))

  it("has no way back when the old key is being deleted, or gone", with({}, function(here)
    here:put_key()
    here:kill_at("delete", "begins", { name = "k2", grace = 0 })
    assert.equal("usage.invalid", code_of(here:rotate { undo = true }))
    assert.equal("done", assert(here:rotate { grace = 0 }).state)
    assert(here:rotate { name = "k3" })
    assert(here.cf:delete_key("orders", "k2"))
    assert.equal("cf.not_found", code_of(here:rotate { undo = true }))
    assert.equal("done", assert(here:rotate { grace = 0 }).state) -- it is gone already
    assert.same({ "k3", used = "k3" }, here:keys())
  end))

  it("on trial tells every step and changes nothing", with({}, function(here)
    here:put_key()
    local function planned(over)
      local list = {}
      over.dry_run, over.on_step = true, function(step)
        assert.equal("planned", step.state)
        list[#list + 1] = step.step
      end
      local before = { here:files(), here:keys() }
      assert.equal("planned", assert(here:rotate(over)).state)
      assert.same(before, { here:files(), here:keys() })
      return list
    end
    assert.same(journal.STEPS, planned {})
    assert.is_nil(core.file.stat(journal.path(here.file) .. ".lock"))
    assert(here:rotate {})
    assert.same({ "grace", "delete" }, planned {})
    assert.same({ "put back", "delete new" }, planned { undo = true })
    assert.equal("waiting", assert(here:rotate {}).state)
  end))

  it("does not delete the old key when the file holds it again", with({}, function(here)
    here:put_key()
    assert(here:rotate {})
    assert(core.file.write(here.file, here.text, "0600"))
    assert.equal("usage.invalid", code_of(here:rotate { grace = 0 }))
    assert.equal("k1", here:keys().used)
    assert.equal("undone", assert(here:rotate { undo = true }).state)
  end))

  it("does not delete the old key when the new one is gone", with({}, function(here)
    here:put_key()
    assert(here:rotate { name = "k2" })
    assert(here.cf:delete_key("orders", "k2"))
    assert.equal("cf.not_found", code_of(here:rotate { grace = 0 }))
    assert.equal("undone", assert(here:rotate { undo = true }).state)
    assert.same({ "k1", used = "k1" }, here:keys())
  end))

  it("takes no key for its own that it has not made, and none of elsewhere", with({},
    function(here)
      here:put_key()
      assert.equal("usage.invalid", code_of(here:rotate { name = "k1" }))
      assert.equal("usage.invalid", code_of(here:rotate { auth = "certificate" }))
      assert(here.sb:create_instance { name = "other", roles = { "ESBMessaging.send" } })
      assert.equal("cf.not_found", code_of(here:rotate { instance = "other" }))
      assert(here:rotate {})
      assert.equal("usage.invalid", code_of(here:rotate { instance = "other" }))
      core.file.write(journal.path(here.file), "{}", "0600")
      assert.equal("json.invalid", code_of(here:rotate {}))
    end))

  it("is done by one process at a time", with({}, function(here)
    here:put_key()
    local lock <close> = assert(core.file.lock(journal.path(here.file) .. ".lock"))
    assert.equal("file.locked", code_of(here:rotate {}))
    assert.is_truthy(lock)
  end))
end)

describe("a rotation that fails", function()
  it("leaves everything as it was when the platform refuses", with({}, function(here)
    here:put_key()
    assert(here.sb:cf_user("add", "eva", { password = "geheim", role = "auditor" }))
    local mine = here.cf
    here.cf = assert(new_cf { api = here.logon.api, cacert = here.logon.cacert, proxy = "",
                              user = "eva", password = "geheim" })
    assert.is_string(code_of(here:rotate {}))
    here.cf = mine
    assert.equal("cf.refused", code_of(here:rotate { parameters = { ["key-type"] = "none" } }))
    assert.same({ "orders.json" }, here:files())
    assert.same({ "k1", used = "k1" }, here:keys())
  end))

  it("goes on when the platform does after all what it could not tell", with({},
    function(here)
      here:put_key()
      here.sb:settings { cf_job_time = 1.5 }
      assert.equal("cf.unfinished", code_of(here:rotate { name = "k2", wait = 0.01 }))
      assert.equal("waiting", assert(here:rotate { wait = 60 }).state)
      assert.equal("k2", here:keys().used)
    end))

  it("goes neither on nor back while the platform is at it", with({}, function(here)
    here:put_key()
    here.sb:settings { cf_job_time = 600 }
    assert.equal("cf.unfinished", code_of(here:rotate { name = "k2", wait = 0.01 }))
    assert.equal("cf.busy", code_of(here:rotate { wait = 0 }))
    assert.equal("cf.busy", code_of(here:rotate { wait = 0, undo = true }))
    assert.equal(here.text, core.file.read(here.file))
  end))

  it("keeps the old key when the new one is refused, and takes that back", with({},
    function(here)
      here:put_key()
      assert(here.sb:fault "token:401@first=1")
      local report, err = here:rotate {}
      assert.is_nil(report)
      assert.equal(3, iflow.error.exit_code(err))
      assert.same({ "k1", used = "k1" }, here:keys())
      assert.same({ "orders.json" }, here:files())
      assert.equal("done", assert(here:rotate { grace = 0 }).state)
    end))

  it("keeps the old key while the new one cannot be proved", with({}, function(here)
    here:put_key()
    assert(here.sb:fault "token:html@first=1")
    local _, err = here:rotate { name = "k2" }
    assert.not_equal(3, iflow.error.exit_code(err))
    assert.same({ "k1", "k2", used = "k1" }, here:keys())
    assert.equal("waiting", assert(here:rotate {}).state)
    assert.equal("k2", here:keys().used)
  end))

  it("looks at the way to an endpoint before it switches", with({}, function(here)
    here:put_key()
    support.echo(here.sb, { address = "/orders", csrf = false })
    assert.is_string(code_of(here:rotate { name = "k2", to = "https://localhost:1/http/orders" }))
    assert.equal("k1", here:keys().used)
    assert(here:rotate { undo = true })
    assert.equal("waiting", assert(here:rotate { to = "/http/orders" }).state)
    assert.equal(0, #here.sb:log()) -- nothing has reached a flow
  end))
end)

describe("a rotation of a certificate", function()
  it("that the broker makes brings the next one", with({}, function(here)
    here:put_key { type = "certificate" }
    local report = assert(here:rotate { validity = 90, grace = 0 })
    assert.same({ "done", "certificate" }, { report.state, report.type })
    assert(here:token())
    assert.equal(1, #here:keys())
  end))

  it("from outside exchanges its files, and stays whole when it is killed between them", with({},
    function(here)
      local issue = authority(here)
      local used, following = issue("used", 10), issue("next", 1)
      here:put_key { type = "external", x509 = used.pem }
      local before = { core.file.read(used.cert), core.file.read(used.key) }
      local options = { name = "k2", cert = used.cert, key = used.key, x509 = following.cert,
                        x509_key = following.key, pin = true, grace = "1h" }
      local mine = { cert = used.cert, key = used.key }
      assert.equal("usage.invalid", code_of(here:rotate { x509 = following.cert, pin = true,
        x509_key = following.key })) -- where do the senders have it?
      here:kill_at("switch", "begins", options)
      assert(core.file.rename(used.cert, used.cert .. ".rotation.old")) -- half of the step
      assert(core.file.write(used.cert, following.pem, "0600"))
      assert.equal("k1", here:keys().used)
      assert(core.file.rename(here.file, here.file .. ".rotation.old"))
      assert(core.file.write(here.file, core.file.read(here.file .. ".rotation.next"), "0600"))
      assert.is_nil((here:token(mine))) -- a running sender keeps what it has
      assert.equal("waiting", assert(here:rotate(options)).state)
      assert(here:token(mine))
      assert.equal("k2", here:keys().used)
      assert.equal("undone", assert(here:rotate { undo = true }).state)
      assert.same(before, { core.file.read(used.cert), core.file.read(used.key) })
      assert(here:token(mine))
      assert.same({ "k1", used = "k1" }, here:keys())
    end))

  it("from outside can live in the service key", with({}, function(here)
    local issue = authority(here)
    local following = issue("next", 1)
    here:put_key()
    assert.equal("done", assert(here:rotate { type = "external", x509 = following.cert,
      x509_key = following.key, grace = 0 }).state)
    assert(here:token())
    local third = issue("third", 0)
    assert.equal("done", assert(here:rotate { x509 = third.cert, x509_key = third.key,
      pin = true, grace = 0 }).state)
    assert(here:token())
    assert.equal(1, #here:keys())
  end))

  it("for direct calls is proved at the endpoint, without a token", with({}, function(here)
    local issue = authority(here)
    local used, following = issue("used", 10), issue("next", 1, "renamed")
    support.echo(here.sb, { address = "/orders", csrf = false })
    here:put_key { type = "external", x509 = used.pem }
    local options = { cert = used.cert, key = used.key, x509 = following.cert,
                      x509_key = following.key, auth = "certificate", to = "/http/orders" }
    assert.equal("waiting", assert(here:rotate(options)).state)
    assert.equal(following.pem, core.file.read(used.cert))
  end))

  it("without pinning has no way back from the first use on", with({}, function(here)
    local issue = authority(here)
    local used, following = issue("used", 10), issue("next", 1)
    here:put_key { type = "external", x509 = used.pem, pin = false }
    local options = { cert = used.cert, key = used.key, x509 = following.cert,
                      x509_key = following.key, pin = false }
    local mine = { cert = used.cert, key = used.key }
    here:kill_at("stage", "done", options)
    assert.equal("undone", assert(here:rotate { undo = true }).state)
    assert(here:token(mine))
    here:kill_at("probe", "begins", options)
    assert.equal("usage.invalid", code_of(here:rotate { undo = true }))
    options.to = "https://localhost:1/http/orders" -- which must not keep it from switching now
    local report = assert(here:rotate(options))
    assert.same({ "waiting", true, "k1" }, { report.state, report.one_way, report.new.name })
    assert.equal("usage.invalid", code_of(here:rotate { undo = true }))
    assert(here:token(mine))
    options.grace = 0
    assert.equal("done", assert(here:rotate(options)).state)
    assert.same({ "k1", used = "k1" }, here:keys())
    assert.equal(following.pem, core.file.read(used.cert))
    local older = issue("older", 20)
    options.x509, options.x509_key = older.cert, older.key
    assert.equal("usage.invalid", code_of(here:rotate(options)))
  end))

  it("of the same names asks whether it is pinned, since a wrong word ends both", with({},
    function(here)
      local issue = authority(here)
      local used, following = issue("used", 10), issue("next", 1)
      here:put_key { type = "external", x509 = used.pem }
      local options = { cert = used.cert, key = used.key, x509 = following.cert,
                        x509_key = following.key }
      assert.equal("usage.invalid", code_of(here:rotate(options)))
      options.pin = false -- which is wrong: the broker refuses the new one, and the old one stays
      local _, err = here:rotate(options)
      assert.equal(3, iflow.error.exit_code(err), tostring(err))
      assert(here:token { cert = used.cert, key = used.key })
      assert.equal("usage.invalid", code_of(here:rotate { undo = true })) -- nothing is left of it
    end))
end)

describe("a service under load", function()
  before_each(fresh.begin)
  after_each(fresh.finish)

  it("takes the new key without a restart and loses nothing", with({ log_size = 10000 },
    function(here)
      here:put_key()
      assert(here.sb:deploy { name = "orders", address = "/orders", role = "ESBMessaging.send",
        csrf = false, allowed_headers = "*", process = function() return 200, {}, "" end })
      local orders = iflow.sender "orders" { to = "/http/orders", service_key = here.file,
        cacert = here.sb.endpoints.cacert, proxy = "", token_cache = false }
      local running <close> = outbox_service.open { start = "all" }
      local total, stop = 0, false
      local feeder = iflow.spawn(function()
        while not stop or total < 100 do
          assert(orders:enqueue("order " .. total))
          total = total + 1
        end
      end)
      local function subject()
        for _, item in ipairs(running.service:status().credentials) do
          if item.kind == "service key" then return item.subject end
        end
      end
      local report = assert(here:rotate {})
      process.wait_for("the new key", function() return subject() == report.new.client_id end)
      assert.equal("done", assert(here:rotate { grace = 0 }).state)
      assert(here.sb:settings { role_cache = 0 })
      stop = true
      feeder:join()
      assert(orders:send "with the new one")
      assert.is_true(running.service:drain "2m")
      assert.equal(total, running.box:counts().delivered)
      local times, runs = {}, 0
      for _, entry in ipairs(here.sb:log()) do
        assert.equal("COMPLETED", entry.status)
        runs = runs + 1
        times[entry.application_id] = (times[entry.application_id] or 0) + 1
      end
      assert.equal(total + 1, runs)
      for id, n in pairs(times) do assert.equal(1, n, id) end
    end))
end)
