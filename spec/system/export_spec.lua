-- `iflow curl` and `iflow postman`: what they write is run by curl and by newman against a sandbox,
-- for each way to authenticate; and no secret is in it, nor in the bundle of `iflow check`, in
-- whatever encoding.
local async = require "spec.support.async"
local core = require "iflow.core"
local leaks = require "spec.support.leaks"
local openssl = require "spec.support.openssl"
local outbox = require "iflow.outbox"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

local BODY = '{"order":"O\'1","text":"$HOME `id` \\"x\\""}'
local NEWMAN = "build/newman/node_modules/newman/bin/newman.js"

local sender = [[
local iflow = require "iflow"
iflow.sender "orders" {
  service_key = iflow.args.key, cacert = iflow.args.ca,
  to = function(message) return "/http/orders?n=" .. message.data.n end,
  headers = { ["X-Api-Key"] = "key-of-another-system", ["X-Keys"] = { "one-of-several-keys" } },
  transform = { iflow.transform.csv { header = true }, iflow.transform.to_json {} },
}
]]

-- The words that describe a call for each way to authenticate.
local ways = {
  { name = "a client secret", key = "secret" },
  { name = "a client secret in the body", key = "secret", "--client-auth", "body" },
  { name = "grant_type in the address", key = "secret", "--grant-type-in", "query" },
  { name = "Basic authentication", key = "secret", "--auth", "basic" },
  { name = "a certificate at the token server", key = "certificate" },
  { name = "a certificate at the endpoint", key = "certificate", "--auth", "certificate" },
}

describe("a call for other clients #stock", function()
  local dir, sb, keys, secrets

  -- Runs the binary in the directory while the sandbox goes on.
  local function iflow(...)
    local words = { process.iflow, ... }
    words.dir, words.timeout = dir.path, 60
    return process.run(words)
  end

  local function export(command, way, ...)
    return iflow(command, "/http/orders", "--service-key", keys[way.key],
      "--cacert", sb.endpoints.cacert, "-H", "Content-Type: application/json", "-d", BODY, "--csrf",
      "--force", table.unpack(table.move({ ... }, 1, select("#", ...), #way + 1,
        table.move(way, 1, #way, 1, {}))))
  end

  local function has_secret(text) return leaks.find(text, secrets) or false end

  -- What arrived at the flow since the last question.
  local function arrived()
    local taken = sb.taken
    sb.taken = {}
    return taken
  end

  local function start()
    dir = process.tempdir()
    sb = support.start { hostname = "localhost" }
    rawset(sb, "taken", {})
    support.echo(sb, { name = "orders", address = "/orders", csrf = true,
                       process = function(exchange)
      table.insert(sb.taken, exchange.body)
      return 200, {}, "taken"
    end })
    local secret, certificate = support.key(sb, "secret"), support.key(sb, "certificate")
    keys = { secret = support.key_file(sb, secret),
             certificate = support.key_file(sb, certificate) }
    secrets = { client = secret.oauth.clientsecret, key = certificate.oauth.key,
                header = "key-of-another-system", more = "one-of-several-keys" }
  end

  local function stop()
    sb:close()
    dir:close()
  end

  it("is made by curl", async(function()
    start()
    for _, way in ipairs(ways) do
      local run = export("curl", way)
      assert.equal(0, run.code, way.name .. run.err)
      assert.is_false(has_secret(run.out), way.name)
      local made = process.run { "sh", "-c", run.out, dir = dir.path, timeout = 60 }
      assert.equal(0, made.code, way.name .. made.err)
      assert.same({ BODY }, arrived(), way.name)
      assert.equal("0700", core.file.stat(dir:file "iflow-curl").mode)
      for _, name in ipairs(core.file.list(dir:file "iflow-curl")) do
        assert.equal("0600", core.file.stat(dir:file("iflow-curl/" .. name)).mode, name)
      end
    end
    stop()
  end))

  it("takes credentials from wherever a call takes them", async(function()
    start()
    assert.equal(0, iflow("service-key", "pem", keys.certificate, "--output-dir", dir.path).code)
    local base = dir:file(keys.certificate:match "([^/]*)%.json$")
    assert(core.file.write(dir:file "pass", 'a pass"phrase\n', "0600"))
    openssl.run("pkcs12", "-export", "-in", base .. ".cert.pem", "-inkey", base .. ".key.pem",
      "-out", dir:file "own:1.p12", "-passout", "file:" .. dir:file "pass")
    dir:write("all.pem", process.read(base .. ".cert.pem") .. process.read(base .. ".key.pem"))
    local certificate = "--auth=certificate"
    for _, words in ipairs {
      { "--service-key", "env:KEY" },
      { "--service-key", "credential:" .. keys.secret:match "[^/]*$" },
      { "--service-key", "command:cat " .. keys.secret },
      { "--service-key", keys.certificate, certificate, "--cert", "own:1.p12", "--pass-file",
        "env:PASS" },
      { "--service-key", keys.certificate, certificate, "--cert", "own:1.p12", "--pass-file",
        "command:cat pass" },
      { "--service-key", keys.certificate, certificate, "--cert", "credential:all.pem" },
      { "--service-key", keys.certificate, certificate, "--cert", "command:cat all.pem", "--key",
        "command:cat " .. base .. ".key.pem" },
      { "--service-key", keys.certificate, "--cert", base .. ".cert.pem", "--key",
        base .. ".key.pem" },
    } do
      local name = table.concat(words, " ")
      local env = { KEY = keys.secret, PASS = "pass", CREDENTIALS_DIRECTORY =
        words[2]:find "^credential" and keys.secret:match "^(.*)/" or dir.path }
      local run = process.run { process.iflow, "curl", "/http/orders", "--cacert",
        sb.endpoints.cacert, "-d", BODY, "--csrf", "--force", dir = dir.path, env = env,
        timeout = 60, table.unpack(words) }
      assert.equal(0, run.code, name .. run.err)
      assert.is_false(has_secret(run.out), name)
      local made = process.run { "sh", "-c", run.out, dir = dir.path, timeout = 60 }
      assert.equal(0, made.code, name .. made.err)
      assert.same({ BODY }, arrived(), name .. made.out)
    end
    stop()
  end))

  it("keeps the password of a proxy out of the script", async(function()
    start()
    for _, scheme in ipairs { "", "http://" } do
      local run = process.run { process.iflow, "curl", "/http/orders", "--service-key", keys.secret,
        "--cacert", sb.endpoints.cacert, "--force", dir = dir.path, timeout = 60,
        env = { IFLOW_PROXY = scheme .. "joe:hunt%40er22@127.0.0.1:9" } }
      assert.equal(0, run.code, run.err)
      assert.is_nil(run.out:find("er22", 1, true))
      assert.is_truthy(run.out:find("--proxy " .. scheme .. "127.0.0.1:9 ", 1, true))
      assert.is_truthy(dir:read "iflow-curl/call.conf":find('proxy-user = "joe:hunt%40er22"', 1,
        true))
    end
    stop()
  end))

  it("has fields of one name in their order", async(function()
    start()
    local words = { "/http/orders", "--service-key", keys.secret }
    local names = { "X-A", "X-B", "X-C", "X-D", "X-E" }
    for i = 1, 30 do
      table.move({ "-H", ("%s: %d"):format(names[i % 5 + 1], i) }, 1, 2, #words + 1, words)
    end
    local run = iflow("postman", table.unpack(words))
    assert.equal(0, run.code, run.err)
    local before = {}
    for _, field in ipairs(core.json.decode(run.out).item[2].request.header) do
      assert.is_true(tonumber(field.value) > (before[field.key] or 0), field.key)
      before[field.key] = tonumber(field.value)
    end
    stop()
  end))

  it("is one call, whatever the address", async(function()
    start()
    local run = iflow("curl", "/http/orders?n=[1-3]&m={a,b}", "--service-key", keys.secret,
      "--cacert", sb.endpoints.cacert, "-d", BODY, "--csrf")
    assert.equal(0, run.code, run.err)
    local made = process.run { "sh", "-c", run.out, dir = dir.path, timeout = 60 }
    assert.equal(0, made.code, made.err)
    assert.same({ BODY }, arrived())
    stop()
  end))

  it("trusts whom the call trusts beside the system's authorities", async(function()
    start()
    local words = { "/http/orders", "--service-key", keys.secret, "--trust", sb.endpoints.cacert,
      "-d", BODY, "--csrf" }
    local run = iflow("curl", table.unpack(words))
    assert.equal(0, run.code, run.err)
    local made = process.run { "sh", "-c", run.out, dir = dir.path, timeout = 60 }
    assert.equal(0, made.code, made.err)
    assert.same({ BODY }, arrived())
    local collection = core.json.decode(iflow("postman", table.unpack(words)).out)
    assert.is_truthy(collection.info.description:find(sb.endpoints.cacert, 1, true))
    stop()
  end))

  it("is made by newman", async(function()
    if process.read "build/newman/absent" then return end -- postman_spec tells
    start()
    assert.equal(0, iflow("service-key", "pem", keys.certificate, "--output-dir", dir.path).code)
    local base = dir:file(keys.certificate:match "([^/]*)%.json$")
    for _, way in ipairs(ways) do
      local words = { "node", NEWMAN, "run", dir:file "c.json", "--ssl-extra-ca-certs",
        sb.endpoints.cacert, env = { NODE_NO_WARNINGS = "1" }, timeout = 120 }
      local more
      if way.key == "secret" then
        assert.equal(0, export("postman", way, "-o", "c.json", "--environment", "e.json").code)
        assert.equal("0600", core.file.stat(dir:file "e.json").mode)
        more = { "--environment", dir:file "e.json" }
      else
        assert.equal(0, export("postman", way, "-o", "c.json").code)
        more = { "--ssl-client-cert", base .. ".cert.pem", "--ssl-client-key", base .. ".key.pem" }
      end
      assert.is_false(has_secret(process.read(dir:file "c.json")), way.name)
      local made = process.run(table.move(more, 1, #more, #words + 1, words))
      assert.equal(0, made.code, way.name .. made.out .. made.err)
      assert.same({ BODY }, arrived(), way.name)
    end
    stop()
  end))

  -- The files of an archive, by name; another program than ours unpacks it.
  local function unpacked(path)
    local into = dir:file "unpacked"
    assert(core.file.mkdir(into, "0700"))
    assert.equal(0, process.run({ "python3", "-m", "zipfile", "-e", path, into }).code)
    local files = {}
    for _, name in ipairs(core.file.list(into)) do
      files[name] = process.read(into .. "/" .. name)
    end
    core.file.remove(into, { recursive = true })
    return files
  end

  -- What somebody wrote where it does not belong: secrets of the run as they are, and as they go
  -- over the wire; tokens of other runs, of which a bundle knows no more than how they look.
  local function careless_log(names)
    local lines = { "2026-11-23T05:00:00Z info began" }
    for name, token in pairs(secrets) do
      if name:find "^token" then
        lines[#lines + 1] = ("Authorization: Bearer %s"):format(token)
        lines[#lines + 1] = ("the token (%s) was seen"):format(token)
      elseif name == "own" then -- decrypted, so known by its looks alone
        lines[#lines + 1] = token
      end
    end
    for _, name in ipairs(names) do
      local secret = secrets[name]
      for _, text in ipairs { secret, core.crypto.base64("id:" .. secret),
        core.crypto.base64url("x" .. secret), (secret:gsub(".", function(c)
          return ("%02x"):format(c:byte())
        end)), (secret:gsub("%W", function(c) return ("%%%02X"):format(c:byte()) end)) } do
        lines[#lines + 1] = ("%s was seen: [%s]"):format(name, text)
      end
      for _, width in ipairs { 76, 64, 20 } do -- base64(1), PEM, a narrow window
        lines[#lines + 1] = core.crypto.base64("id:" .. secret):gsub(("."):rep(width), "%0\n")
      end
    end
    dir:write("careless.log", table.concat(lines, "\n") .. "\nthe end\n")
  end

  -- An outbox with a message that was rejected by a server that repeats what it was sent.
  local function careless_outbox()
    local box <close> = assert(outbox.open { path = dir:file "box.db" })
    assert(box:enqueue { sender = "orders", id = "o-1", body = "the body " .. BODY,
      headers = { ["X-Api-Key"] = secrets.header } })
    local msg = assert(box:claim("orders", 1))[1]
    assert(box:rejected(msg, { status = 400, began = core.task.now(), error = { code =
      "call.rejected", message = "bad request: Authorization: Basic "
      .. core.crypto.base64("id:" .. secrets.client) } }))
    box:close()
  end

  -- curl, collection and bundle of the same run; more: words for each of them.
  local function three_of(way, ...)
    local run = export("curl", way, ...)
    assert.equal(0, run.code, run.err)
    assert.equal(0, export("postman", way, "-o", "c.json", ...).code)
    local words = { "check", "/http/orders", "--service-key", keys[way.key], "--cacert",
      sb.endpoints.cacert, "--csrf", "always", "--bundle", "b.zip", "--force", "--outbox", "box.db",
      "--log", "careless.log", ... }
    local checked = iflow(table.unpack(table.move(way, 1, #way, #words + 1, words)))
    assert.equal(0, checked.code, checked.out .. checked.err)
    local texts = unpacked(dir:file "b.zip")
    assert.equal("0600", core.file.stat(dir:file "b.zip").mode)
    texts.curl, texts.postman, texts.output = run.out, dir:read "c.json", checked.out .. checked.err
    return texts
  end

  it("has no secret, nor has the bundle of the run, in whatever encoding", async(function()
    start()
    for name, key in pairs(keys) do
      local token = iflow("token", "--service-key", key, "--cacert", sb.endpoints.cacert)
      assert.equal(0, token.code, token.err)
      secrets["token of " .. name] = token.out:match "%S+"
    end
    careless_outbox()
    for _, way in ipairs { ways[1], ways[2], ways[5] } do
      careless_log { way.key == "secret" and "client" or "key" }
      local texts = three_of(way)
      for name, text in pairs(texts) do
        assert.is_false(has_secret(text), way.name .. ", " .. name)
        assert.is_nil(text:find("the body", 1, true), name)
      end
      -- It does say what it is for.
      assert.is_truthy(texts["log.txt"]:find "began.*was seen: %[.*%*%*%*.*the end")
      local box = assert(core.json.decode(texts["outbox.json"]))
      assert.same({ 1, "call.rejected" }, { box.counts.rejected, box.failures[1].code })
      assert.equal("fine", core.json.decode(texts["report.json"]).verdict)
      local function decoded(name) return assert(core.json.decode(texts[name])) end
      assert.equal(keys[way.key], decoded "configuration.json".tenant.service_key)
      local shown = decoded "service-key.json".oauth
      assert.is_truthy(shown.clientid:find("sb-", 1, true))
      assert.equal(way.key == "certificate", decoded "certificates.json".service_key ~= nil)
      assert.equal("string", type(decoded "platform.json".iflow.libraries.OpenSSL))
      assert.is_truthy(texts["README.txt"]:find("outbox.json", 1, true))
    end
    -- What would be found: the files that the commands need, and the log itself.
    assert.is_truthy(has_secret(dir:read "careless.log"))
    assert.is_truthy(has_secret(dir:read "iflow-curl/client.key.pem"))
    stop()
  end))

  it("has no passphrase, no key of one's own and no password of a proxy", async(function()
    start()
    local own = support.foreign_identity(sb, "both", { not_after = os.time() + 90 * 86400 })
    local document = support.key(sb, "external", { x509 = own.leaf })
    keys.external = support.key_file(sb, document)
    dir:write("plain.key", own.key_pem)
    assert(core.file.write(dir:file "pass", "a pass phrase, 8 words; &= \"x\"\n", "0600"))
    openssl.run("pkcs8", "-topk8", "-in", dir:file "plain.key", "-out", dir:file "own.key",
      "-passout", "file:" .. dir:file "pass")
    dir:write("own.pem", own.chain)
    careless_outbox()
    secrets.passphrase, secrets.own, secrets.encrypted = dir:read "pass":match "[^\n]+",
      own.key_pem, dir:read "own.key"
    careless_log { "passphrase", "encrypted" }
    dir:write("orders.lua", sender .. "-- " .. secrets.passphrase .. "\n")
    local words = { "--cert", "own.pem", "--key", "own.key", "--pass-file", "pass" }
    for name, text in pairs(three_of({ name = "external", key = "external" },
      table.unpack(words))) do
      assert.is_false(has_secret(text), name)
    end
    secrets.proxy = "top proxy word"
    local run = process.run { process.iflow, "check", "--offline", "--script", "orders.lua",
      "--with-script", "--bundle", "s.zip", "--set", "key=" .. keys.external, dir = dir.path,
      env = { IFLOW_PROXY = "http://joe:top%20proxy%20word@127.0.0.1:9", IFLOW_PASTED =
        secrets.client, IFLOW_API_KEY = process.read(keys.secret), IFLOW_CERT = "own.pem",
        IFLOW_KEY = "own.key", IFLOW_PASS_FILE = "pass" } }
    assert.equal(0, run.code, run.out .. run.err)
    for name, text in pairs(unpacked(dir:file "s.zip")) do
      assert.is_false(has_secret(text), name)
    end
    -- A key that is damaged opens no tenant; its secret is still one.
    careless_log { "client" }
    dir:write("damaged.json", (process.read(keys.secret):gsub("[%s}]+$", "")))
    assert.equal(2, iflow("check", "--offline", "--service-key", "damaged.json", "--bundle",
      "d.zip", "--log", "careless.log").code)
    for name, text in pairs(unpacked(dir:file "d.zip")) do
      assert.is_false(has_secret(text), name)
    end
    stop()
  end))

  it("is the first message of a sender", async(function()
    start()
    dir:write("orders.lua", sender)
    dir:write("orders.csv", "n,text\n1,one\n2,two\n")
    local run = iflow("curl", "--script", "orders.lua", "--set", "key=" .. keys.secret,
      "--set", "ca=" .. sb.endpoints.cacert, "--input", "orders.csv", "--csrf")
    assert.equal(0, run.code, run.err)
    assert.is_false(has_secret(run.out))
    local made = process.run { "sh", "-c", run.out, dir = dir.path, timeout = 60 }
    assert.equal(0, made.code, made.err)
    local taken = arrived()
    assert.equal(1, #taken)
    assert.same({ n = "1", text = "one" }, core.json.decode(taken[1]))
    stop()
  end))

  it("is refused when it cannot be described", async(function()
    start()
    local key = keys.certificate
    for _, words in ipairs {
      { "curl" },
      { "curl", "/http/orders" },
      { "curl", "/http/orders", "--script", "orders.lua" },
      { "curl", "--script", "orders.lua" },
      { "curl", "/http/orders", "--input", "x" },
      { "postman", "/http/orders", "--service-key", key, "--auth", "basic" },
      { "curl", "/http/orders", "--service-key", keys.secret, "--auth", "certificate" },
      { "postman", "/http/orders", "--service-key", key, "--environment", "e.json" },
      { "curl", "/http/orders\ntouch x", "--service-key", key },
      { "postman", "/http/orders?n={{clientSecret}}", "--service-key", keys.secret },
      { "postman", "/http/orders", "--service-key", keys.secret, "-H", "X-A: {{clientSecret}}" },
      { "curl", "https://joe:word@localhost/http/orders", "--service-key", key },
      { "curl", "/http/orders", "--service-key", key, "-X", "GET\ntouch x" },
    } do
      assert.equal(2, iflow(table.unpack(words)).code, table.concat(words, " "))
    end
    -- A private key where the path of its file belongs would stand in the script.
    local run = process.run { process.iflow, "curl", "/http/orders", "--service-key", key,
      "--auth", "certificate", dir = dir.path, timeout = 60,
      env = { IFLOW_CERT = sb.endpoints.cacert, IFLOW_KEY = secrets.key } }
    assert.equal(2, run.code)
    assert.is_false(has_secret(run.out .. run.err))
    assert.is_nil(core.file.stat(dir:file "iflow-curl"))
    stop()
  end))

  it("is written with its environment, or not at all", async(function()
    start()
    local function postman(key, ...)
      return iflow("postman", "/http/orders", "--service-key", keys[key], ...).code
    end
    assert.equal(2, postman("certificate", "-o", "c.json", "--environment", "e.json"))
    assert.equal(2, postman("secret", "-o", "c.json", "--environment", "c.json", "--force"))
    dir:write("e.json", "{}")
    assert.equal(2, postman("secret", "-o", "c.json", "--environment", "e.json"))
    assert.is_nil(core.file.stat(dir:file "c.json"))
    assert.equal(0, postman("secret", "-o", "c.json", "--environment", "e.json", "--force"))
    stop()
  end))

  it("leaves alone what others can see", async(function()
    start()
    assert(core.file.mkdir(dir:file "iflow-curl", "0755"))
    local run = iflow("curl", "/http/orders", "--service-key", keys.secret, "--force")
    assert.equal(2, run.code)
    assert.same({}, core.file.list(dir:file "iflow-curl"))
    stop()
  end))
end)
