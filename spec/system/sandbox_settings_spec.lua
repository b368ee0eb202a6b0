-- Settings, roles and workers of a running sandbox, from Lua and from the command line
-- (sap-reference 6, 10, 11).
local async = require "spec.support.async"
local core = require "iflow.core"
local json = require "iflow.json"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

local function setting(sb, name)
  for _, row in ipairs(sb:settings()) do
    if row.name == name then return row end
  end
end

describe("the settings", function()
  it("are listed with value, default and where they come from", async(function()
    local sb <close> = support.start { settings = { size_status = 413 } }
    local row = setting(sb, "size_status")
    assert.same({ 413, 500, "11 #11", true }, { row.value, row.default, row.source, row.unknown })
    row = setting(sb, "clock_leeway")
    assert.same({ 60, "4.3", false }, { row.value, row.source, row.unknown })
  end))

  it("change all or none, and go back to their defaults", async(function()
    local sb <close> = support.start()
    assert(sb:settings { size_status = "413", csrf_everywhere = "true" })
    assert.equal(413, setting(sb, "size_status").value)
    assert.is_true(setting(sb, "csrf_everywhere").value)
    for _, wrong in ipairs { { size_statu = 1 }, { size_status = "x" }, { size_status = -1 },
                             { expired_certificate = "maybe" }, { csrf_everywhere = "no" } } do
      wrong.workers = 3
      assert.equal("usage.invalid", select(2, sb:settings(wrong)).code)
    end
    assert.equal(1, setting(sb, "workers").value)
    assert(sb:settings { size_status = "" })
    assert.equal(500, setting(sb, "size_status").value)
  end))

  it("take no number that makes no sense, and none that a tenant would choke on", async(function()
    local sb <close> = support.start()
    for _, wrong in ipairs { { workers = 0 }, { workers = 2.5 }, { workers = 1000000000 },
                             { size_status = 20 }, { size_status = 999 }, { size_status = 500.5 },
                             { token_header_status = 7 }, { router_header_status = 200 },
                             { max_size = 0 }, { api_page = 0.5 }, { body_gap = 0 },
                             { balancer_timeout = 0 }, { keys_max = 0 }, { log_size = 1e300 } } do
      local name, value = next(wrong)
      local changed, err = sb:settings(wrong)
      assert.is_nil(changed, name)
      assert.equal("usage.invalid", err.code)
      assert.matches(name, err.message, 1, true)
      assert.not_equal(value, setting(sb, name).value)
    end
    assert.has_error(function() support.start { settings = { workers = 0 } } end)
  end))

  it("raise at the start when they are wrong", async(function()
    for _, wrong in ipairs { { nonsense = 1 }, { workers = "1" }, { balancer = "none" } } do
      assert.has_error(function() support.start { settings = wrong } end)
    end
  end))

  it("choose the versions of TLS", async(function()
    local sb <close> = support.start { settings = { tls_max = "1.2" } }
    local port = sb.endpoints.token:match ":(%d+)/"
    local function connects(version)
      return process.run({ "openssl", "s_client", "-connect", "127.0.0.1:" .. port, version,
                           "-CAfile", sb.endpoints.cacert }).code == 0
    end
    assert.same({ true, false }, { connects "-tls1_2", connects "-tls1_3" })
  end))

  it("name what the reference leaves open", function()
    local open = 0
    for _, row in ipairs(require "iflow.sandbox.settings".rows) do
      assert.is_string(row[4], row[1])
      if row[4]:find "unknown$" then open = open + 1 end
    end
    assert.is_true(open > 15)
  end)
end)

describe("the role cache", function()
  it("shows a change of roles after its delay, to worker and token server", async(function()
    local clock = core.task.now()
    local sb <close> = support.start { now = function() return clock end,
                                       settings = { role_cache = 3600 } }
    support.echo(sb, { csrf = false, role = "Orders.send" })
    local key, instance = support.key(sb, "secret")
    local function basic()
      return assert(support.request(sb, "runtime", { method = "POST", path = "/http/echo",
        body = "x", headers = { Authorization = support.basic(key.oauth.clientid,
                                                              key.oauth.clientsecret) } })).status
    end
    local function token()
      return assert(support.request(sb, "runtime", { method = "POST", path = "/http/echo",
        body = "x", headers = { Authorization = support.bearer(sb, key) } })).status
    end
    assert.same({ 403, 403 }, { basic(), token() })
    sb.tenant.broker:instances()[instance].roles = { "Orders.send" }
    clock = clock + 3599
    assert.same({ 403, 403 }, { basic(), token() })
    clock = clock + 1
    assert.same({ 200, 200 }, { basic(), token() })
    sb.tenant.broker:instances()[instance].roles = {}
    assert.equal(200, basic())
    assert(sb:settings { role_cache = 0 })
    assert.same({ 403, 403 }, { basic(), token() })
  end))
end)

describe("user roles", function()
  it("are SAP's two and one's own", async(function()
    local sb <close> = support.start()
    assert.same({ "API.invoke", "ESBMessaging.send" }, { sb:role("list")[1].name,
                                                         sb:role("list")[2].name })
    assert.same({ name = "Orders.send", description = "x", predefined = false },
                sb:role("add", "Orders.send", "x"))
    assert.is_true(sb.tenant.roles:exists "Orders.send")
    assert.is_false(sb.tenant.roles:exists "orders.send")
    assert.is_true(sb:role("remove", "Orders.send"))
    assert.is_false(sb.tenant.roles:exists "Orders.send")
    for _, wrong in ipairs { { "remove", "Orders.send" }, { "remove", "API.invoke" },
                             { "add", "API.invoke" }, { "add", "a-b" }, { "add", "" },
                             { "add", ("x"):rep(101) } } do
      assert.equal("sandbox.refused", select(2, sb:role(table.unpack(wrong))).code)
    end
    assert.equal("usage.invalid", select(2, sb:role "change").code)
  end))
end)

describe("workers", function()
  local function fetch(sb, bearer, cookies)
    local answer = assert(support.request(sb, "runtime", { method = "GET", path = "/http/echo",
      headers = { Authorization = bearer, ["X-CSRF-Token"] = "Fetch", Cookie = cookies } }))
    local list = {}
    for cookie in (answer.headers["set-cookie"] or ""):gmatch "[^\n]+" do
      list[#list + 1] = cookie:match "^[^;]+"
    end
    return answer.headers["x-csrf-token"], table.concat(list, "; "), answer.status
  end

  it("come and go while it runs, and lose their sessions", async(function()
    local sb <close> = support.start { settings = { workers = 2 } }
    support.echo(sb)
    local bearer = support.bearer(sb, support.key(sb, "secret"))
    local token, cookies = fetch(sb, bearer)
    local function post()
      return assert(support.request(sb, "runtime", { method = "POST", path = "/http/echo",
        body = "x", headers = { Authorization = bearer, ["X-CSRF-Token"] = token,
                                Cookie = cookies } })).status
    end
    for _ = 1, 3 do assert.equal(200, post()) end
    assert(sb:worker("restarting", 1))
    assert.same({ { number = 1, state = "restarting" }, { number = 2, state = "started" } },
                sb:worker())
    assert.equal(502, post()) -- the cookie leads to the first
    assert(sb:worker("stopped", 1))
    assert.equal(403, post()) -- the second does not know the session
    assert(sb:worker("started", 1))
    assert.equal(403, post())
    assert(sb:settings { workers = 1 })
    assert.equal(1, #sb:worker())
    for _, wrong in ipairs { { "started", 2 }, { "gone" }, { "removed", 1 } } do
      assert.equal("usage.invalid", select(2, sb:worker(table.unpack(wrong))).code)
    end
  end))
end)

describe("iflow sandbox", function()
  local dir, sb

  local function iflow(...)
    local result = process.run { process.iflow, "sandbox", ... }
    return result, result.code == 0 and result.out:find "^[%[{]" and json.decode(result.out)
  end

  setup(function()
    dir = process.tempdir()
    sb = dir:file "sb"
  end)
  teardown(function()
    iflow("stop", "--dir", sb)
    dir:close()
  end)

  it("settings, role, rotate and worker work on a running one, and outlive a kill", function()
    local _, defaults = iflow("settings", "--json")
    assert.equal("balancer", defaults[1].name)
    local result = iflow("start", "--dir", sb, "--detach", "--set", "nonsense=1", "--json")
    assert.equal(2, result.code)
    local _, started = iflow("start", "--dir", sb, "--detach", "--json", "--set", "workers=2")
    assert.equal(2, #select(2, iflow("worker", "--dir", sb, "--json")))
    result = iflow("settings", "--dir", sb, "size_status=413", "log_size=50")
    assert.equal(0, result.code)
    assert.matches("log_size takes effect at the next start", result.err)
    assert.matches("size_status +413 +500 +11 #11 unknown", result.out)
    for _, words in ipairs { { "settings", "size_status" }, { "settings", "x=1" },
                             { "worker", "asleep" }, { "role", "remove", "API.invoke" } } do
      words[#words + 1] = "--dir"
      words[#words + 1] = sb
      assert.equal(2, iflow(table.unpack(words)).code)
    end
    assert.equal(0, iflow("role", "add", "Orders.send", "--description", "orders", "--dir",
                          sb).code)
    local _, rotated = iflow("rotate", "--dir", sb, "--json")
    assert.is_string(rotated.retired)
    assert.equal("stopped", select(2, iflow("worker", "stopped", "--number", "2", "--dir", sb,
                                            "--json"))[2].state)
    os.execute("kill -9 " .. started.pid)
    process.wait_for("its end", function() return iflow("log", "--dir", sb).code == 2 end)
    assert.equal(0, iflow("start", "--dir", sb, "--detach").code)
    local _, roles = iflow("role", "list", "--dir", sb, "--json")
    assert.same({ "Orders.send", "orders" }, { roles[3].name, roles[3].description })
    local _, list = iflow("settings", "--dir", sb, "--json")
    local values = {}
    for _, row in ipairs(list) do values[row.name] = row.value end
    assert.same({ 413, 50, 2 }, { values.size_status, values.log_size, values.workers })
  end)
end)
