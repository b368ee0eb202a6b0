-- Through proxies, and to addresses of every kind.
local core = require "iflow.core"
local async = require "spec.support.async"
local process = require "spec.support.process"
local wire = require "spec.support.wire"

local FINE = { "send", wire.answer "fine" }
local OPEN = { "send", "HTTP/1.1 200 Connection established\r\n\r\n" }

describe("a proxy", function()
  local function through(proxy, options)
    local o = { url = "http://far.example:8080/path", proxy = proxy }
    for k, v in pairs(options or {}) do o[k] = v end
    return core.http.request(o)
  end

  it("gets a CONNECT, and the name to resolve", async(function()
    local proxy <close> = wire.start { { { "head" }, OPEN, { "head" }, FINE } }
    assert.equal("fine", assert(through(proxy.url)).body)
    local read = proxy:connections(1)[1].read
    assert.matches("^CONNECT far%.example:8080 HTTP/1%.1\r\n", read)
    assert.matches("\r\n\r\nGET /path HTTP/1%.1\r\nHost: far%.example:8080\r\n", read)
  end))

  it("gets user and password, by option or in its URL; the server does not", async(function()
    local proxy <close> = wire.start { { { "head" }, OPEN, { "head" }, FINE } }
    assert(through(proxy.url, { proxy_userpwd = core.secret.new "me:secret" }))
    assert(through((proxy.url:gsub("//", "//me:secret@"))))
    for _, c in ipairs(proxy:connections(2)) do
      local connect, request = c.read:match "^(.-\r\n\r\n)(.*)$"
      assert.matches("Proxy%-Authorization: Basic " .. core.crypto.base64 "me:secret", connect)
      assert.is_nil(request:match "Authorization")
    end
  end))

  it("that wants other credentials has a code of its own, and no password in the text",
    async(function()
      local proxy <close> = wire.start { { { "head" }, { "send",
        "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n" } } }
      local answer, err = through((proxy.url:gsub("//", "//me:hunter2@")))
      assert.is_nil(answer)
      assert.equal("net.proxy_auth", err.code)
      assert.equal("nothing", err.sent)
      assert.is_nil((err.message .. (err.hint or "")):find("hunter2", 1, true))
    end))

  it("that refuses, fails, is not there or has no name", async(function()
    local refusing <close> = wire.start { { { "head" },
      { "send", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n" } } }
    local closing <close> = wire.start { { { "head" }, { "close" } } }
    local port = process.free_port()
    for _, proxy in ipairs { refusing.url, closing.url, "http://127.0.0.1:" .. port,
      "http://nobody.invalid:3128" } do
      local answer, err = through(proxy)
      assert.is_nil(answer)
      assert.equal("net.proxy", err.code)
      assert.equal("nothing", err.sent)
      assert.is_true(err.retryable)
    end
  end))

  it("comes from the environment, where no_proxy excepts hosts", async(function()
    local proxy <close> = wire.start { { { "head" }, OPEN, { "head" }, FINE } }
    local direct <close> = wire.start { { { "head" }, { "send", wire.answer "direct" } } }
    local script = [[
      local core = require "iflow.core"
      print(core.task.run(function()
        local function get(url, proxy)
          return assert(core.http.request { url = url, proxy = proxy }).body
        end
        return get("http://far.example/"), get(arg[1]), get(arg[1], "")
      end))]]
    local dir <close> = process.tempdir()
    local run = process.run { process.lua, dir:write("get.lua", script), direct.url,
      env = { http_proxy = proxy.url, no_proxy = "127.0.0.1" } }
    assert.equal("fine\tdirect\tdirect\n", run.out)
  end))

  it("of kind SOCKS5 is spoken to", async(function()
    local host = "far.example"
    local proxy <close> = wire.start { { { "body", 3 }, { "send", "\5\0" },
      { "body", 4 + 1 + #host + 2 }, { "send", "\5\0\0\1\0\0\0\0\0\0" }, { "head" }, FINE } }
    local url = ("socks5h://127.0.0.1:%d"):format(proxy.port)
    assert.equal("fine", assert(through(url)).body)
    local refusing <close> = wire.start { { { "body", 3 }, { "send", "\5\0" },
      { "body", 4 + 1 + #host + 2 }, { "send", "\5\5\0\1\0\0\0\0\0\0" }, { "close" } } }
    local answer, err = through(("socks5h://127.0.0.1:%d"):format(refusing.port))
    assert.is_nil(answer)
    assert.equal("net.proxy", err.code)
    local asking <close> = wire.start { { { "body", 3 }, { "send", "\5\255" }, { "close" } } }
    answer, err = through(("socks5h://127.0.0.1:%d"):format(asking.port))
    assert.is_nil(answer)
    assert.equal("net.proxy_auth", err.code)
  end))
end)

describe("an address", function()
  local function get(url, options)
    local o = { url = url }
    for k, v in pairs(options or {}) do o[k] = v end
    return core.http.request(o)
  end

  it("of IPv6 works", async(function()
    local server <close> = wire.start({ { { "head" }, FINE } }, { host = "::1" })
    assert.equal("fine", assert(get(server.url)).body)
    assert.matches("\r\nHost: %[::1%]:%d+\r\n", server:connections(1)[1].read)
  end))

  it("under localhost is this machine, whichever family listens", async(function()
    for _, host in ipairs { "127.0.0.1", "::1" } do
      local server <close> = wire.start({ { { "head" }, FINE } }, { host = host })
      local url = ("http://acme-dev.it-cpi001-rt.localhost:%d/"):format(server.port)
      assert.equal("fine", assert(get(url)).body)
    end
  end))

  it("where nobody listens is told from a name that is none", async(function()
    local answer, err = get(("http://127.0.0.1:%d/"):format(process.free_port()))
    assert.is_nil(answer)
    assert.equal("net.connect", err.code)
    assert.equal("nothing", err.sent)
    answer, err = get "http://nobody.invalid/"
    assert.is_nil(answer)
    assert.equal("net.dns", err.code)
    assert.is_true(err.retryable)
  end))

  --- What a script prints that runs with the name server of spec/support/names.c.
  local function with_names(script, ...)
    local dir <close> = process.tempdir()
    local build = process.run { "cc", "-D_GNU_SOURCE", "-shared", "-fPIC",
      "-o", dir:file "names.so", "spec/support/names.c", "-ldl" }
    assert(build.code == 0, build.err)
    local run = process.run { process.lua, dir:write("script.lua", script), ...,
      env = { LD_PRELOAD = dir:file "names.so",
              ASAN_OPTIONS = "verify_asan_link_order=0:detect_leaks=0" } }
    assert(run.code == 0, run.err)
    return run.out
  end

  it("whose name takes long to resolve blocks neither the loop nor the end",
    function()
      local out = with_names [[
        local core = require "iflow.core"
        core.task.run(function()
          local start = core.task.monotonic()
          local function get(timeout)
            return core.http.request { url = "http://slow.example:1/", connect_timeout = timeout }
          end
          local task = core.task.spawn(get, 60)
          core.task.sleep(0.05)
          task:cancel()
          local _, err = get(0.2)
          print(err.code, core.task.monotonic() - start < 30)
        end)]]
      assert.equal("net.dns_timeout\ttrue\n", out)
    end)

  it("with several addresses is reached by the one that works", async(function()
    local server <close> = wire.start { { { "head" }, FINE } }
    local out = with_names(([[
      local core = require "iflow.core"
      core.task.run(function()
        print(assert(core.http.request { url = "http://two.example:%d/" }).body)
      end)]]):format(server.port))
    assert.equal("fine\n", out)
  end))
end)
