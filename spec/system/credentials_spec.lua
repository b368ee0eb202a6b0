-- Credential files that are replaced while a service runs: real files, real TLS, the sandbox.
local async = require "spec.support.async"
local core = require "iflow.core"
local fresh = require "spec.support.fresh"
local iflow = require "iflow"
local json = require "iflow.json"
local landscape = require "spec.support.landscape"
local new_exposition = require "iflow.service.exposition"
local openssl = require "spec.support.openssl"
local outbox_service = require "spec.support.outbox_service"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local relay = require "spec.support.relay"
local size = require "spec.support.size"

local level

local function begin()
  fresh.begin()
  core.log.format "json" -- which has the names of events
  level = core.log.level "info"
end

local function finish()
  core.log.level(level)
  core.log.format "text"
  fresh.finish()
end

-- As programs do that exchange a file: the new one takes its place in one go.
local function replace(path, text)
  assert(core.file.write(path .. ".new", text, "0600"))
  assert(os.rename(path .. ".new", path))
end

local function listed(service, kind)
  for _, item in ipairs(service:status().credentials) do
    if item.kind == kind then return item end
  end
end

-- Waits until the credential of that kind is another one than `before`.
local function wait_renewed(service, kind, before)
  return process.wait_for(kind .. " to be renewed", function()
    local item = listed(service, kind)
    return item.loaded ~= before.loaded and item
  end)
end

local function wait_problem(service, kind)
  return process.wait_for("a problem with the " .. kind, function()
    local item = listed(service, kind)
    return item.problem and item
  end)
end

local function count(text, what) return select(2, text:gsub(what, "")) end

local function new_key(land, name, type, x509)
  local document = assert(land.sb:create_key { instance = "orders", name = name, type = type,
    x509 = x509 })
  return assert(json.encode(document)), document
end

describe("the service key of a sender", function()
  before_each(begin)
  after_each(finish)

  it("is swapped under load, and nothing is lost or doubled", async(function()
    local land <close> = landscape.open { settings = { log_size = 10000 } }
    local path = land:key("secret").path
    local orders = iflow.sender "orders" (land:tenant_options("secret", { to = "/http/orders" }))
    local running <close> = outbox_service.open { start = "all" }
    local before = listed(running.service, "service key")
    assert.same({ "sender", "orders", path, land:key("secret").oauth.clientid },
      { before.owner, before.name, before.path, before.subject })
    local total, stop = 0, false
    local feeder = iflow.spawn(function()
      while not stop or total < size.of(100, 2000) do
        assert(orders:enqueue("order " .. total))
        total = total + 1
      end
    end)
    local text, document = new_key(land, "rotated", "secret")
    replace(path, text)
    local now = wait_renewed(running.service, "service key", before)
    assert.equal(document.oauth.clientid, now.subject)
    assert(land.sb:delete_key("orders", "secret"))
    stop = true
    feeder:join()
    assert(orders:send "with the new one") -- a token of the new key
    assert.is_true(running.service:drain "2m")
    assert.equal(total, running.box:counts().delivered)
    local runs, ids = 0, {}
    for _, entry in ipairs(land.sb:log()) do
      if entry.status == "COMPLETED" then
        runs = runs + 1
        ids[entry.application_id] = (ids[entry.application_id] or 0) + 1
      end
    end
    assert.equal(total + 1, runs)
    for id, times in pairs(ids) do assert.equal(1, times, id) end
    local log = outbox_service.logged()
    assert.equal(1, count(log, "credentials_renewed"))
    assert.is_nil(log:find(document.oauth.clientsecret, 1, true))
  end, { limit = 200 }))

  it("ends the pause of a sender whose old one is refused", async(function()
    local land <close> = landscape.open { settings = { role_cache = 0 } }
    local path = land:key("secret").path
    local orders = iflow.sender "orders" (land:tenant_options("secret", { to = "/http/orders" }))
    local running <close> = outbox_service.open { start = "all" }
    local before = listed(running.service, "service key")
    local text = new_key(land, "next", "secret")
    assert(land.sb:delete_key("orders", "secret"))
    local id = assert(orders:enqueue "x").id
    process.wait_for("the pause", function()
      return running.service:status().senders.orders.paused
    end)
    replace(path, text)
    wait_renewed(running.service, "service key", before)
    running:wait("orders", id, "delivered")
  end))

  it("of the type certificate brings its new certificate", async(function()
    local land <close> = landscape.open()
    local path = land:key("certificate").path
    local orders = iflow.sender "orders" (land:tenant_options("certificate",
      { to = "/http/orders", auth = "certificate" }))
    local running <close> = outbox_service.open { start = "all" }
    assert(orders:send "old")
    local before = listed(running.service, "service key")
    replace(path, (new_key(land, "renewed", "certificate")))
    local now = wait_renewed(running.service, "service key", before)
    assert.is_true(now.subject ~= before.subject or now.not_after >= before.not_after)
    assert(land.sb:delete_key("orders", "certificate"))
    assert(orders:send "new")
  end))

  it("that is half written, or gone, leaves the old one, and is told once", async(function()
    local land <close> = landscape.open()
    local path = land:key("secret").path
    local orders = iflow.sender "orders" (land:tenant_options("secret", { to = "/http/orders" }))
    local running <close> = outbox_service.open { start = "all" }
    local old = process.read(path)
    local text = new_key(land, "next", "secret")
    process.write(path, text:sub(1, #text // 2))
    assert.equal(path, wait_problem(running.service, "service key").path)
    assert(orders:send "with the old one")
    assert(core.file.remove(path))
    process.wait_for("another problem", function()
      return count(outbox_service.logged(), "credentials_refused") > 0
    end)
    assert(orders:send "still with the old one")
    local before = listed(running.service, "service key")
    replace(path, text)
    assert.is_nil(wait_renewed(running.service, "service key", before).problem)
    replace(path, old)
    assert(orders:send "with any")
  end))
end)

describe("the next credential of a sender", function()
  before_each(begin)
  after_each(finish)

  -- Kind, and whether it is used, of what the service lists.
  local function states(service)
    local found = {}
    for _, item in ipairs(service:status().credentials) do found[item.kind] = item.active end
    return found
  end

  local function sender_with(land, following)
    return iflow.sender "orders" (land:tenant_options("secret", { to = "/http/orders",
      next = following }))
  end

  it("is watched before it is there, listed, and said to be in use", async(function()
    local land <close> = landscape.open()
    local path = land.dir:file "next.json"
    local orders = sender_with(land, { service_key = path })
    local running <close> = outbox_service.open { start = "all" }
    local before = listed(running.service, "next service key")
    assert.same({ path, false }, { before.path, before.active })
    assert.is_nil(before.problem)
    assert.is_nil(before.subject)
    local text, document = new_key(land, "next", "secret")
    replace(path, text)
    local now = wait_renewed(running.service, "next service key", before)
    assert.equal(document.oauth.clientid, now.subject)
    assert.is_true(math.abs(now.created - core.task.now()) < 3600)
    assert(orders:send "proves the next one")
    assert.same({ ["service key"] = false, ["next service key"] = true },
      states(running.service))
    local metrics = new_exposition(running.service)
    local page = metrics:text()
    metrics:close()
    for kind, value in pairs { ["service key"] = 0, ["next service key"] = 1 } do
      local labels = ('{owner="sender",name="orders",kind="%s"} '):format(kind)
      assert.is_truthy(page:find("iflow_credential_active" .. labels .. value .. "\n", 1, true))
      assert.is_truthy(page:find("iflow_credential_created_timestamp_seconds" .. labels, 1, true))
    end
  end))

  it("stays in use when other files are exchanged", async(function()
    local land <close> = landscape.open()
    local following = land.dir:write("next.json", (new_key(land, "next", "secret")))
    local orders = sender_with(land, { service_key = following })
    local running <close> = outbox_service.open { start = "all" }
    assert(orders:send "proves the next one")
    local before = listed(running.service, "service key")
    replace(land:key("secret").path, (new_key(land, "other", "secret")))
    wait_renewed(running.service, "service key", before)
    assert.is_true(states(running.service)["next service key"])
    before = listed(running.service, "next service key")
    replace(following, (new_key(land, "after", "secret"))) -- another one has to prove itself
    wait_renewed(running.service, "next service key", before)
    assert.is_false(states(running.service)["next service key"])
    assert(orders:send "proves that one")
    assert.is_true(states(running.service)["next service key"])
  end))

  it("that cannot be read is a problem, and harms nobody", async(function()
    local land <close> = landscape.open()
    local orders = sender_with(land, { service_key = land.dir:write("next.json", "{") })
    local running <close> = outbox_service.open { start = "all" }
    local before = listed(running.service, "next service key")
    assert.is_string(before.problem)
    assert.is_nil(listed(running.service, "service key").problem)
    assert(orders:send "with the current one")
    replace(before.path, "{ half")
    local bad = wait_renewed(running.service, "next service key", before)
    assert.is_string(bad.problem)
    local log = core.log.captured()
    assert.same({ 1, 0 }, { count(log, "credentials_refused"), count(log, "credentials_renewed") })
    replace(before.path, (new_key(land, "next", "secret")))
    assert.is_nil(wait_renewed(running.service, "next service key", bad).problem)
    assert.equal(1, count(core.log.captured(), "credentials_renewed"))
  end))
end)

describe("an external certificate of a sender", function()
  before_each(begin)
  after_each(finish)

  it("is exchanged when its key is there, too; one that ran out is not", async(function()
    local land <close> = landscape.open()
    local own = land:key "external"
    local orders = iflow.sender "orders" (land:tenant_options("external", { to = "/http/orders" }))
    local running <close> = outbox_service.open { start = "all" }
    local before = listed(running.service, "client certificate")
    assert.same({ own.cert, core.cert.read(own.cert).certificates[1].not_after },
      { before.path, before.not_after })
    local good = land.ca:issue { name = "renewed", usage = "clientAuth" }
    local key_text, cert_text = process.read(good.key), process.read(good.cert)
    core.log.captured()
    replace(own.key, key_text)
    wait_problem(running.service, "client certificate")
    assert(orders:send "with the old one")
    assert.is_nil(listed(running.service, "service key").problem)
    replace(own.cert, cert_text)
    local now = wait_renewed(running.service, "client certificate", before)
    assert.is_nil(now.problem)
    local log = core.log.captured()
    assert.same({ 1, 1 }, { count(log, "credentials_refused"), count(log, "credentials_renewed") })
    openssl.pair(land.dir, { name = "old", issuer = land.ca.name, days = -1,
      subject = "/O=Example AG/CN=sender", extensions = { "extendedKeyUsage = clientAuth" } })
    replace(own.key, process.read(land.dir:file "old.key"))
    replace(own.cert, process.read(land.dir:file "old.pem"))
    local bad = wait_problem(running.service, "client certificate")
    assert.same({ now.loaded, now.subject }, { bad.loaded, bad.subject })
    replace(own.cert, cert_text)
    replace(own.key, key_text)
    process.wait_for("the problem to go", function()
      return not listed(running.service, "client certificate").problem
    end)
  end))

  it("is exchanged by a link, as Kubernetes does it", async(function()
    local land <close> = landscape.open()
    local own = land:key "external"
    local dir = land.dir:file "secret"
    local function put(name, pair)
      assert(core.file.mkdir(dir .. "/" .. name))
      process.write(dir .. "/" .. name .. "/tls.crt", process.read(pair.cert))
      process.write(dir .. "/" .. name .. "/tls.key", process.read(pair.key))
      process.run { "ln", "-s", name, dir .. "/..data_tmp" }
      assert(os.rename(dir .. "/..data_tmp", dir .. "/..data"))
    end
    assert(core.file.mkdir(dir))
    put("..2026_1", own)
    for _, name in ipairs { "tls.crt", "tls.key" } do
      process.run { "ln", "-s", "..data/" .. name, dir .. "/" .. name }
    end
    iflow.sender "orders" (land:tenant_options("external", { to = "/http/orders",
      cert = dir .. "/tls.crt", key = dir .. "/tls.key" }))
    local running <close> = outbox_service.open { start = "all" }
    local before = listed(running.service, "client certificate")
    put("..2026_2", land.ca:issue { name = "second", usage = "clientAuth" })
    local now = wait_renewed(running.service, "client certificate", before)
    assert.is_truthy(now.subject:find("second", 1, true))
    assert.equal(0, count(core.log.captured(), "credentials_refused"))
  end))
end)

describe("the authorities that a sender trusts", function()
  before_each(begin)
  after_each(finish)

  -- Nothing but a new connection asks who is trusted.
  local function sent(orders, text)
    core.http.drop_idle()
    local answer, err = orders:send(text)
    return answer and "sent" or err.code
  end

  it("stay in use while what is in the file is none, and are exchanged", async(function()
    local land <close> = landscape.open()
    local path = land.dir:file "trust.pem"
    local good = process.read(land.cacert)
    replace(path, good)
    local options = land:tenant_options("secret", { to = "/http/orders", token_cache = false,
      retry = iflow.retry { attempts = 1 } })
    options.cacert = path
    local orders = iflow.sender "orders" (options)
    local running <close> = outbox_service.open { start = "all" }
    local before = listed(running.service, "trusted authorities")
    assert.equal("sent", sent(orders, "one"))
    replace(path, "-----BEGIN CERTIFICATE-----\nhalf of it")
    wait_problem(running.service, "trusted authorities")
    assert.equal("sent", sent(orders, "with the old ones"))
    assert(os.remove(path))
    assert.equal("sent", sent(orders, "without a file"))
    replace(path, process.read(pki.authority(land.dir, "Another").cert))
    before = wait_renewed(running.service, "trusted authorities", before)
    assert.equal("tls.untrusted", sent(orders, "refused"))
    replace(path, good)
    wait_renewed(running.service, "trusted authorities", before)
    assert.equal("sent", sent(orders, "two"))
  end))
end)

describe("the credentials of a relay", function()
  local function served_by(place, ca, client)
    local words = { "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "50",
      "--cacert", ca.cert, "-d", "x" }
    if client then
      table.move({ "--cert", client.cert, "--key", client.key }, 1, 4, #words + 1, words)
    end
    words[#words + 1] = ("https://localhost:%d/orders"):format(place.port)
    return process.run(words).out
  end

  local function server(ca, name)
    return ca:issue { name = name, usage = "serverAuth", sans = "DNS:localhost,IP:127.0.0.1" }
  end

  it("are exchanged: certificate and key, and the authorities of clients", async(function()
    local dir <close> = process.tempdir()
    local first, second = pki.authority(dir, "First"), pki.authority(dir, "Second")
    local made = server(first, "server")
    local cert, key, roots = dir:file "tls.crt", dir:file "tls.key", dir:file "clients.pem"
    process.write(cert, process.read(made.cert))
    process.write(key, process.read(made.key))
    process.write(roots, process.read(first.cert))
    local place <close> = relay.open { relay = { cert = cert, key = key, client_ca = roots } }
    local old = first:issue { name = "till", usage = "clientAuth" }
    local new = second:issue { name = "till", usage = "clientAuth" }
    assert.same({ "202", "403" }, { served_by(place, first, old), served_by(place, first, new) })
    local before = listed(place.service, "server certificate")
    local other = server(second, "server")
    replace(cert, process.read(other.cert))
    wait_problem(place.service, "server certificate")
    assert.equal("202", served_by(place, first, old))
    replace(key, process.read(other.key))
    before = wait_renewed(place.service, "server certificate", before)
    assert.same({ "000", "202" }, { served_by(place, first, old), served_by(place, second, old) })
    replace(roots, "no certificate")
    wait_problem(place.service, "client authorities")
    assert.equal("202", served_by(place, second, old))
    replace(roots, process.read(second.cert))
    wait_renewed(place.service, "server certificate", before)
    assert.same({ "403", "202" }, { served_by(place, second, old), served_by(place, second, new) })
  end))

  it("are exchanged: API keys, of which a bad one leaves the old", async(function()
    local dir <close> = process.tempdir()
    local path = dir:file "api-key"
    replace(path, "0123456789abcdef-first\n")
    local place <close> = relay.open { relay = { api_key_file = path } }
    local function status(key) return place:post({ headers = { ["X-API-Key"] = key } }).status end
    assert.equal(202, status "0123456789abcdef-first")
    local before = listed(place.service, "API key")
    replace(path, "short\n")
    wait_problem(place.service, "API key")
    assert.equal(202, status "0123456789abcdef-first")
    replace(path, "0123456789abcdef-second\n")
    wait_renewed(place.service, "API key", before)
    assert.same({ 401, 202 },
      { status "0123456789abcdef-first", status "0123456789abcdef-second" })
    assert.is_nil(place.log():find("0123456789abcdef", 1, true))
  end))
end)
