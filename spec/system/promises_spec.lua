-- Counted by the sandbox: how many token requests really were made, and how often a flow ran.
local async = require "spec.support.async"
local iflow = require "iflow"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"

describe("single flight", function()
  it("1,000 coroutines on a cold cache make one token request", async(function()
    local land <close> = landscape.open()
    local tenant <close> = assert(iflow.tenant(land:tenant_options "secret"))
    local tokens, jobs = {}, {}
    for i = 1, 1000 do
      jobs[i] = function() tokens[i] = assert(tenant:token()).access:reveal() end
    end
    assert(iflow.all(jobs, { limit = 1000 }))
    assert.equal(1, land.sb:counters().token_requests)
    for i = 1, 1000 do assert.equal(tokens[1], tokens[i]) end
  end))

  it("20 processes with an empty disk cache make one token request", async(function()
    local land <close> = landscape.open()
    local key = land:key "secret"
    local helpers, tokens = {}, {}
    for i = 1, 20 do
      helpers[i] = process.start {
        process.iflow, "token", "--service-key", key.path, "--cacert", land.cacert,
        env = { XDG_CACHE_HOME = land.dir:file "cache" },
      }
    end
    for i = 1, 20 do
      local result = helpers[i]:wait()
      assert.equal(0, result.code, result.err)
      tokens[i] = result.out
      helpers[i]:stop()
    end
    for i = 2, 20 do assert.equal(tokens[1], tokens[i]) end
    assert.equal(1, land.sb:counters().token_requests)
  end))
end)

describe("in the middle of a run", function()
  it("a token that became worthless is repaired within one call", async(function()
    local land <close> = landscape.open()
    local tenant <close> = assert(iflow.tenant(land:tenant_options "certificate"))
    assert(tenant:call { to = "/http/orders", body = "1" })
    assert(land.sb:rotate_signing_key())
    local answer = assert(tenant:call { to = "/http/orders", body = "2" })
    assert.equal(1, answer.repairs)
    assert.equal(2, land.sb:counters().flows.orders)
  end))

  it("a revoked key is refused within one call", async(function()
    local land <close> = landscape.open()
    local tenant <close> = assert(iflow.tenant(land:tenant_options "secret"))
    assert(tenant:call { to = "/http/orders", body = "1" })
    assert(land.sb:delete_key("orders", "secret"))
    assert(land.sb:rotate_signing_key())
    local before = land.sb:counters().requests.runtime
    local answer, err = tenant:call { to = "/http/orders", body = "2" }
    assert.is_nil(answer)
    assert.equal("token.rejected", err.code)
    assert.equal("rejected", err.outcome)
    assert.equal(before + 1, land.sb:counters().requests.runtime)
    assert.equal(1, land.sb:counters().flows.orders)
  end))
end)

describe("a flow that answers by itself", function()
  for _, status in ipairs { 401, 403 } do
    it(status .. " runs exactly once", async(function()
      local land <close> = landscape.open { csrf = true, process = function()
        return status, { ["X-CSRF-Token"] = status == 403 and "required" or nil }, "no"
      end }
      local tenant <close> = assert(iflow.tenant(land:tenant_options "secret"))
      local answer, err = tenant:call { to = "/http/orders", body = "x" }
      assert.is_nil(answer)
      assert.equal(status, err.status)
      assert.equal("rejected", err.outcome)
      assert.is_truthy(err.message_id)
      assert.equal(1, land.sb:counters().flows.orders)
    end))
  end
end)

describe("two identities that call one host", function()
  it("never share a connection: the server sees the right certificate each time", async(function()
    local callers = {}
    local land <close> = landscape.open { process = function(exchange)
      callers[#callers + 1] = exchange.headers.ssl_client_user
      return 200, {}, "x"
    end }
    local one <close> = assert(iflow.tenant(land:tenant_options "certificate"))
    local two <close> = assert(iflow.tenant(land:tenant_options "external"))
    for _ = 1, 5 do
      for _, tenant in ipairs { one, two } do
        assert(tenant:call { to = "/http/orders", body = "x", auth = "certificate" })
      end
    end
    assert.equal(10, #callers)
    assert.not_equal(callers[1], callers[2])
    for i = 3, 10 do assert.equal(callers[i - 2], callers[i]) end
  end))
end)
