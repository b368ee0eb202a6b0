-- The log: one line an event, and no secret in it whatever the line is made of.
local log = require("iflow.core").log

local before

before_each(function()
  before = log.level "trace"
  log.capture(true)
end)

after_each(function()
  log.capture(false)
  log.level(before)
end)

-- The text of a line after its time, level and module.
local function written(text)
  log.captured()
  log.write("info", "spec", text)
  return (log.captured():gsub("^%S+ info  spec:        ", ""):gsub("\n$", ""))
end

local function same(expected, text) assert.equal(expected, written(text), text) end

describe("a log line", function()
  it("has time, level and module", function()
    log.write("warn", "net", "hello")
    assert.is_truthy(log.captured():find(
      "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ warn  net:         hello\n$"))
  end)

  it("is written when its level is on", function()
    log.level "warn"
    log.write("info", "net", "no")
    log.write("warn", "net", "yes")
    log.write("error", "net", "yes")
    assert.equal(2, select(2, log.captured():gsub("yes\n", "")))
  end)

  it("is one line, and nothing a terminal obeys", function()
    same([[a\r\nb\u001b[31mc]], "a\r\nb\27[31mc")
    same([[a\u0000\u0001\u007f\u009bb]], "a\0\1\127\194\155b")
    same("a\u{FFFD}b", "a\155b")
    same("ä", "ä\n\n")
  end)

  it("is cut when it is long, and a cut secret is still one", function()
    local line = written(("x"):rep(8000) .. " Authorization: Bearer " .. ("secret"):rep(1000))
    assert.is_true(#line < 8192)
    assert.is_nil(line:find "secret")
  end)
end)

describe("in a log line there is no", function()
  it("header with credentials", function()
    same("Authorization: ***", "Authorization: Basic dXNlcjpwYXNz")
    same("authorization:***", "authorization:Bearer abc")
    same("Proxy-Authorization: ***", "Proxy-Authorization: Basic eDp5")
    same("Cookie: ***", "Cookie: JSESSIONID=abc; __VCAP_ID__=def")
    same("Set-Cookie: ***", "Set-Cookie: JSESSIONID=abc; Path=/; HttpOnly")
    same("X-CSRF-Token: ***", "X-CSRF-Token: 1234abcd")
  end)

  it("header with credentials among others", function()
    same([[GET / HTTP/1.1\r\nHost: a\r\nAUTHORIZATION: ***\r\nAccept: */*]],
      "GET / HTTP/1.1\r\nHost: a\r\nAUTHORIZATION: Bearer abc\r\nAccept: */*\r\n\r\n")
    same([[Cookie: ***\r\nHost: a]], "Cookie: a=b;\r\n\tc=d\r\nHost: a")
    same('headers["Authorization"] = ***', 'headers["Authorization"] = "Basic abc"')
  end)

  it("secret of a form", function()
    same("grant_type=client_credentials&client_secret=***&client_id=sb-1",
      "grant_type=client_credentials&client_secret=a%24b%3D&client_id=sb-1")
    same("username=u&password=***", "username=u&password=hunter2")
    same("client_assertion=***&assertion=***", "client_assertion=abc.def&assertion=xyz")
    same("https://a/b?access_token=***&x=1", "https://a/b?access_token=abcdef&x=1")
    same('proxy_password = "***"', 'proxy_password = "hunter 2"')
  end)

  it("secret of a JSON document", function()
    same('{"access_token":"***","token_type":"bearer","expires_in":3599}',
      '{"access_token":"abc","token_type":"bearer","expires_in":3599}')
    same('"clientid": "sb-1", "clientsecret" : "***", "url": "u"',
      '"clientid": "sb-1", "clientsecret" : "a$b=", "url": "u"')
    same('{"client_secret":"***","key":"***","password":"***","z":1}',
      [[{"client_secret":"aa\"b","key":"cc\\","password":"ddd","z":1}]])
    same('{"password": ***, "z": 1}', '{"password": 12345, "z": 1}')
    same('{"KEY":"***', '{"KEY":"abc')
    same('{"key":{"password":"***"}}', '{"key":{"password":"abc"}}')
  end)

  it("secret of a JSON document inside a string", function()
    same([[{"body":"{\"clientsecret\":\"***\",\"x\":1}"}]],
      [[{"body":"{\"clientsecret\":\"a\\\"b$c=\",\"x\":1}"}]])
  end)

  it("password of a URL", function()
    same("proxy http://***@proxy:8080/", "proxy http://user:hunter2@proxy:8080/")
    same("http://***@proxy/", "http://user:h@nter:2@proxy/")
    same("http://***@proxy/", "http://user:hun/ter2@proxy/")
    same("https://***@host", "https://token@host")
    same("curl -x ***@proxy:3128", "curl -x user:hunter2@proxy:3128")
  end)

  it("token, wherever it stands", function()
    local jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzYi0xIn0.c2lnbmF0dXJl-_x"
    same("got *** now", "got " .. jwt .. " now")
    same("t=*** Bearer%20***", "t=" .. jwt .. " Bearer%20" .. jwt)
    same("cut ***", "cut " .. jwt:sub(1, 30))
    same("pretty ***", "pretty ewogICJhbGciOiAiUlMyNTYiCn0.eyJzdWIiOiJzYi0xIn0.c2ln")
    same("with Bearer *** end", "with Bearer 0123456789abcdef0123456789abcdef end")
    same("with Basic *** end", "with Basic dXNlcjpwYXNz end")
  end)

  it("private key", function()
    local body = "\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n"
    for _, label in ipairs { "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY",
      "ENCRYPTED PRIVATE KEY" } do
      local line = written("key -----BEGIN " .. label .. "-----" .. body .. "-----END " .. label
        .. "----- after")
      assert.is_nil(line:find("MII", 1, true))
      assert.is_truthy(line:find(" after", 1, true))
      assert.is_nil(written("-----BEGIN " .. label .. "-----" .. body):find("MII", 1, true))
      assert.is_nil(written("-----BEGIN " .. label .. "-----\\nMIIEvQ\\n"):find("MII", 1, true))
    end
  end)
end)

describe("in a log line there stays", function()
  it("what is no secret", function()
    for _, text in ipairs {
      "call.in_doubt: no answer from https://acme.it-cpi001-rt.cfapps.eu10.example.com/http/orders",
      "token_type=bearer scope=it-rt-acme!b815.ESBMessaging.send",
      "at 12:30:15 host ewm-production-system.acme.example:443",
      "Basic authentication is used, the bearer method is off",
      "token server says: Bad credentials (token.rejected)",
      "client secret:1f3a9c02, fingerprint ab12cd34",
      "-----BEGIN CERTIFICATE----- MIIB -----END CERTIFICATE-----",
      'subject "CN=sender, O=Example SE", mail a@b.example', "https://a.example/x?mail=a@b.example",
      '{"keys":["a"],"tokenurl":"https://a.example/oauth/token","clientid":"sb-1!b2"}',
    } do same(text, text) end
  end)

  it("a short secret's length at most", function()
    same("password=*", "password=x")
    same("password=**&a=1", "password=xy&a=1")
    same("password=&a=1", "password=&a=1")
  end)
end)

describe("fields of an event", function()
  local json = require "iflow.json"

  local function event(text, fields)
    log.captured()
    log.write("warn", "sender", text, fields)
    return log.captured()
  end

  after_each(function() log.format "text" end)

  it("stand behind the text: those of events in their order, then the others", function()
    local line = event("rejected", { status = 400, sender = "orders", id = "a b", again = false,
      empty = "", quoted = '"=\n', event = "rejected", attempt = 2 })
    assert.is_truthy(line:find(' warn  sender:      rejected sender=orders id="a b" attempt=2 '
      .. 'status=400 again=false empty="" quoted="\\"=\\n"\n$'))
  end)

  it("are members of an object in JSON", function()
    log.format "json"
    local line = event('a "text" \\ with \xff', { status = 400, id = "x\ny", fine = true,
      nan = 0 / 0 })
    local value = assert(json.decode(line))
    assert.is_truthy(value.time:find "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$")
    value.time, value.nan = nil, nil
    assert.same({ level = "warn", module = "sender", message = 'a "text" \\ with \u{FFFD}',
      status = 400, id = "x\ny", fine = true }, value)
  end)

  it("have no secrets in them, in either form", function()
    for _, format in ipairs { "text", "json" } do
      log.format(format)
      local line = event("x", { header = "Authorization: Bearer abcdef", url = "https://u:pw@h/" })
      assert.is_nil(line:find "abcdef")
      assert.is_nil(line:find "pw@")
    end
  end)

  it("are in colours on a terminal, and what it obeys is escaped there, too", function()
    log.format "color"
    local line = event("a\27[2J", { sender = "b\27[2J" })
    assert.equal(2, select(2, line:gsub("\\u001b%[2J", "")))
    assert.is_truthy(line:find "^\27%[2m%S+\27%[0m \27%[33mwarn \27%[0m sender: ")
    assert.is_truthy(line:find "\27%[0m\n$")
  end)

  it("are cut and left out, and the line stays whole", function()
    log.format "json"
    local fields = {}
    for i = 1, 20 do fields[("f"):rep(i)] = ("\xff"):rep(10000) end
    local value = assert(json.decode(event(("\xff"):rep(10000), fields)))
    assert.is_true(#value.message > 8000)
    local count = 0
    for name, text in pairs(value) do
      if name:find "^f+$" then count = count + #text end
    end
    assert.equal(16 * 512 * #"\u{FFFD}", count)
    assert.is_truthy(event(("\1"):rep(10000), { fine = "yes" }):find '"fine":"yes"}\n$')
  end)

  it("are plain values with plain names", function()
    assert.has_error(function() log.write("warn", "net", "x", { ["a b"] = 1 }) end)
    assert.has_error(function() log.write("warn", "net", "x", { a = {} }) end)
    assert.has_error(function() log.write("warn", "net", "x", { [1] = "a" }) end)
    assert.has_error(function() log.write("warn", 'n"et', "x") end)
  end)

  it("follow the priority of systemd's journal", function()
    log.format("text", true)
    assert.is_truthy(event("x"):find "^<4>%d")
    log.format("json", true)
    assert.is_truthy(event("x"):find "^<4>{")
  end)
end)

describe("the level of a module", function()
  it("is its own", function()
    log.level "warn"
    log.level("debug", "spec_chatty")
    assert.is_true(log.enabled("debug", "spec_chatty"))
    assert.is_false(log.enabled("debug", "net"))
    assert.is_false(log.enabled "debug")
    log.captured()
    log.write("debug", "net", "no")
    log.write("debug", "spec_chatty", "yes")
    log.level("error", "spec_chatty")
    log.write("warn", "spec_chatty", "no")
    assert.is_truthy(log.captured():find "^%S+ debug spec_chatty: yes\n$")
  end)
end)
