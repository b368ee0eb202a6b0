-- A server that stops answering (kill -STOP) at each point of a call: what was sent decides whether
-- the message is in doubt or may be repeated.
local async = require "spec.support.async"
local iflow = require "iflow"
local json = require "iflow.json"
local process = require "spec.support.process"
local sandbox_client = require "iflow.sandbox.client"

local flow = [[
return { name = "orders", address = "/orders", role = "ESBMessaging.send", csrf = false,
         process = function() return 200, {}, "fine" end }
]]

-- A sandbox in a process of its own, with a key; the helper takes signals.
local function start(dir)
  local home = dir:file "sandbox"
  local helper = process.start { process.iflow, "sandbox", "start", "--dir", home }
  process.wait_for("the sandbox", function() return process.read(home .. "/admin.token") end)
  local sb = assert(sandbox_client.open(home))
  assert(sb:create_instance { name = "orders" })
  assert(sb:deploy(dir:write("orders.lua", flow)))
  local key = assert(sb:create_key { instance = "orders", name = "k", type = "secret" })
  helper.options = {
    service_key = dir:write("key.json", assert(json.encode(key))), token_cache = false,
    cacert = home .. "/ca.pem",
  }
  return helper
end

-- A call that does not wait long.
local function short(call)
  call.to, call.connect_timeout, call.timeout, call.stall_timeout = "/http/orders", 1, 2, 1
  return call
end

-- 1 MiB pieces without end; on_piece(n) is told before the n-th.
local function endless(on_piece)
  local piece, n = ("x"):rep(1 << 20), 0
  return function()
    n = n + 1
    on_piece(n)
    return n <= 200 and piece or nil
  end
end

describe("a server that is stopped", function()
  it("while the connection is made: retryable", async(function()
    local dir <close> = process.tempdir()
    local server <close> = start(dir)
    local tenant <close> = assert(iflow.tenant(server.options))
    assert(tenant:token())
    server:signal "STOP"
    local answer, err = tenant:call(short { body = "x" })
    assert.is_nil(answer)
    assert.equal("net.connect_timeout", err.code)
    assert.equal("retryable", err.outcome)
    assert.is_true(err.retryable)
  end))

  it("while the body is sent: in doubt", async(function()
    local dir <close> = process.tempdir()
    local server <close> = start(dir)
    local tenant <close> = assert(iflow.tenant(server.options))
    local answer, err = tenant:call(short { csrf = false, body = endless(function(n)
      if n == 3 then server:signal "STOP" end
    end) })
    assert.is_nil(answer)
    assert.equal("call.in_doubt", err.code)
    assert.equal("in_doubt", err.outcome)
    assert.is_false(err.retryable)
  end))

  it("before it answers: in doubt", async(function()
    local dir <close> = process.tempdir()
    local server <close> = start(dir)
    local tenant <close> = assert(iflow.tenant(server.options))
    assert(tenant:call { to = "/http/orders", body = "x" })   -- now there is a connection
    server:signal "STOP"
    local answer, err = tenant:call(short { body = "x" })
    assert.is_nil(answer)
    assert.equal("in_doubt", err.outcome)
  end))

  it("before it answers a token request: worth a repetition", async(function()
    local dir <close> = process.tempdir()
    local server <close> = start(dir)
    server.options.connect_timeout, server.options.timeout = 1, 2
    local tenant <close> = assert(iflow.tenant(server.options))
    server:signal "STOP"
    local token, err = tenant:token()
    assert.is_nil(token)
    assert.is_true(err.retryable)
  end))

  it("and goes on in time: delivered", async(function()
    local dir <close> = process.tempdir()
    local server <close> = start(dir)
    local tenant <close> = assert(iflow.tenant(server.options))
    assert(tenant:token())
    server:signal "STOP"
    iflow.spawn(function()
      iflow.sleep(0.3)
      server:signal "CONT"
    end)
    assert.equal("delivered", assert(tenant:call { to = "/http/orders", body = "x" }).outcome)
  end))
end)
