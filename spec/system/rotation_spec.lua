-- Two credentials of a tenant, the current and the next one: which of them is used when, over real
-- TLS against a sandbox.
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"
local json = require "iflow.json"
local landscape = require "spec.support.landscape"

-- A secret key of the instance "orders" in a file.
local function secret_key(home, name)
  local document = assert(home.sb:create_key { instance = "orders", name = name, type = "secret" })
  return home.dir:write(name .. ".json", assert(json.encode(document)))
end

local function opened(home, current, following)
  return assert(iflow.tenant { service_key = current, next = following, cacert = home.cacert,
                               token_cache = false })
end

local function call(tenant) return tenant:call { to = "/http/orders", body = "1" } end

local function active(tenant) return tenant.rotation:status().active end

-- The key is gone, and with it what was issued for it.
local function end_key(home, name)
  assert(home.sb:delete_key("orders", name))
  assert(home.sb:rotate_signing_key { forced = true })
end

describe("the next credential", function()
  it("is used once it has proved itself", async(function()
    local home <close> = landscape.open()
    local a, b = secret_key(home, "a"), secret_key(home, "b")
    local tenant <close> = opened(home, a, { service_key = b })
    assert.equal("current", active(tenant))
    assert(call(tenant))
    assert.equal("next", active(tenant))
    end_key(home, "a")
    assert(call(tenant))
  end))

  it("waits while it is refused, or not there", async(function()
    local home <close> = landscape.open()
    local a, b = secret_key(home, "a"), secret_key(home, "b")
    assert(home.sb:delete_key("orders", "b"))
    for _, path in ipairs { b, home.dir:file "none.json" } do
      local tenant <close> = opened(home, a, { service_key = path })
      for _ = 1, 3 do assert(call(tenant)) end
      assert.equal("current", active(tenant))
    end
  end))

  it("waits for its time", async(function()
    local home <close> = landscape.open()
    local a, b = secret_key(home, "a"), secret_key(home, "b")
    local tenant <close> = opened(home, a, { service_key = b, from = core.task.now() + 3600 })
    assert(call(tenant))
    assert.equal("current", active(tenant))
    end_key(home, "a") -- earlier than that nothing else is left
    assert(call(tenant))
    assert.equal("next", active(tenant))
  end))

  it("leaves the field to the current one when it is refused later", async(function()
    local home <close> = landscape.open()
    local a, b = secret_key(home, "a"), secret_key(home, "b")
    local tenant <close> = opened(home, a, { service_key = b })
    assert(call(tenant))
    end_key(home, "b")
    assert(call(tenant))
    assert.equal("current", active(tenant))
  end))

  it("is all there is when the current one cannot be opened", async(function()
    local home <close> = landscape.open()
    local tenant <close> = opened(home, home.dir:file "gone.json",
      { service_key = secret_key(home, "b") })
    assert(call(tenant))
  end))

  it("never gives back what has one way only", async(function()
    local home <close> = landscape.open()
    local ca = home:authority()
    local function external(name)
      local own = ca:issue { name = name, usage = "clientAuth" }
      local document = assert(home.sb:create_key { instance = "orders", name = name,
        type = "external", x509 = assert(core.file.read(own.cert)) })
      return home.dir:write(name .. ".json", assert(json.encode(document))), own
    end
    local a, old = external "old"
    local b, new = external "new"
    local tenant <close> = assert(iflow.tenant { service_key = a, cert = old.cert, key = old.key,
      cacert = home.cacert, token_cache = false,
      next = { service_key = b, cert = new.cert, key = new.key, one_way = true,
               probe = { to = "/http/orders", auth = "certificate", body = "0" } } })
    assert(tenant:call { to = "/http/orders", auth = "certificate", body = "1" })
    assert.equal("next", active(tenant))
    end_key(home, "new")
    local answer, err = tenant:call { to = "/http/orders", auth = "certificate", body = "1" }
    assert.is_nil(answer)
    assert.equal("call.unauthorized", err.code)
    assert.equal("next", active(tenant))
  end))

  it("is not used by a check, which only looks at its files", async(function()
    local home <close> = landscape.open()
    local tenant <close> = opened(home, secret_key(home, "a"), { service_key = secret_key(home,
      "b"), one_way = true })
    local before = home.sb:counters().tokens_issued
    local report = tenant:check {}
    assert.equal(0, report.exit_code)
    assert.equal("next", report.credentials[2].credential)
    assert.equal("current", active(tenant))
    assert.equal(before + 1, home.sb:counters().tokens_issued)
  end))

  it("takes over under load without a call that fails", async(function()
    local home <close> = landscape.open()
    local a, b = secret_key(home, "a"), secret_key(home, "b")
    local tenant <close> = opened(home, a, { service_key = b, from = core.task.now() + 3600 })
    local stop, done, failed = false, 0, nil
    local callers = {}
    for i = 1, 8 do
      callers[i] = iflow.spawn(function()
        while not stop do
          local answer, err = call(tenant)
          failed = failed or err
          done = done + (answer and 1 or 0)
        end
      end)
    end
    while done < 20 do iflow.sleep(0.01) end
    end_key(home, "a")
    local before = done
    while done < before + 40 and not failed do iflow.sleep(0.01) end
    stop = true
    for _, caller in ipairs(callers) do caller:join() end
    assert.is_nil(failed)
    assert.equal("next", active(tenant))
  end))

  it("is checked where it is defined", function()
    for _, following in ipairs { "new.json", { key_file = "x" }, { from = "tomorrow" },
      { service_key = 5 }, { service_key = "b.json", probe = {} },
      { service_key = "b.json", probe = { too = "/http/orders", to = "/http/orders" } } } do
      assert.has_error(function()
        iflow.tenant { service_key = "a.json", next = following }
      end)
    end
  end)
end)
