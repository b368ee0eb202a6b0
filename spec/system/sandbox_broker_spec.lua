-- The service broker of the sandbox, its state across restarts, and the admin path.
local async = require "spec.support.async"
local client = require "iflow.sandbox.client"
local core = require "iflow.core"
local sandbox = require "iflow.sandbox"
local support = require "spec.support.sandbox"

local HOSTS = { "token", "token_cert", "runtime", "api", "cf" }

local function with(body, opts)
  return async(function()
    local sb <close> = support.start(opts)
    body(sb)
  end)
end

local function code_of(value, err)
  assert.is_nil(value)
  return err.code
end

local function port_of(url) return math.tointeger(url:match ":(%d+)") end

describe("a key with a secret", function()
  it("has the fields and shapes of sap-reference 2.4", with(function(sb)
    local oauth = support.key(sb, "secret").oauth
    assert.matches("^sb%-%x+%-%x+%-%x+%-%x+%-%x+!b%d+|it%-rt%-acme%-dev!b%d+$", oauth.clientid)
    assert.matches("^%x+%-%x+%-%x+%-%x+%-%x+%$[%w_-]+=$", oauth.clientsecret)
    assert.equal(44, #oauth.clientsecret:match "%$(.*)")
    assert.matches("^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", oauth.createdate)
    assert.matches("^https://acme%-dev%.authentication%.localhost:%d+/oauth/token$", oauth.tokenurl)
    assert.matches("^https://acme%-dev%.it%-cpi001%-rt%.localhost:%d+$", oauth.url)
    for _, absent in ipairs { "certificate", "key", "certificatedetails" } do
      assert.is_nil(oauth[absent])
    end
  end))

  it("of plan api points to the API host", with(function(sb)
    local oauth = support.key(sb, "secret", { plan = "api" }).oauth
    assert.matches("|it!b%d+$", oauth.clientid)
    assert.matches("^https://acme%-dev%.it%-cpi001%.localhost:%d+$", oauth.url)
  end))

  it("is each key's own", with(function(sb)
    local first, instance = support.key(sb, "secret")
    local second = support.key(sb, "secret", { instance = instance })
    assert.not_equal(first.oauth.clientid, second.oauth.clientid)
    assert.not_equal(first.oauth.clientsecret, second.oauth.clientsecret)
  end))
end)

describe("a key with a certificate", function()
  it("holds the chain leaf, intermediate, root, its RSA key and the details", with(function(sb)
    local oauth = support.key(sb, "certificate", { validity = 30 }).oauth
    assert.is_nil(oauth.clientsecret)
    assert.matches("%.authentication%.cert%.localhost:%d+/oauth/token$", oauth.tokenurl)
    assert.matches("^%-%-%-%-%-BEGIN RSA PRIVATE KEY%-%-%-%-%-\n", oauth.key)
    local chain = assert(core.cert.parse(oauth.certificate)).certificates
    assert.equal(3, #chain)
    assert.same({ chain[2].subject, chain[3].subject }, { chain[1].issuer, chain[2].issuer })
    assert.is_true(chain[3].self_signed)
    assert.same({ "RSA 2048", 1 }, { chain[1].key, #chain[1].eku })
    assert.is_true(core.cert.verify({ chain[1].pem, chain[2].pem }, { chain[3].pem },
                                    { purpose = "client" }))
    local days = (chain[1].not_after - core.task.now()) / 86400
    assert.is_true(days > 29.9 and days <= 30)
    local details = oauth.certificatedetails
    assert.equal("CN=SAP PKI Certificate Service Client CA,OU=SAP BTP Clients,O=SAP SE,"
      .. "L=localhost,C=DE", details.issuerdn)
    assert.matches("^CN=%x+,L=sap%-uaa,OU=[%x-]+,OU=SAP Cloud Platform Clients,O=SAP SE,C=DE$",
                   details.subjectdn)
    assert.equal(os.date("!%Y-%m-%dT%H:%M:%S.000Z", chain[1].not_after), details.validuntil)
    assert.matches("^0x%x+$", details.serialnumber)
    assert(core.identity.open { cert_pem = oauth.certificate, key_pem = oauth.key })
  end))

  it("is written with \\n in JSON", with(function(sb)
    local text = core.file.read(support.key_file(sb, support.key(sb, "certificate")))
    assert.matches('"%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-\\n', text)
  end))

  it("of one's own holds that certificate and nothing secret", with(function(sb)
    local own = support.foreign_identity(sb)
    local oauth = support.key(sb, "external", { x509 = own.leaf }).oauth
    assert.equal(own.leaf, oauth.certificate)
    assert.is_nil(oauth.key)
    assert.is_nil(oauth.clientsecret)
    assert.matches("%.authentication%.cert%.", oauth.tokenurl)
  end))

  it("of one's own may be one line", with(function(sb)
    local own = support.foreign_identity(sb)
    local oauth = support.key(sb, "external", { x509 = own.leaf:gsub("\n", "") }).oauth
    assert.equal(own.leaf, oauth.certificate)
  end))
end)

describe("the broker refuses", function()
  it("what SAP's refuses", with(function(sb)
    assert(sb:create_instance { name = "one" })
    assert.equal("sandbox.refused", code_of(sb:create_instance { name = "one" }))
    assert.equal("sandbox.refused", code_of(sb:create_instance { name = "x", plan = "y" }))
    assert.equal("sandbox.refused", code_of(sb:create_key { instance = "no", name = "k" }))
    assert(sb:create_key { instance = "one", name = "k" })
    assert.equal("sandbox.refused", code_of(sb:create_key { instance = "one", name = "k" }))
    assert.equal("sandbox.refused", code_of(sb:delete_key("one", "other")))
    assert.equal("sandbox.refused", code_of(sb:delete_key("other", "k")))
  end))

  it("a certificate that another key has, and more than one", with(function(sb)
    local own = support.foreign_identity(sb)
    local _, instance, name = support.key(sb, "external", { x509 = own.leaf })
    assert(sb:create_instance { name = "other" })
    local again = { instance = "other", name = "k", type = "external", x509 = own.leaf }
    assert.equal("sandbox.refused", code_of(sb:create_key(again)))
    assert(sb:delete_key(instance, name))
    assert(sb:create_key(again))
    again.name, again.x509 = "k2", own.chain
    assert.equal("sandbox.refused", code_of(sb:create_key(again)))
    again.x509 = "no certificate"
    assert.equal("sandbox.refused", code_of(sb:create_key(again)))
  end))

  it("one of two keys of the same name that are made at once", with(function(sb)
    assert(sb:create_instance { name = "one" })
    local made, refused = 0, 0
    local tasks = {}
    for i = 1, 2 do
      tasks[i] = core.task.spawn(function()
        local key = sb:create_key { instance = "one", name = "k", type = "certificate" }
        if key then made = made + 1 else refused = refused + 1 end
      end)
    end
    for _, task in ipairs(tasks) do task:join() end
    assert.same({ 1, 1 }, { made, refused })
  end))
end)

describe("a restart", function()
  it("keeps authority, ports, instances, keys, roots and flows", async(function()
    local dir = assert(core.file.tempdir "iflow-spec-")
    local file = dir .. "/kept.lua"
    assert(core.file.write(file, 'return { name = "kept", address = "/kept", csrf = false, '
      .. 'process = function() return 200, {}, "kept" end }'))
    local endpoints, secret, own, root, bearer
    do
      local sb <close> = support.start { dir = dir }
      secret, own = support.key(sb, "secret"), support.foreign_identity(sb, "both")
      support.key(sb, "external", { x509 = own.leaf })
      assert(sb:deploy(file))
      endpoints, root = sb.endpoints, core.file.read(sb.endpoints.cacert)
      bearer = support.bearer(sb, secret)
    end
    do
      local sb <close> = support.start { dir = dir }
      assert.same(endpoints, sb.endpoints)
      assert.equal(root, core.file.read(sb.endpoints.cacert))
      assert.equal(2, #sb:instances())
      local function call(fields)
        fields.method, fields.path, fields.body = "POST", "/http/kept", "x"
        return assert(support.request(sb, "runtime", fields)).status
      end
      assert.equal(200, call { headers = { Authorization = bearer } })
      assert.equal(200, call { headers = { Authorization = support.bearer(sb, secret) } })
      assert.equal(200, call { identity = support.identity(own) })
      assert(sb:undeploy "kept")
    end
    local sb <close> = support.start { dir = dir }
    assert.same({}, sb:flows())
    rawset(sb, "temporary", true)
  end))

  it("refuses a damaged state", async(function()
    local dir = assert(core.file.tempdir "iflow-spec-")
    for text, code in pairs { ["{"] = "json.invalid", ["[]"] = "sandbox.failed",
                              ['{"version":99}'] = "sandbox.failed" } do
      assert(core.file.write(dir .. "/state.json", text))
      assert.equal(code, code_of(sandbox.start { dir = dir }))
    end
    core.file.remove(dir, { recursive = true })
  end))
end)

describe("sandbox.start", function()
  it("takes five consecutive ports, and the names of the documentation", with(function(sb)
    local first = port_of(sb.endpoints.token)
    for i, kind in ipairs(HOSTS) do
      assert.equal(first + i - 1, port_of(sb.endpoints[kind]))
    end
  end))

  it("writes plain localhost where it is asked to", with(function(sb)
    for _, kind in ipairs(HOSTS) do
      assert.matches("^https://localhost:%d+", sb.endpoints[kind])
    end
    assert.matches("^https://localhost:", support.key(sb, "secret").oauth.url)
    support.bearer(sb, support.key(sb, "secret"))
  end, { hostname = "localhost" }))

  it("writes files that only the owner reads", with(function(sb)
    assert.equal("0700", core.file.stat(sb.dir).mode)
    for _, name in ipairs { "admin.token", "state.json", "authority/root.key",
                            "authority/clients.key", "authority/token-signing.key" } do
      assert.equal("0600", core.file.stat(sb.dir .. "/" .. name).mode, name)
    end
    local endpoints = core.json.decode(core.file.read(sb.dir .. "/endpoints.json"))
    assert.same(sb.endpoints, endpoints)
  end))

  it("refuses a directory where one runs, and ports that are taken", with(function(sb)
    assert.equal("sandbox.failed", code_of(sandbox.start { dir = sb.dir }))
    local port = port_of(sb.endpoints.token)
    assert.equal("sandbox.failed", code_of(sandbox.start { port = port }))
    assert.equal("sandbox.failed", code_of(sandbox.start { port = port - 1 }))
  end))

  it("raises on mistakes", with(function()
    assert.error_matches(function() sandbox.start { prt = 1 } end, "did you mean 'port'")
    assert.error_matches(function() sandbox.start { settings = { worker = 1 } } end, "workers")
    assert.has_error(function() sandbox.start { settings = { workers = "2" } } end)
  end))

  it("leaves nothing behind", async(function()
    local dir
    do
      local sb <close> = assert(sandbox.start())
      dir = sb.dir
      sb:close()
      sb:close()
      assert.error_matches(function() sb:log() end, "closed")
    end
    assert.is_nil(core.file.stat(dir))
  end))

  it("does not wait for flows that do not end", async(function()
    local sb = support.start()
    local bearer = support.bearer(sb, support.key(sb, "secret"))
    local started = false
    support.echo(sb, { csrf = false, process = function()
      started = true
      core.task.sleep(3600)
    end })
    local task = core.task.spawn(function()
      return support.request(sb, "runtime", { method = "POST", path = "/http/echo", body = "x",
                                              headers = { Authorization = bearer } })
    end)
    while not started do core.task.sleep(0.005) end
    sb:close()
    assert.is_nil((task:join(10)))
  end))
end)

describe("the admin path", function()
  it("does what the object does", with(function(sb)
    local remote = assert(client.open(sb.dir))
    assert.same({ "API.invoke" }, assert(remote:create_instance {
      name = "one", roles = { "API.invoke" } }).roles)
    local key = assert(remote:create_key { instance = "one", name = "k" })
    assert.is_string(key.oauth.clientsecret)
    assert.same(sb:instances(), remote:instances())
    assert.is_true(remote:delete_key("one", "k"))
    assert.equal("sandbox.refused", code_of(remote:delete_key("one", "k")))
    assert.same({}, remote:log())
    assert.equal(core.process.pid(), remote:status().pid)
    assert.is_number(remote:counters().token_requests)
    assert.is_true(remote:rotate_signing_key())
    assert.is_nil(remote.no_such_operation)
  end))

  it("deploys the text of a file", with(function(sb)
    local remote = assert(client.open(sb.dir))
    local file = sb.dir .. "/f.lua"
    assert(core.file.write(file, 'return { name = "f", address = "/f", process = print }'))
    assert.same({ name = "f", address = "/f", path = "/http/f" }, remote:deploy(file))
    assert.equal("f", sb:flows()[1].name)
    assert(core.file.write(file, "return {"))
    assert.equal("script.failed", code_of(remote:deploy(file)))
    assert.equal("file.not_found", code_of(remote:deploy(sb.dir .. "/none.lua")))
    assert.is_true(remote:undeploy "f")
  end))

  it("adds roots", with(function(sb)
    local own = support.foreign_identity(sb)
    local remote = assert(client.open(sb.dir))
    assert.matches("Partner", assert(remote:trust(own.root))[1])
    assert.equal("sandbox.refused", code_of(remote:trust(own.root, "nobody")))
    assert.equal("cert.invalid", code_of(remote:trust("nothing")))
  end))

  it("needs its secret, POST, an object, and an operation that exists", with(function(sb)
    local secret = core.file.read(sb.endpoints.admin_token):match "%S+"
    local function status(fields)
      fields.path, fields.method = fields.path or "/sandbox/log", fields.method or "POST"
      fields.headers = fields.headers or { Authorization = "Bearer " .. secret }
      return support.request(sb, "api", fields).status
    end
    assert.equal(200, status {})
    assert.equal(401, status { headers = {} })
    assert.equal(401, status { headers = { Authorization = "Bearer x" } })
    assert.equal(405, status { method = "GET" })
    assert.equal(400, status { body = "{" })
    assert.equal(400, status { body = "[1]" .. (" "):rep(10) .. "x" })
    assert.equal(400, status { body = '{"args":1}' })
    assert.equal(400, status { path = "/sandbox/create_instance", body = '{"args":[1]}' })
    assert.equal(400, status { path = "/sandbox/create_key", body = "{}" })
    assert.equal(404, status { path = "/sandbox/none" })
    assert.equal(404, status { path = "/sandbox/../log" })
    assert.equal(404, status { path = "/" })
    assert.equal(413, status { body = (" "):rep(8 * 1024 * 1024 + 1) })
  end))

  it("ends the sandbox", async(function()
    local sb <close> = support.start()
    local remote = assert(client.open(sb.dir))
    assert.is_true(remote:stop())
    sb:wait()
    assert.is_nil(core.file.stat(sb.dir .. "/admin.token"))
    assert.equal("sandbox.not_running", code_of(remote:log()))
    assert.equal("sandbox.not_running", code_of(client.open(sb.dir)))
  end))
end)
