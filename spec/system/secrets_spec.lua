-- No secret leaves the process except inside TLS: not in what it writes (strace sees every byte),
-- not in its log at the highest level, not on a command line.
local async = require "spec.support.async"
local core = require "iflow.core"
local json = require "iflow.json"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"

local function url_encoded(text)
  return (text:gsub("[^%w._~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- What must not be seen of a key: the secret in each of its encodings, every line of the private
-- key, and any access token (a JWT starts like that).
local function secrets_of(key)
  local list = { "eyJ" }
  if key.oauth.clientsecret then
    local id, secret = key.oauth.clientid, key.oauth.clientsecret
    list[#list + 1] = secret
    list[#list + 1] = url_encoded(secret)
    list[#list + 1] = core.crypto.base64(id .. ":" .. secret)
    list[#list + 1] = core.crypto.base64(url_encoded(id) .. ":" .. url_encoded(secret))
  end
  local pem = key.oauth.key or key.key and process.read(key.key) or ""
  for line in pem:gmatch "[^\n]+" do
    if not line:find "^%-%-%-" then list[#list + 1] = line end
  end
  return list
end

local function assert_none(secrets, text, where)
  for i, secret in ipairs(secrets) do
    local at = text:find(secret, 1, true)
    assert.is_nil(at, ("secret %d of %d is in %s"):format(i, #secrets, where))
  end
end

local function command(land, key, ...)
  local words = { process.iflow, ... }
  for _, word in ipairs { "--service-key", key.path, "--cacert", land.cacert, "-v",
                          "--log-level", "trace" } do
    words[#words + 1] = word
  end
  if key.cert and not key.oauth.key then
    table.move({ "--cert", key.cert, "--key", key.key }, 1, 4, #words + 1, words)
  end
  -- Under strace the leak check of the sanitizers cannot work.
  words.env = { XDG_CACHE_HOME = land.dir:file "cache", ASAN_OPTIONS = "detect_leaks=0",
                IFLOW_TRACEBACK = "1" }
  return words
end

-- Runs a command under strace; returns its result with `.trace`, all it wrote anywhere.
local function traced(land, words)
  local trace = land.dir:file "trace"
  local all = { "strace", "-f", "-qq", "-s", "9999", "-o", trace, "-e",
                "trace=write,writev,pwrite64,pwritev,sendto,sendmsg" }
  table.move(words, 1, #words, #all + 1, all)
  all.env = words.env
  local result = process.run(all)
  result.trace = assert(process.read(trace))
  return result
end

describe("no secret is written", function()
  for _, type in ipairs { "secret", "certificate", "external" } do
    it("by a call with a key of type " .. type, async(function()
      local land <close> = landscape.open { csrf = true }
      local key = land:key(type)
      local result = traced(land, command(land, key, "call", "/http/orders", "-d", "an order"))
      assert.equal(0, result.code, result.err)
      assert.is_truthy(result.trace:find("write", 1, true))
      assert.is_truthy(#result.err > 200, "the log at its highest level says something")
      assert_none(secrets_of(key), result.trace, "what was written")
      assert_none(secrets_of(key), result.err, "the log")
    end))

    it("by a refused token request with a key of type " .. type, async(function()
      local land <close> = landscape.open()
      local key = land:key(type)
      assert(land.sb:delete_key("orders", type))
      local result = traced(land, command(land, key, "token"))
      assert.equal(3, result.code, result.err)
      assert_none(secrets_of(key), result.trace, "what was written")
    end))
  end

  it("by the error about a service key that cannot be read", async(function()
    local land <close> = landscape.open()
    local key = land:key "certificate"
    local broken = { path = land.dir:file "broken.json", oauth = key.oauth }
    local good = process.read(key.path)
    for _, text in ipairs {
      good:sub(1, -3), (good:gsub("clientid", "client_id")),
      (good:gsub("KEY%-%-%-%-%-\\nM", "%0!!")),
    } do
      process.write(broken.path, text)
      local result = traced(land, command(land, broken, "token"))
      assert.is_true(result.code > 0)
      assert_none(secrets_of(key), result.trace, "what was written")
    end
  end))

  it("by the traceback of a script that fails with a secret at hand", async(function()
    local land <close> = landscape.open()
    local key = land:key "secret"
    local script = land.dir:write("script.lua", [[
      local iflow = require "iflow"
      local tenant = assert(iflow.tenant {})
      local token = assert(tenant:token())
      print(token.access, tenant)
      error { code = "script.failed", token = token.access, tenant = tenant }
    ]])
    local words = command(land, key, "run")
    words[#words + 1] = script
    local result = traced(land, words)
    assert.equal(2, result.code, result.err)
    assert_none(secrets_of(key), result.trace, "what was written")
  end))
end)

describe("no secret stands on a command line", function()
  it("while a call waits for its answer", async(function()
    local seen = {}
    local land <close> = landscape.open { process = function()
      process.wait_for("the look at /proc", function() return seen.done end)
      return 200, {}, "x"
    end }
    local key = land:key "secret"
    local helper <close> = process.start(command(land, key, "call", "/http/orders", "-d", "x"))
    process.wait_for("the call to arrive", function()
      return land.sb:counters().requests.runtime > 0
    end)
    local line = assert(process.read(("/proc/%d/cmdline"):format(helper.pid)))
    assert.is_truthy(line:find("call", 1, true))
    assert_none(secrets_of(key), line, "the command line")
    seen.done = true
    assert.equal(0, helper:wait().code)
  end))

  it("and one that the user puts there is refused", async(function()
    local land <close> = landscape.open()
    local key = land:key "secret"
    for _, words in ipairs { { "-H", "Authorization: Bearer abc" },
                             { "--proxy", "http://joe:geheim@127.0.0.1:1" } } do
      local all = command(land, key, "call", "/http/orders", "-d", "x")
      table.move(words, 1, 2, #all + 1, all)
      local result = process.run(all)
      assert.equal(2, result.code)
      assert.is_nil(result.err:find("geheim", 1, true))
    end
    assert.equal(0, land.sb:counters().token_requests)
  end))
end)

describe("the token cache on disk", function()
  it("is readable by its owner alone and holds no token in clear", async(function()
    local land <close> = landscape.open()
    local key = land:key "secret"
    local words = command(land, key, "token", "--json")
    local result = process.run(words)
    assert.equal(0, result.code, result.err)
    local token = json.decode(result.out).access_token
    local list = process.run { "find", land.dir:file "cache", "-type", "f" }.out
    local files = 0
    for path in list:gmatch "[^\n]+" do
      files = files + 1
      assert.equal("600", process.run({ "stat", "-c", "%a", path }).out:match "%d+")
      assert_none({ token, token:match "%.([^.]+)%.", key.oauth.clientsecret }, process.read(path),
        path)
    end
    assert.is_true(files > 0)
  end))
end)
