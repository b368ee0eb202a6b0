-- Cancelling frees sockets and operations at once, without the collector's help; and thousands of
-- calls in flight are parked tasks, not connections.
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"

-- A plain HTTP server whose answers wait until `release` is closed.
local function slow_server(release)
  return assert(core.server.new { tls = false, request = function(req)
    release:receive()
    req:answer(200, {}, "late")
  end })
end

local function request(server, over)
  local options = { url = ("http://127.0.0.1:%d/"):format(server:port()), timeout = 60 }
  for name, value in pairs(over or {}) do options[name] = value end
  return core.http.request(options)
end

local function operations() return core.task.counts().operations end

local function wait_for(check)
  for _ = 1, 2000 do
    if check() then return true end
    iflow.sleep(0.002)
  end
end

describe("a call that is cancelled", function()
  it("lets go of everything at its next turn", async(function()
    local release = iflow.channel()
    local server <close> = slow_server(release)
    local before = operations()
    collectgarbage "stop"
    local calls = {}
    for i = 1, 5 do calls[i] = iflow.spawn(request, server) end
    assert.is_true(wait_for(function() return core.http.stats().in_flight == 5 end))
    for _, call in ipairs(calls) do call:cancel() end
    for _, call in ipairs(calls) do assert.equal("task.canceled", select(2, call:join()).code) end
    local after = core.http.stats().in_flight
    collectgarbage "restart"
    assert.equal(0, after)
    release:close()
    assert.is_true(wait_for(function() return operations() <= before end))
  end))

  it("by iflow.timeout does so before that returns", async(function()
    local release = iflow.channel()
    local server <close> = slow_server(release)
    collectgarbage "stop"
    local answer, err = iflow.timeout(0.05, request, server)
    local in_flight = core.http.stats().in_flight
    collectgarbage "restart"
    assert.is_nil(answer)
    assert.equal("task.timeout", err.code)
    assert.equal(0, in_flight)
    release:close()
  end))
end)

describe("many calls in flight", function()
  it("wait as tasks for few connections", async(function()
    local release = iflow.channel()
    local server <close> = slow_server(release)
    local calls = {}
    for i = 1, 1000 do calls[i] = iflow.spawn(request, server) end
    assert.is_true(wait_for(function() return core.http.stats().in_flight > 0 end))
    iflow.sleep(0.05)
    assert.is_true(core.http.stats().waiting >= 1000 - 64)
    release:close()
    for _, call in ipairs(calls) do
      local answer, err = call:join()
      assert.equal(200, answer and answer.status, tostring(err))
    end
  end))
end)
