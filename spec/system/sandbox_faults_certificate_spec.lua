-- Faults in what a host shows of itself: an expired certificate, one with another name.
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"

local WORDS = { expired = "tls.server_expired", ["wrong-name"] = "tls.wrong_name" }

local function call(tenant)
  local answer, err = tenant:call { to = "/http/orders", body = "x" }
  if answer then return answer.outcome end
  return err.outcome, err.code
end

-- What curl says, which is 0 or 60 for a certificate.
local function curl(land, kind)
  return process.run({ "curl", "-sS", "-o", "/dev/null", "--max-time", "50", "--cacert",
                       land.cacert, land.sb.endpoints[kind] }).code
end

describe("a certificate that", function()
  for word, code in pairs(WORDS) do
    it("is " .. word .. " at the runtime is seen by everybody, until it is good again", async(
      function()
        local land <close> = landscape.open()
        local tenant <close> = assert(iflow.tenant(land:tenant_options "secret"))
        assert.equal("delivered", call(tenant)) -- its connection stays open
        assert(land.sb:fault("runtime:certificate=" .. word))
        assert.same({ "rejected", code }, { call(tenant) })
        assert.equal(60, curl(land, "runtime"))
        assert.equal(1, land.sb:clear_faults())
        assert.equal("delivered", call(tenant))
        assert.equal(0, curl(land, "runtime"))
        assert.equal(2, land.sb:counters().flows.orders)
      end))

    for _, kind in ipairs { "token", "token_cert" } do
      it("is " .. word .. " at " .. kind, async(function()
        local land <close> = landscape.open()
        assert(land.sb:fault(kind .. ":certificate=" .. word))
        local tenant <close> = assert(iflow.tenant(land:tenant_options(
          kind == "token" and "secret" or "certificate")))
        assert.same({ "rejected", code }, { call(tenant) })
        assert.is_nil(land.sb:counters().flows.orders)
        assert.same({ 60, 0 }, { curl(land, kind), curl(land, "runtime") })
      end))
    end
  end

  it("is shown for a while", async(function()
    local land <close> = landscape.open()
    assert(land.sb:fault "runtime:certificate@from=500ms")
    assert.equal(0, land.sb:faults()[1].happened)
    process.wait_for("the expired one", function() return curl(land, "runtime") == 60 end)
    assert.equal(1, land.sb:faults()[1].happened)
    land.sb:clear_faults()
    assert(land.sb:fault "runtime:certificate@from=100ms,until=500ms")
    process.wait_for("the expired one", function() return land.sb:faults()[1].happened == 1 end)
    process.wait_for("the good one", function() return curl(land, "runtime") == 0 end)
    assert(land.sb:fault "token:certificate@until=1h")
    assert(land.sb:fault "token_cert:certificate@from=1h")
    assert.equal(60, curl(land, "token")) -- and closing ends all of it
  end))

  it("is one at a host", async(function()
    local land <close> = landscape.open()
    assert(land.sb:fault "runtime:certificate")
    local _, err = land.sb:fault "runtime:certificate=wrong-name"
    assert.equal("usage.invalid", err.code)
    assert(land.sb:fault "token:certificate=wrong-name")
    assert.equal(1, land.sb:clear_faults(1))
    assert(land.sb:fault "runtime:certificate=wrong-name")
    assert.same({ 60, 60 }, { curl(land, "runtime"), curl(land, "token") })
  end))

  it("changes while calls are under way: these are answered", async(function()
    local go
    local land <close> = landscape.open { process = function()
      repeat core.task.sleep(0.02) until go
      return 200, {}, "late"
    end }
    local tenant <close> = assert(iflow.tenant(land:tenant_options "secret"))
    local running = core.task.spawn(function()
      return assert(tenant:call { to = "/http/orders", body = "x" }).body
    end)
    process.wait_for("the flow", function() return land.sb:counters().flows.orders end)
    assert(land.sb:fault "runtime:certificate")
    go = true
    assert.equal("late", running:join())
    assert.same({ "rejected", "tls.server_expired" }, { call(tenant) })
  end))
end)
