-- `iflow curl` and `iflow postman`: what they write is run by curl and by newman against a sandbox,
-- for each way to authenticate; and no secret is in it.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

local BODY = '{"order":"O\'1","text":"$HOME `id` \\"x\\""}'
local NEWMAN = "build/newman/node_modules/newman/bin/newman.js"

local sender = [[
local iflow = require "iflow"
iflow.sender "orders" {
  service_key = iflow.args.key, cacert = iflow.args.ca,
  to = function(message) return "/http/orders?n=" .. message.data.n end,
  headers = { ["X-Api-Key"] = "key-of-another-system" },
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

  local function has_secret(text)
    for _, secret in ipairs(secrets) do
      if text:find(secret, 1, true) then return secret end
    end
    return false
  end

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
    secrets = { secret.oauth.clientsecret, certificate.oauth.key:match "\n(%w%w+)",
                "key-of-another-system" }
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
    } do
      assert.equal(2, iflow(table.unpack(words)).code, table.concat(words, " "))
    end
    assert.is_nil(core.file.stat(dir:file "iflow-curl"))
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
