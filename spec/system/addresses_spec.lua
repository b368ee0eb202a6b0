-- Names and addresses in a network whose name server, hosts file and dead addresses are ours. Every
-- way to fail has a code of its own; the timeouts behind the connection are in
-- spec/unit/net/waiting_spec.lua.
local private_net = require "spec.support.private_net"

-- Who listens where. Nobody does at REFUSES; at DEAF nobody answers, not even with a refusal.
local REFUSES, DEAF, LIVES = "127.0.0.2", "127.0.0.4", "127.0.0.3"
local V4, V6, BOTH, ONLY_LOCAL, V6_DEAF = 8004, 8006, 8010, 8001, 8008

local function url(host, port) return ("http://%s:%d/"):format(host, port or V4) end

local world = {
  hosts = "127.0.0.1 localhost\n::1 localhost\n" ..
    REFUSES .. " file.example\n" .. LIVES .. " file.example\n",
  options = "timeout:5 attempts:1",
  zone = {
    ["v4.example"] = { A = { LIVES } },
    ["v6.example"] = { AAAA = { "::1" } },
    ["both.example"] = { A = { LIVES }, AAAA = { "::1" } },
    ["refused.example"] = { A = { REFUSES, LIVES } },
    ["deaf.example"] = { A = { DEAF, LIVES } },
    ["dead.example"] = { A = { DEAF, REFUSES, LIVES } },
    ["all-refuse.example"] = { A = { REFUSES, "127.0.0.5" } },
    ["all-deaf.example"] = { A = { DEAF } },
    ["empty.example"] = { A = {} },
    ["broken.example"] = "servfail",
    ["mute.example"] = "silent",
  },
  deaf = { { DEAF, V4 }, { "::1", V6_DEAF } },
  servers = {
    { host = LIVES, port = V4 }, { host = "::1", port = V6 }, { host = LIVES, port = BOTH },
    { host = "::1", port = BOTH }, { host = "127.0.0.1", port = ONLY_LOCAL },
    { host = LIVES, port = V6_DEAF },
  },
}

describe("a name", function()
  -- One run of the private network for all; the calls by what they are about.
  local calls, results = {}, {}

  local function call(name, options)
    calls[#calls + 1] = { name = name, options = options }
  end

  call("v4", { url = url "v4.example" })
  call("v6", { url = url("v6.example", V6) })
  call("v6 first", { url = url("both.example", BOTH) })
  call("v6 refuses", { url = url("both.example", V4) })
  call("v4 refuses", { url = url("both.example", V6) })
  call("v6 is deaf", { url = url("both.example", V6_DEAF), connect_timeout = 5 })
  call("first refuses", { url = url "refused.example" })
  call("first refuses, by the hosts file", { url = url "file.example" })
  call("first is deaf", { url = url "deaf.example", connect_timeout = 2 })
  call("two are dead", { url = url "dead.example", connect_timeout = 2 })
  call("all refuse", { url = url "all-refuse.example" })
  call("all are deaf", { url = url "all-deaf.example", connect_timeout = 0.5 })
  call("deaf, total", { url = url "all-deaf.example", timeout = 0.5 })
  call("unknown", { url = url "none.example" })
  call("no address", { url = url "empty.example" })
  call("server failure", { url = url "broken.example" })
  call("silence", { url = url "mute.example", connect_timeout = 0.5 })
  call("silence, total", { url = url "mute.example", timeout = 0.5 })
  call("silence, cancelled", { url = url "mute.example", cancel = 0.05 })
  call("silence, patient", { url = url "mute.example" })
  call("localhost v4", { url = url("localhost", ONLY_LOCAL) })
  call("*.localhost v4", { url = url("a.b.localhost", ONLY_LOCAL) })
  call("*.localhost v6", { url = url("a.b.localhost", V6) })
  call("literal v4", { url = url(LIVES) })
  call("literal v6", { url = url("[::1]", V6) })

  setup(function()
    local options = {}
    for i, c in ipairs(calls) do options[i] = c.options end
    local list = private_net.run {
      hosts = world.hosts, options = world.options, zone = world.zone, deaf = world.deaf,
      servers = world.servers, calls = options,
    }
    for i, c in ipairs(calls) do results[c.name] = list[i] end
    results.queries = list.queries
  end)

  local function reaches(host, name)
    local result = results[name]
    assert.is_nil(result.code, result.message)
    assert.equal(200, result.status)
    assert.equal(host, result.body)
    return result.took
  end

  local function fails(code, name)
    local result = results[name]
    assert.equal(code, result.code, result.message)
    assert.equal("nothing", result.sent)
    assert.is_true(result.retryable)
    assert.equal(0, result.in_flight)
    return result.took
  end

  it("leads to IPv4 and to IPv6", function()
    reaches(LIVES, "v4")
    reaches("::1", "v6")
    reaches("::1", "v6 first")
    reaches(LIVES, "literal v4")
    reaches("::1", "literal v6")
  end)

  it("of both leads to the family that answers", function()
    reaches(LIVES, "v6 refuses")
    reaches("::1", "v4 refuses")
    reaches(LIVES, "v6 is deaf")
  end)

  it("with an address that refuses leads to the next", function()
    reaches(LIVES, "first refuses")
    reaches(LIVES, "first refuses, by the hosts file")
    fails("net.connect", "all refuse")
  end)

  it("with a dead address leads to the next, in half of the time", function()
    for _, name in ipairs { "first is deaf", "two are dead" } do
      local took = reaches(LIVES, name)
      assert.is_true(took > 0.9, "took " .. took)
    end
  end)

  it("of a dead address only is told from one that refuses", function()
    fails("net.connect_timeout", "all are deaf")
    fails("net.timeout", "deaf, total")
  end)

  it("that is none is told", function()
    for _, name in ipairs { "unknown", "no address", "server failure" } do
      fails("net.dns", name)
    end
  end)

  it("that nobody tells is told from that", function()
    fails("net.dns_timeout", "silence")
    fails("net.timeout", "silence, total")
    assert.is_true(fails("net.dns_timeout", "silence, patient") < 30) -- before it gives up itself
  end)

  it("can be given up while it is asked for", function()
    local result = results["silence, cancelled"]
    assert.equal("task.canceled", result.code)
    assert.equal(0, result.in_flight)
  end)

  it("below localhost is this machine, and nobody is asked", function()
    reaches("127.0.0.1", "localhost v4")
    reaches("127.0.0.1", "*.localhost v4")
    reaches("::1", "*.localhost v6")
    for name in pairs(results.queries) do assert.is_nil(name:find "localhost") end
    assert.is_truthy(results.queries["v4.example"])
  end)
end)
