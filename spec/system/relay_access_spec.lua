-- Who may use a relay: API keys, TLS and client certificates, web pages, Host fields.
local async = require "spec.support.async"
local core = require "iflow.core"
local json = require "iflow.json"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local raw = require "spec.support.raw_client"
local relay = require "spec.support.relay"

local KEY, OTHER = "0123456789abcdef-first", "0123456789abcdef-other"

local function key_file(dir, name, key, mode)
  local path = dir:file(name)
  assert(core.file.write(path, key .. "\n", mode or "0600"))
  return path
end

describe("a relay with an API key", function()
  it("wants one of its keys, in either header, and logs none", async(function()
    local dir <close> = process.tempdir()
    local place <close> = relay.open { relay = { headers = { "*" },
      api_key_file = { key_file(dir, "a", KEY), key_file(dir, "b", OTHER) } } }
    local function status(headers) return place:post({ headers = headers }).status end
    local none = place:post {}
    assert.same({ 401, "Bearer" }, { none.status, none.headers["www-authenticate"] })
    assert.equal(401, status { ["X-API-Key"] = "0123456789abcdef-wrong" })
    assert.equal(401, status { ["X-API-Key"] = KEY .. "x" })
    assert.equal(401, status { ["X-API-Key"] = "" })
    assert.equal(401, status { ["X-API-Key"] = { KEY, KEY } })
    assert.equal(401, status { Authorization = "Basic " .. KEY })
    assert.equal(0, place.service.box:counts().messages)
    assert.equal(202, status { ["X-API-Key"] = KEY })
    assert.equal(202, status { ["X-API-Key"] = OTHER })
    assert.equal(202, status { Authorization = "bearer " .. OTHER })
    place:wait_received(3)
    for _, seen in ipairs(place.received) do
      assert.is_nil(seen.headers["x-api-key"])
      assert.is_nil(tostring(seen.headers.authorization):find(OTHER, 1, true))
    end
    local log = place.log()
    assert.is_truthy(log:find("refused with 401: api_key_refused", 1, true))
    for _, key in ipairs { KEY, OTHER, "wrong" } do assert.is_nil(log:find(key, 1, true)) end
  end))

  it("does not start when others may read the key, or it is short or not there", async(function()
    local dir <close> = process.tempdir()
    for code, path in pairs {
      ["usage.invalid"] = key_file(dir, "open", KEY, "0640"),
      ["file.not_found"] = dir:file "none",
    } do
      local place <close> = relay.open { relay = { api_key_file = path }, stopped = true }
      local ok, err = place.service:start()
      assert.same({ nil, code }, { ok, err.code })
      assert.is_nil(tostring(err):find(KEY, 1, true))
    end
    local place <close> = relay.open { stopped = true,
      relay = { api_key_file = key_file(dir, "short", "secret") } }
    local _, err = place.service:start()
    assert.equal("usage.invalid", err.code)
    assert.is_nil(tostring(err):find "secret")
  end))
end)

describe("a relay with TLS", function()
  local function files(dir)
    local ca = pki.authority(dir, "Root")
    return { ca = ca, server = ca:issue { name = "server", usage = "serverAuth",
      sans = "DNS:localhost,IP:127.0.0.1" } }
  end

  local function curl(place, made, client, ...)
    local words = { "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "50",
      "--cacert", made.ca.cert, "-d", "x", ... }
    if client then
      for _, word in ipairs { "--cert", client.cert, "--key", client.key } do
        words[#words + 1] = word
      end
    end
    words[#words + 1] = ("https://localhost:%d/orders"):format(place.port)
    return process.run(words).out
  end

  it("speaks HTTPS only", async(function()
    local dir <close> = process.tempdir()
    local made = files(dir)
    local place <close> = relay.open { relay = { cert = made.server.cert,
      key = made.server.key } }
    assert.equal("202", curl(place, made))
    assert.is_nil((place:post {}))
  end))

  it("takes certificate and key from elsewhere", async(function()
    local dir <close> = process.tempdir()
    local made = files(dir)
    local pass = dir:write("pass", "open sesame\n")
    local locked = dir:file "locked.key"
    assert(process.run { "openssl", "pkcs8", "-topk8", "-in", made.server.key, "-out", locked,
      "-passout", "file:" .. pass }.code == 0)
    local function cat(path) return "command:cat " .. process.quote(path) end
    for _, wanted in ipairs {
      { cert = cat(made.server.cert), key = made.server.key },
      { cert = made.server.cert, key = cat(made.server.key) },
      { cert = made.server.cert, key = cat(locked), pass_file = cat(pass) },
    } do
      local place <close> = relay.open { relay = wanted }
      assert.equal("202", curl(place, made))
    end
    for _, name in ipairs { "cert", "key", "pass_file" } do
      local wanted = { cert = made.server.cert, key = made.server.key }
      wanted[name] = "credential:none"
      local place <close> = relay.open { relay = wanted, stopped = true }
      local started, err = place.service:start()
      assert.is_nil(started)
      assert.equal("usage.invalid", err.code)
    end
  end))

  it("lets in clients whose certificate its authority made for clients", async(function()
    local dir <close> = process.tempdir()
    local made, stranger = files(dir), pki.authority(dir, "Stranger")
    local place <close> = relay.open { relay = { cert = made.server.cert, key = made.server.key,
      client_ca = made.ca.cert } }
    local function issue(ca, name, usage) return ca:issue { name = name, usage = usage } end
    assert.equal("202", curl(place, made, issue(made.ca, "till", "clientAuth")))
    assert.equal("403", curl(place, made))
    assert.equal("403", curl(place, made, issue(stranger, "thief", "clientAuth")))
    assert.equal("000", curl(place, made, issue(made.ca, "no client", "serverAuth")))
    assert.equal("000", curl(place, made, issue(made.ca, "no usage")))
  end))

  it("may want certain subjects, and an API key besides", async(function()
    local dir <close> = process.tempdir()
    local made = files(dir)
    local till = made.ca:issue { name = "till", usage = "clientAuth" }
    local other = made.ca:issue { name = "other", usage = "clientAuth" }
    local subject = core.cert.read(till.cert).certificates[1].subject
    local place <close> = relay.open { relay = { cert = made.server.cert, key = made.server.key,
      client_ca = made.ca.cert, subjects = { subject }, api_key_file = key_file(dir, "k", KEY) } }
    assert.equal("202", curl(place, made, till, "-H", "X-API-Key: " .. KEY))
    assert.equal("401", curl(place, made, till))
    assert.equal("403", curl(place, made, other, "-H", "X-API-Key: " .. KEY))
    assert.equal("403", curl(place, made, nil, "-H", "X-API-Key: " .. KEY))
  end))

  it("tells the function that chooses the sender who it is", async(function()
    local dir <close> = process.tempdir()
    local made, seen = files(dir), nil
    local till = made.ca:issue { name = "till", usage = "clientAuth" }
    local place <close> = relay.open { relay = { cert = made.server.cert, key = made.server.key,
      client_ca = made.ca.cert, sender = function(request)
        seen = request.subject
        return "orders"
      end } }
    assert.equal("202", curl(place, made, till))
    assert.is_truthy(seen:find("till", 1, true))
  end))

  it("does not start without its files", async(function()
    local dir <close> = process.tempdir()
    local made = files(dir)
    for _, options in ipairs {
      { cert = dir:file "none" }, { cert = made.server.cert, key = dir:file "none" },
      { cert = made.server.cert, key = made.server.key, client_ca = made.server.key },
      { cert = made.server.cert, key = made.server.key, pass_file = dir:file "none" },
    } do
      local place <close> = relay.open { relay = options, stopped = true }
      local ok, err = place.service:start()
      assert.is_nil(ok)
      assert.is_string(err.code)
    end
  end))
end)

describe("a relay and web pages", function()
  local function from(origin, more)
    local headers = { Origin = origin }
    for name, value in pairs(more or {}) do headers[name] = value end
    return headers
  end
  local ASK = { ["Access-Control-Request-Method"] = "POST",
    ["Access-Control-Request-Headers"] = "content-type,x-api-key" }

  it("refuses every origin by default", async(function()
    local place <close> = relay.open()
    for _, origin in ipairs { "http://evil.example", "null", "http://127.0.0.1" } do
      local got = place:post { headers = from(origin) }
      assert.equal(403, got.status)
      assert.is_nil(got.headers["access-control-allow-origin"])
    end
    assert.equal(403, place:post { method = "OPTIONS", body = "",
      headers = from("http://evil.example", ASK) }.status)
    assert.equal(405, place:post { method = "OPTIONS", body = "" }.status)
    assert.equal(0, place.service.box:counts().messages)
  end))

  it("lets in those it is told to, with a preflight", async(function()
    local dir <close> = process.tempdir()
    local page = "https://intranet.example"
    local place <close> = relay.open { relay = { origins = { page },
      api_key_file = key_file(dir, "k", KEY) } }
    local asked = place:post { method = "OPTIONS", body = "", headers = from(page, ASK) }
    assert.same({ 204, page, "POST", "content-type,x-api-key", "Origin" }, { asked.status,
      asked.headers["access-control-allow-origin"], asked.headers["access-control-allow-methods"],
      asked.headers["access-control-allow-headers"], asked.headers.vary })
    local posted = place:post { headers = from(page, { ["X-API-Key"] = KEY }) }
    assert.same({ 202, page }, { posted.status, posted.headers["access-control-allow-origin"] })
    assert.equal("*", posted.headers["access-control-expose-headers"])
    assert.equal(401, place:post { headers = from(page) }.status)
    assert.equal(403, place:post { headers = from(page .. ".evil", { ["X-API-Key"] = KEY }) }
      .status)
  end))

  it("refuses a Host that is not its own", async(function()
    local place <close> = relay.open { relay = { hosts = { "edi.example" } } }
    for host, status in pairs {
      ["evil.example"] = 421, ["127.0.0.1.evil.example"] = 421, ["192.168.1.1"] = 421,
      ["localhost"] = 202, ["LOCALHOST:1"] = 202, ["127.0.0.1:9"] = 202, ["edi.example:80"] = 202,
    } do
      local got = place:curl("/orders", "-H", "Host: " .. host, "-d", "x")
      assert.same({ host, status }, { host, got.status })
    end
    assert.equal("400", raw(place.port, [[print(statuses(ask(
      b"POST http://evil.example/orders HTTP/1.1\r\nHost: localhost\r\n"
      b"Content-Length: 1\r\nConnection: close\r\n\r\nx")))]]))
  end))
end)

describe("answers of a relay", function()
  it("are JSON that says what is wrong", async(function()
    local place <close> = relay.open()
    local got = place:curl("/orders%zz", "-d", "x")
    assert.equal(400, got.status)
    assert.equal("string", type(json.decode(got.body).error))
  end))
end)
