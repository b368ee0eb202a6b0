-- iflow sandbox and iflow instance as processes: what --detach leaves running, how it ends, and
-- what the commands write. The golden tests in spec/cli show the same from a user's side.
local core = require "iflow.core"
local json = require "iflow.json"
local process = require "spec.support.process"

local function iflow(...)
  local command = { assert(process.iflow, "IFLOW_BIN must name the host binary"), ... }
  return process.run(command)
end

local function error_code(result)
  return json.decode(result.out).error.code
end

-- What is left of a process: nil, "Z" for a zombie, else its state.
local function state_of(pid)
  local stat = process.read(("/proc/%d/stat"):format(pid))
  return stat and stat:match "%) (%a)"
end

describe("iflow sandbox", function()
  local dir, sb

  before_each(function()
    dir = process.tempdir()
    sb = dir:file "sb"
  end)
  after_each(function()
    if core.file.stat(sb .. "/sandbox.pid") then iflow("sandbox", "stop", "--dir", sb) end
    dir:close()
  end)

  local function start(...)
    local result = iflow("sandbox", "start", "--dir", sb, "--detach", "--json", ...)
    assert.same({ 0, "" }, { result.code, result.err })
    return json.decode(result.out)
  end

  it("runs on in a session of its own, answers at once, and ends when it is told to", function()
    local started = start()
    assert.equal(started.pid, tonumber(process.read(sb .. "/sandbox.pid")))
    local session = tonumber(process.read(("/proc/%d/stat"):format(started.pid))
      :match "%) %a %d+ %d+ (%d+)")
    assert.equal(started.pid, session)
    local log = iflow("sandbox", "log", "--dir", sb, "--json")
    assert.same({ 0, "[]\n" }, { log.code, log.out })
    assert.equal(0, iflow("sandbox", "stop", "--dir", sb).code)
    assert.is_nil(core.file.stat(sb .. "/sandbox.pid"))
    process.wait_for("the process to be gone", function()
      local state = state_of(started.pid)
      return state == nil or state == "Z"
    end)
    assert.is_nil(process.read(sb .. "/sandbox.log"):find "error")
  end)

  it("is where it was after a restart", function()
    local first = start()
    iflow("sandbox", "stop", "--dir", sb)
    assert.same(first.endpoints, start().endpoints)
  end)

  it("ends cleanly by a signal", function()
    for _, signal in ipairs { "TERM", "INT" } do
      local helper <close> = process.start { process.iflow, "sandbox", "start", "--dir", sb }
      process.wait_for("the sandbox", function() return core.file.stat(sb .. "/admin.token") end)
      helper:signal(signal)
      local result = helper:wait()
      assert.equal(signal == "TERM" and 143 or 130, result.code)
      assert.is_nil(core.file.stat(sb .. "/admin.token"))
      assert.is_nil(core.file.stat(sb .. "/sandbox.pid"))
    end
  end)

  it("starts once in a directory", function()
    start()
    local again = iflow("sandbox", "start", "--dir", sb, "--json")
    assert.same({ 2, "sandbox.failed" }, { again.code, error_code(again) })
    again = iflow("sandbox", "start", "--dir", sb, "--detach", "--json")
    assert.same({ 2, "sandbox.failed" }, { again.code, error_code(again) })
  end)

  it("is found dead after a kill, and starts again", function()
    local first = start()
    os.execute("kill -9 " .. first.pid)
    process.wait_for("its end", function()
      return iflow("sandbox", "log", "--dir", sb, "--json").code == 2
    end)
    assert.same(first.endpoints, start().endpoints)
  end)

  it("tells how to start one where none runs", function()
    for _, words in ipairs { { "sandbox", "stop", "--dir", sb }, { "sandbox", "log", "--dir", sb },
                             { "sandbox", "deploy", "x.lua", "--dir", sb },
                             { "instance", "create", "x", "--sandbox", sb },
                             { "instance", "key", "create", "x", "y", "--sandbox", sb, "-o",
                               dir:file "k.json" } } do
      words[#words + 1] = "--json"
      local result = iflow(table.unpack(words))
      assert.same({ 2, "sandbox.not_running" }, { result.code, error_code(result) })
      assert.matches("iflow sandbox start", json.decode(result.out).error.hint)
    end
  end)

  it("refuses a port that leaves no room for five", function()
    local result = iflow("sandbox", "start", "--dir", sb, "--port", "65532", "--json")
    assert.same({ 2, "usage.invalid" }, { result.code, error_code(result) })
  end)

  it("refuses a host name that no client could use", function()
    local sandbox = require "iflow.sandbox"
    local refused, err = sandbox.start { hostname = "a b" }
    assert.is_nil(refused)
    assert.equal("usage.invalid", err.code)
    assert.matches("'a b' is no host name", err.message, 1, true)
  end)

  it("takes the port and host name it is given", function()
    local port = process.free_port()
    local endpoints = start("--port", tostring(port), "--hostname", "localhost").endpoints
    assert.equal("https://localhost:" .. port .. "/oauth/token", endpoints.token)
    assert.equal("https://localhost:" .. port + 3, endpoints.api)
    assert.equal("https://localhost:" .. port + 4, endpoints.cf)
  end)
end)

describe("iflow instance", function()
  local dir, sb

  setup(function()
    dir = process.tempdir()
    sb = dir:file "sb"
    assert.equal(0, iflow("sandbox", "start", "--dir", sb, "--detach").code)
  end)
  teardown(function()
    iflow("sandbox", "stop", "--dir", sb)
    dir:close()
  end)

  local function create(name, ...)
    return iflow("instance", "create", name, "--sandbox", sb, "--json", ...)
  end
  local function key(...) return iflow("instance", "key", "create", ...) end

  it("creates what its options say", function()
    for _, role in ipairs { "A.send", "B.send" } do
      assert.equal(0, iflow("sandbox", "role", "add", role, "--dir", sb).code)
    end
    local result = create("one", "--plan", "integration-flow", "--role", "A.send", "--role",
                          "B.send", "--token-validity", "7200")
    assert.equal(0, result.code)
    local made = json.decode(result.out)
    assert.same({ "one", { "A.send", "B.send" }, 7200 },
                { made.name, made.parameters.roles, made.parameters["token-validity"] })
    result = create("one")
    assert.same({ 1, "cf.refused" }, { result.code, error_code(result) })
    assert.equal(2, create("two", "--token-validity", "10").code)
  end)

  it("writes keys for their owner alone, and shows no secret", function()
    create "keys"
    local certificate = dir:file "certificate.pem"
    assert(process.run { "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                         "-subj", "/CN=own", "-keyout", dir:file "own.key", "-out", certificate })
    local options = { secret = {}, certificate = { "--validity", "30", "--key-length", "2048" },
                      external = { "--x509", certificate } }
    for kind, more in pairs(options) do
      local file = dir:file(kind .. ".json")
      local result = key("keys", kind, "--type", kind, "--sandbox", sb, "-o", file, "--json",
                         table.unpack(more))
      assert.equal(0, result.code, result.out .. result.err)
      assert.equal("0600", core.file.stat(file).mode)
      local oauth = json.decode(process.read(file)).oauth
      assert.equal(oauth.clientid, json.decode(result.out).client_id)
      if kind == "secret" then assert.is_nil(result.out:find(oauth.clientsecret, 1, true)) end
    end
  end)

  it("takes the certificate in DER, too", function()
    create "der"
    local der = dir:file "own.der"
    process.run { "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
                  "/CN=der", "-keyout", dir:file "der.key", "-outform", "DER", "-out", der }
    assert.equal(0, key("der", "k", "--type", "external", "--x509", der, "--sandbox", sb, "-o",
                        dir:file "der.json").code)
  end)

  it("refuses options that do not fit, and keeps no key it cannot write", function()
    create "bad"
    local function code(...)
      local result = key("bad", "k", "--sandbox", sb, "--json", ...)
      return { result.code, error_code(result) }
    end
    local file = dir:file "bad.json"
    assert.same({ 2, "usage.invalid" }, code("--type", "external", "-o", file))
    assert.same({ 2, "usage.invalid" }, code("--type", "secret", "--x509", file, "-o", file))
    assert.same({ 2, "usage.invalid" }, code("--type", "magic", "-o", file))
    assert.same({ 2, "usage.invalid" }, code("--type", "secret"))
    assert.same({ 2, "file.not_found" }, code("--type", "external", "--x509", file, "-o", file))
    assert.same({ 2, "usage.invalid" }, code("--type", "certificate", "--validity", "366", "-o",
                                              file))
    assert.same({ 2, "file.not_found" }, code("-o", dir:file "no/such/directory.json"))
    assert.equal(0, key("bad", "k", "--sandbox", sb, "-o", file).code)
  end)
end)
