-- Torture of the token and call paths: the n-th C allocation, the n-th growth of Lua's memory,
-- the n-th send, the n-th receive fails, for every n until nothing is left to fail. Whatever
-- happens, it must be an answer or an error: no crash, no hang, nothing left open. The sanitizers
-- watch, so this needs the interpreter of the sanitizer build (spec/torture/lua.c); the tenant is
-- another process.
local core = require "iflow.core"
local fault = require "fault"
local iflow = require "iflow"
local process = require "spec.support.process"

local flow = [[
return { name = "orders", address = "/orders", role = "ESBMessaging.send", csrf = true,
         process = function(exchange) return 200, {}, exchange.body end }
]]

local longest = 60 -- seconds that one attempt may take; the timeouts in it are shorter

local function command(...)
  local result = process.run { process.iflow, ... }
  assert(result.code == 0, result.err)
end

-- A sandbox in another process, and the options of iflow.tenant for a key of each type.
local function start_tenant(dir)
  local home = dir:file "sandbox"
  local helper = process.start { process.iflow, "sandbox", "start", "--dir", home }
  process.wait_for("the sandbox", function() return process.read(home .. "/admin.token") end)
  command("sandbox", "deploy", "--dir", home, dir:write("orders.lua", flow))
  command("instance", "create", "orders", "--sandbox", home)
  helper.options = {}
  for _, type in ipairs { "secret", "certificate" } do
    local path = dir:file(type .. ".json")
    command("instance", "key", "create", "orders", type, "--type", type, "--sandbox", home, "-o",
      path)
    helper.options[type] = {
      service_key = path, cacert = home .. "/ca.pem", token_cache = dir:file(type .. "-cache"),
      connect_timeout = 2, timeout = 3, stall_timeout = 2, queue_timeout = 2,
    }
  end
  return helper
end

-- Everything once: the key, a fresh token, the CSRF handshake, a call with a body in pieces.
local function whole_path(options)
  local tenant <close>, err = iflow.tenant(options)
  if not tenant then return nil, err end
  local token
  token, err = tenant:token { refresh = true }
  if not token then return nil, err end
  local pieces = 0
  return tenant:call { to = "/http/orders", body = function()
    pieces = pieces + 1
    return pieces <= 3 and ("piece %d;"):format(pieces) or nil
  end }
end

local function open_now()
  core.task.drop_idle()
  collectgarbage()
  collectgarbage()
  local counts = core.task.counts()
  return counts.operations + counts.sockets + counts.timers, counts
end

local function assert_nothing_open(what)
  for _ = 1, 20 do -- sockets end over a few turns of the loop
    if open_now() == 0 then break end
    iflow.run(iflow.sleep, 0.001)
  end
  local _, counts = open_now()
  for kind, n in pairs(counts) do assert.equal(0, n, ("%s open after %s"):format(kind, what)) end
end

-- What may come out: an answer, nil and an error of ours, or a raised one (memory ran out in Lua).
local function assert_sane(what, ok, answer, err)
  if not ok then
    assert.is_truthy(answer, what)
  elseif answer then
    assert.equal("delivered", answer.outcome, what)
  else
    assert.is_string(err.code, what)
    assert.not_equal("system.internal", err.code, what .. ": " .. tostring(err.message))
  end
end

-- Lets the n-th event of the kind fail, for n = 1, 2, … until none of them happens. Returns n.
local function torture(options, kind)
  local n, fired = 1, true
  while fired do
    local what = ("failing %s %d"):format(kind, n)
    local began = core.task.monotonic()
    local ok, answer, err = pcall(function()
      fault.arm(kind, n)
      return iflow.run(whole_path, options)
    end)
    fired = fault.disarm()
    assert_sane(what, ok, answer, err)
    answer, err = nil, nil -- luacheck: ignore
    assert_nothing_open(what)
    assert.is_true(core.task.monotonic() - began < longest, what .. " took too long")
    n = n + 1
  end
  local answer, err = iflow.run(whole_path, options)
  assert.equal("delivered", answer and answer.outcome, tostring(err))
  return n
end

describe("token and call", function()
  local dir, tenant

  setup(function()
    dir = process.tempdir()
    tenant = start_tenant(dir)
  end)

  teardown(function()
    tenant:stop()
    dir:close()
  end)

  -- Far fewer events than this and the path is not the whole one.
  local at_least = { malloc = 80, lua = 80, send = 5, recv = 10 }
  for kind, n in pairs(at_least) do
    for _, type in ipairs { "secret", "certificate" } do
      it(("with a key of type %s survive failing %s"):format(type, kind), function()
        assert.is_true(torture(tenant.options[type], kind) >= n)
      end)
    end
  end

  it("work when every send and every receive moves one byte", function()
    for _, type in ipairs { "secret", "certificate" } do
      fault.arm("trickle", 1)
      local answer, err = iflow.run(whole_path, tenant.options[type])
      local fired, n = fault.disarm()
      assert.equal("delivered", answer and answer.outcome, tostring(err))
      assert.is_true(fired and n > 1000)
    end
  end)
end)
