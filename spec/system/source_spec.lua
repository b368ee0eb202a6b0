-- Where credentials come from besides files: systemd's credentials, variables that name a file,
-- commands; each gets a token and makes a call.
local async = require "spec.support.async"
local iflow = require "iflow"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"

local function quoted(path) return process.quote(path) end

describe("credentials from elsewhere", function()
  -- What opening a tenant with these options ends with, after a call: "delivered", or the error's
  -- code.
  local function outcome(home, options)
    options.cacert, options.token_cache = home.cacert, false
    local tenant, err = iflow.tenant(options)
    if not tenant then return err.code end
    local answer
    answer, err = tenant:call { to = "/http/orders", body = "1" }
    tenant:close()
    return answer and answer.outcome or err.code
  end

  it("come from what a command prints", async(function()
    local home <close> = landscape.open()
    local secret, external = home:key "secret", home:key "external"
    local pass = home.dir:write("pass", "open sesame\n")
    local locked = home.dir:file "locked.key"
    assert(process.run { "openssl", "pkcs8", "-topk8", "-in", external.key, "-out", locked,
      "-passout", "file:" .. pass }.code == 0)
    assert.equal("delivered",
      outcome(home, { service_key = "command:cat " .. quoted(secret.path) }))
    assert.equal("delivered", outcome(home, { service_key = { command = { "cat", secret.path } } }))
    assert.equal("delivered", outcome(home, { service_key = external.path, cert = external.cert,
      key = { command = { "cat", locked } }, pass_file = "command:cat " .. quoted(pass) }))
    assert.equal("delivered", outcome(home, { service_key = external.path,
      cert = { command = { "cat", external.cert } }, key = external.key }))
  end))

  it("do not come from a command that fails", async(function()
    local home <close> = landscape.open()
    for _, command in ipairs { "exit 3", "true", "kill -9 $$", "echo secret-word; exit 1",
      "head -c 2000000 /dev/zero" } do
      local tenant, err = iflow.tenant { service_key = "command:" .. command }
      assert.is_nil(tenant)
      assert.is_true(err.code == "credential.unavailable" or err.code == "limit.exceeded", err.code)
      assert.is_nil(tostring(err):find("secret-word", 1, true))
    end
    assert.equal("credential.unavailable",
      outcome(home, { service_key = { command = { "no-such-program-4711" } } }))
    assert.equal("service_key.invalid", outcome(home, { service_key = "command:echo no JSON" }))
    assert.equal("usage.invalid", outcome(home, { service_key = { command = "cat x" } }))
  end))

  it("are waited for without holding up others", async(function()
    local home <close> = landscape.open()
    local path, ticks = home:key("secret").path, 0
    local ticker = iflow.spawn(function()
      while true do
        iflow.sleep(0.05)
        ticks = ticks + 1
      end
    end)
    assert.equal("delivered", outcome(home, {
      service_key = { command = { "sh", "-c", "sleep 1; cat " .. quoted(path) } } }))
    ticker:cancel()
    assert.is_true(ticks >= 5)
  end))

  it("come from systemd and from files that variables name", async(function()
    local home <close> = landscape.open { hostname = "localhost" }
    local secret, external = home:key "secret", home:key "external"
    local function call(...)
      return process.run { process.iflow, "call", "/http/orders", "-d", "1", "--cacert",
        home.cacert, "--token-cache", "off", ..., timeout = 60,
        env = { CREDENTIALS_DIRECTORY = home.dir.path, ORDERS_KEY = secret.path,
                CLIENT_CERT = external.cert, CLIENT_KEY = external.key } }.code
    end
    assert.equal(0, call("--service-key=credential:" .. secret.path:match "[^/]*$"))
    assert.equal(0, call "--service-key=env:ORDERS_KEY")
    assert.equal(2, call "--service-key=env:NO_SUCH_KEY")
    assert.equal(2, call "--service-key=credential:../x")
  end))

  it("are not shown when a variable holds the secret instead of a path", async(function()
    local home <close> = landscape.open()
    local secret, external = home:key "secret", home:key "external"
    for _, words in ipairs {
      { "--service-key", "env:PASTED" },
      { "--service-key", secret.path, "--cert", external.cert, "--key", "env:PASTED" },
      { "--service-key", external.path, "--cert", external.cert, "--key", external.key,
        "--pass-file", "env:PASTED" },
    } do
      local run = process.run { process.iflow, "call", "/http/orders", "-d", "1", "--cacert",
        home.cacert, timeout = 60, env = { PASTED = "hunter2-hunter2" }, table.unpack(words) }
      assert.equal(2, run.code)
      assert.is_nil((run.out .. run.err):find("hunter2", 1, true))
      assert.is_truthy(run.err:find("env:PASTED", 1, true))
    end
  end))

  it("are not shown when they stand where the path of their file belongs", async(function()
    local home <close> = landscape.open()
    local secret, external = home:key "secret", home:key "external"
    local json, pem = process.read(secret.path), process.read(external.key)
    for _, case in ipairs {
      { IFLOW_SERVICE_KEY = json },
      { IFLOW_SERVICE_KEY = external.path, IFLOW_CERT = external.cert, IFLOW_KEY = pem },
    } do
      local run = process.run { process.iflow, "call", "/http/orders", "-d", "1", "--cacert",
        home.cacert, timeout = 60, env = case }
      assert.equal(2, run.code, run.err)
      for _, text in ipairs { json:match '"clientsecret"%s*:%s*"([^"]*)', pem:match "\n(%w+)" } do
        assert.is_nil((run.out .. run.err):find(text, 1, true))
      end
    end
  end))

  it("are not looked for when there is no place for them", async(function()
    local home <close> = landscape.open()
    assert.equal("usage.invalid", outcome(home, { service_key = "credential:orders" }))
    assert.equal("usage.invalid", outcome(home, { service_key = "env:IFLOW_SPEC_UNSET" }))
  end))
end)
