-- iflow instance as a process: who logs on and where, what is written where, what a terminal shows.
local core = require "iflow.core"
local json = core.json
local process = require "spec.support.process"

local function iflow(env, ...)
  return process.run { process.iflow, "instance", env = env, ... }
end

local function error_of(result)
  local value = json.decode(result.out)
  return value and value.error and value.error.code
end

describe("iflow instance", function()
  local dir, sb, logon

  setup(function()
    dir = process.tempdir()
    sb = dir:file "sb"
    assert.equal(0, process.run({ process.iflow, "sandbox", "start", "--dir", sb,
                                  "--detach" }).code)
    logon = assert(json.decode(process.read(sb .. "/cf.json")))
    dir:write("password", logon.password .. "\n")
    assert.equal(0, iflow({}, "create", "orders", "--sandbox", sb).code)
    assert.equal(0, iflow({}, "key", "create", "orders", "k1", "--sandbox", sb, "-o",
                          dir:file "k1.json").code)
  end)
  teardown(function()
    process.run { process.iflow, "sandbox", "stop", "--dir", sb }
    dir:close()
  end)

  local function plain(...)
    return iflow({}, ...)
  end

  -- The variables of a real endpoint.
  local function endpoint(over)
    local env = { IFLOW_CF_API = logon.api, IFLOW_CF_USER = logon.user, IFLOW_PROXY = "",
                  IFLOW_CF_PASS_FILE = dir:file "password", IFLOW_CACERT = sb .. "/ca.pem" }
    for name, value in pairs(over or {}) do env[name] = value end
    return env
  end

  -- Whether the list has the first instance; other tests, in any order, have made more.
  local function names(result)
    assert.equal(0, result.code, result.err)
    local list = {}
    for _, one in ipairs(json.decode(result.out)) do
      if one.name == "orders" then list[#list + 1] = one.name end
    end
    return list
  end

  it("speaks to an address as a user, by options or variables", function()
    assert.same({ "orders" }, names(iflow(endpoint(), "list", "--json")))
    assert.same({ "orders" }, names(plain("list", "--api", logon.api, "--user", logon.user,
      "--pass-file", dir:file "password", "--cacert", sb .. "/ca.pem", "--org", "acme", "--space",
      "dev", "--json")))
    for _, source in ipairs { "env:CF_PASSWORD", "command:cat " .. dir:file "password" } do
      assert.same({ "orders" }, names(iflow(endpoint { IFLOW_CF_PASS_FILE = source,
        CF_PASSWORD = dir:file "password" }, "list", "--json")))
    end
    local result = iflow(endpoint { IFLOW_CF_PASS_FILE = "command:false" }, "list", "--json")
    assert.same({ 4, "credential.unavailable" }, { result.code, error_of(result) })
    result = iflow(endpoint(), "list", "--space", "prod", "--json")
    assert.same({ 2, "cf.not_found" }, { result.code, error_of(result) })
    dir:write("wrong", "wrong\n")
    result = iflow(endpoint { IFLOW_CF_PASS_FILE = dir:file "wrong" }, "list", "--json")
    assert.same({ 3, "cf.login" }, { result.code, error_of(result) })
    result = plain("list", "--api", logon.api, "--user", "x", "--json")
    assert.same({ 2, "usage.invalid" }, { result.code, error_of(result) })
  end)

  it("rotates a key at an address as at a sandbox, and shows no secret", function()
    assert.equal(0, iflow(endpoint(), "key", "create", "orders", "old", "-o",
                          dir:file "rotated.json").code)
    local result = iflow(endpoint(), "rotate", "orders", dir:file "rotated.json", "--json")
    assert.equal(0, result.code, result.err)
    local report = json.decode(result.out)
    assert.same({ "waiting", "old" }, { report.state, report.old.name })
    local oauth = json.decode(process.read(dir:file "rotated.json")).oauth
    assert.equal(report.new.client_id, oauth.clientid)
    assert.is_nil((result.out .. result.err):find(oauth.clientsecret, 1, true))
    local lasting = iflow(endpoint(), "rotate", "orders", dir:file "rotated.json", "--grace", "0s",
                          "--continue", "--json")
    assert.equal("done", json.decode(lasting.out).state)
    dir:write("wrong-user", "wrong\n")
    result = iflow(endpoint { IFLOW_CF_PASS_FILE = dir:file "wrong-user" }, "rotate", "orders",
                   dir:file "rotated.json", "--json")
    assert.same({ 3, "cf.login" }, { result.code, error_of(result) })
    assert.equal(oauth.clientid, json.decode(process.read(dir:file "rotated.json")).oauth.clientid)
  end)

  it("takes a one-time passcode, once", function()
    local code = process.run({ process.iflow, "sandbox", "cf-user", "passcode", logon.user, "--dir",
                               sb }).out
    local env = { IFLOW_CF_API = logon.api, IFLOW_CACERT = sb .. "/ca.pem", IFLOW_PROXY = "" }
    local words = { "list", "--passcode-file", dir:write("passcode", code), "--json" }
    assert.same({ "orders" }, names(iflow(env, table.unpack(words))))
    local result = iflow(env, table.unpack(words))
    assert.same({ 3, "cf.login" }, { result.code, error_of(result) })
    result = process.run { process.iflow, "sandbox", "cf-user", "passcode", "nobody", "--dir", sb }
    assert.equal(2, result.code)
  end)

  it("is who is logged on with the cf CLI", function()
    local answer = json.decode(process.run({ "curl", "-sS", "--noproxy", "*", "--cacert",
      sb .. "/ca.pem", "-u", "cf:", "--data-urlencode", "grant_type=password",
      "--data-urlencode", "username=" .. logon.user, "--data-urlencode",
      "password=" .. logon.password, logon.uaa .. "/oauth/token" }).out)
    os.execute("mkdir -p " .. process.quote(dir:file "home/.cf"))
    dir:write("home/.cf/config.json", json.encode {
      Target = logon.api, AccessToken = "bearer " .. answer.access_token,
      RefreshToken = answer.refresh_token,
      OrganizationFields = { Name = "acme" }, SpaceFields = { Name = "dev",
                                                              GUID = logon.space_guid } })
    for _, name in ipairs { "HOME", "CF_HOME" } do
      local env = { IFLOW_CACERT = sb .. "/ca.pem", [name] = dir:file "home" }
      assert.same({ "orders" }, names(iflow(env, "list", "--json")))
      assert.equal(0, iflow(env, "rotate", "orders", dir:file "k1.json", "--dry-run").code)
    end
    local result = iflow({ HOME = dir:file "nobody", CF_HOME = "" }, "list", "--json")
    assert.same({ 3, "cf.login" }, { result.code, error_of(result) })
  end)

  it("writes a key to standard output only when that is asked for", function()
    local result = plain("key", "get", "orders", "k1", "--sandbox", sb, "-o", "-")
    assert.same(json.decode(process.read(dir:file "k1.json")), json.decode(result.out))
    local again = dir:file "again.json"
    result = plain("key", "get", "orders", "k1", "--sandbox", sb, "-o", again, "--json")
    assert.equal("0600", core.file.stat(again).mode)
    local secret = json.decode(process.read(again)).oauth.clientsecret
    assert.is_nil((result.out .. result.err):find(secret, 1, true))
    assert.equal(process.read(dir:file "k1.json"), process.read(again))
  end)

  it("deletes a key again that cannot be written", function()
    local script = ("exec %s instance key create orders lost --sandbox %s -o - >/dev/full"):format(
      process.quote(process.iflow), process.quote(sb))
    assert.equal(4, process.run({ "sh", "-c", script }).code)
    local list = json.decode(plain("key", "list", "orders", "--sandbox", sb, "--json").out)
    for _, key in ipairs(list) do assert.not_equal("lost", key.name) end
  end)

  it("makes no key for a place where none can be written", function()
    for _, path in ipairs { dir:file "no/such.json", "/proc/none.json" } do
      local result = plain("key", "create", "orders", "k9", "--sandbox", sb, "-o", path, "--json")
      assert.not_equal(0, result.code)
    end
    local result = plain("key", "get", "orders", "k9", "--sandbox", sb, "-o", "-", "--json")
    assert.same({ 2, "cf.not_found" }, { result.code, error_of(result) })
  end)

  it("sends the client's certificate of a chain alone", function()
    assert(process.run { "sh", "-c", ([[cd %s && openssl req -x509 -newkey rsa:2048 -nodes -days 2 \
      -subj /CN=Root -keyout root.key -out root.pem && openssl req -new -newkey rsa:2048 -nodes \
      -subj /CN=leaf -keyout leaf.key -out leaf.csr && openssl x509 -req -in leaf.csr -CA root.pem \
      -CAkey root.key -CAcreateserial -days 1 -out leaf.pem && cat leaf.key leaf.pem root.pem \
      > chain.pem]]):format(process.quote(dir.path)) }.code == 0)
    local file = dir:file "external.json"
    local result = plain("key", "create", "orders", "external", "--type", "external", "--x509",
                         dir:file "chain.pem", "--sandbox", sb, "-o", file)
    assert.equal(0, result.code, result.err)
    assert.matches("without its chain", result.err, 1, true)
    local oauth = json.decode(process.read(file)).oauth
    assert.equal(process.read(dir:file "leaf.pem"):gsub("%s", ""),
                 (oauth.certificate:gsub("%s", "")))
  end)

  it("warns of a certificate that the load balancer would refuse", function()
    local key = assert(core.authority.keypair { type = "ec" })
    local function warned(name, options)
      options.subject, options.key = { { "CN", name } }, key
      local path = dir:write(name .. ".pem", assert(core.authority.issue(options)))
      local result = plain("key", "create", "orders", name, "--type", "external", "--x509", path,
                           "--sandbox", sb, "-o", dir:file(name .. ".json"))
      assert.equal(0, result.code, result.err)
      return result.err:find("clientAuth", 1, true) ~= nil
    end
    assert.is_true(warned("no-usage", {}))
    assert.is_false(warned("for-clients", { client_auth = true }))
  end)

  it("says when it is interrupted that the platform is not", function()
    local function job_time(text)
      process.run { process.iflow, "sandbox", "settings", "--dir", sb, "cf_job_time=" .. text }
    end
    job_time "600"
    local running = process.start { process.iflow, "instance", "create", "later", "--sandbox", sb }
    process.wait_for("the instance that is made", function()
      local list = json.decode(plain("list", "--sandbox", sb, "--json").out)
      for _, one in ipairs(list) do if one.name == "later" then return true end end
    end)
    running:signal "INT"
    local ended = running:wait()
    job_time "0"
    assert.equal(130, ended.code)
    assert.truthy(ended.err:find("iflow instance list", 1, true))
  end)

  it("sends parameters of a file as they are", function()
    dir:write("role.json", '{"roles":["ESBMessaging.send"],"token-validity":4000}')
    local result = plain("create", "from-file", "--parameters", dir:file "role.json", "--sandbox",
                         sb, "--json")
    assert.equal(4000, json.decode(result.out).parameters["token-validity"])
    dir:write("list.json", "[]")
    result = plain("create", "x", "--parameters", dir:file "list.json", "--sandbox", sb, "--json")
    assert.same({ 2, "json.invalid" }, { result.code, error_of(result) })
  end)

  it("shows how long it takes on a terminal, and nowhere else", function()
    process.run { process.iflow, "sandbox", "settings", "cf_job_time=0.5", "--dir", sb }
    local quiet = plain("create", "slow1", "--sandbox", sb)
    assert.same({ 0, "" }, { quiet.code, quiet.err })
    local command = ("%s instance create slow2 --sandbox %s"):format(
      process.quote(process.iflow), process.quote(sb))
    local shown = process.run { "script", "-qec", command, dir:file "typescript" }
    assert.equal(0, shown.code)
    assert.matches("processing, %d s", shown.out)
    assert.matches("\r\27%[K[^\r]*slow2  integration%-flow", shown.out)
    process.run { process.iflow, "sandbox", "settings", "cf_job_time=0", "--dir", sb }
  end)

  it("ends with 5 when nobody knows how it ended", function()
    process.run { process.iflow, "sandbox", "settings", "cf_job_time=20", "--dir", sb }
    local result = plain("create", "late", "--sandbox", sb, "--wait", "200ms", "--json")
    assert.same({ 5, "cf.unfinished" }, { result.code, error_of(result) })
    process.run { process.iflow, "sandbox", "settings", "cf_job_time=2", "--dir", sb }
    result = plain("key", "create", "orders", "slow", "--sandbox", sb, "--wait", "200ms", "-o",
                   dir:file "slow.json", "--json")
    assert.same({ 5, "cf.unfinished" }, { result.code, error_of(result) })
    local hint = json.decode(result.out).error.hint
    assert.matches("iflow instance key get orders slow", hint, 1, true) -- what a person types
    process.run { process.iflow, "sandbox", "settings", "cf_job_time=0", "--dir", sb }
  end)
end)
