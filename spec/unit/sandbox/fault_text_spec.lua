-- The grammar of faults: what it takes, and what it says to what it does not take.
local core = require "iflow.core"
local fault_text = require "iflow.sandbox.fault_text"

local NOW = 1000000

local function parse(text) return fault_text.parse(text, NOW) end

-- The named fields of a fault.
local function fields(text, ...)
  local fault = assert(parse(text))
  local found = {}
  for i, name in ipairs { ... } do found[i] = fault[name] end
  return found
end

describe("a fault", function()
  it("has a host and a name, and a value where it takes one", function()
    assert.same({ "token", "429", 1 }, fields("token:429", "host", "name", "value"))
    assert.same({ "runtime", "429", 0.5 }, fields(" runtime:429=500ms ", "host", "name", "value"))
    assert.same({ 7200 }, fields("runtime:clock", "value"))
    assert.same({ -300 }, fields("token:clock=-5m", "value"))
    assert.same({ 300 }, fields("token:clock=+5m", "value"))
    assert.same({ "before" }, fields("api:reset", "value"))
    assert.same({ "answer" }, fields("api:reset=answer", "value"))
    assert.same({ "text/x;a=b" }, fields("token_cert:type=text/x;a=b", "value"))
    assert.is_nil(parse("runtime:503").value)
    assert.equal(30, parse("runtime:503=30").value)
  end)

  it("has conditions", function()
    assert.same({ 12.5, 3, 5, 7 }, fields("token:401@12.5%,first=3,every=5,seed=7", "percent",
                                          "first", "every", "seed"))
    local id = "sb-0-1!b4711|it-rt-acme-dev!b815"
    assert.same({ id, "My Flow" }, fields("runtime:502@client=" .. id .. ",flow=My Flow", "client",
                                          "flow"))
    assert.same({ NOW + 10, NOW + 90 }, fields("api:500@from=10s,until=1.5m", "from", "until_"))
    assert.same({ 1769889600 }, fields("api:500@from=2026-01-31T20:00:00Z", "from"))
    assert.same({ 951825599, 951825600 }, fields(
      "api:500@from=2000-02-29T11:59:59Z,until=2000-02-29T12:00:00Z", "from", "until_"))
  end)

  it("is refused with the word that is wrong, and the one that was meant", function()
    for text, word in pairs {
      [""] = "HOST:FAULT", ["429"] = "HOST:FAULT", [":429"] = "runtime", ["token:"] = "late",
      ["tokn:429"] = "did you mean 'token'", ["runtime:truncate"] = "did you mean 'truncated'",
      ["runtime:502=1"] = "no value", ["runtime:slow=fast"] = "fast", ["runtime:slow=-1s"] = "%-1s",
      ["runtime:reset=befor"] = "did you mean 'before'", ["runtime:type="] = "text",
      ["token:twice"] = "for runtime", ["runtime:expires"] = "for token",
      ["api:certificate"] = "for token", ["runtime:502@often"] = "often",
      ["runtime:502@101%"] = "100", ["runtime:502@firts=1"] = "did you mean 'first'",
      ["runtime:502@first=0"] = "from 1 on", ["runtime:502@every=x"] = "whole number",
      ["runtime:502@seed=-1"] = "whole number", ["runtime:502@client="] = "name",
      ["runtime:502@5%,6%"] = "not two", ["runtime:502@from=2026-13-01T00:00:00Z"] = "UTC",
      ["runtime:502@from=2026-02-30T00:00:00Z"] = "UTC",
      ["runtime:502@until=2026-01-01T25:00:00Z"] = "UTC",
      ["runtime:502@from=noon"] = "UTC", ["runtime:502@from=9s,until=8s"] = "later",
      ["token:429@flow=x"] = "runtime", ["token:certificate@first=1"] = "from=",
    } do
      local fault, wrong = parse(text)
      assert.is_nil(fault, text)
      assert.matches(word, wrong, nil, nil, text)
    end
  end)
end)

describe("every fault", function()
  it("has a file of its own, and stands in the help", function()
    local listed = table.move(fault_text.NAMES, 1, #fault_text.NAMES, 1, {})
    local files = {}
    for i, name in ipairs(core.file.list "lua/iflow/sandbox/fault") do
      files[i] = name:match "^(.*)%.lua$"
    end
    table.sort(listed)
    table.sort(files)
    assert.same(listed, files)
    local help = require "iflow.cmd.sandbox.fault".description
    for _, name in ipairs(listed) do assert.matches("\n  " .. name .. "[:%[]", help) end
  end)

  for _, name in ipairs(fault_text.NAMES) do
    it("tells what it does: " .. name, function()
      local kind = fault_text.kinds[name]
      assert.is_string(kind.help)
      assert.is_true((kind.serve == nil) == (kind.begin ~= nil))
      assert.equal(kind.begin ~= nil, kind.finish ~= nil)
      local host = kind.hosts and kind.hosts[1] or "api"
      assert.equal(name, assert(parse(host .. ":" .. name)).name)
    end)
  end
end)
