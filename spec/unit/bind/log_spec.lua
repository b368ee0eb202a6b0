local core = require "iflow.core"

local log = core.log

describe("log", function()
  local before

  before_each(function()
    before = log.level()
    log.capture(true)
  end)

  after_each(function()
    log.capture(false)
    log.level(before)
  end)

  it("writes a line of time, level, module and text", function()
    log.level "info"
    log.write("info", "sender", "sent 3")
    assert.matches("^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ info  sender:      sent 3\n$",
      log.captured())
    assert.equal("", log.captured())
  end)

  it("writes nothing above its level", function()
    assert.equal("string", type(log.level "warn"))
    log.write("info", "x", "quiet")
    log.write("error", "x", "loud")
    assert.matches("^[^\n]*error x:           loud\n$", log.captured())
    assert.equal("warn", log.level "trace")
    assert.is_true(log.enabled "debug")
    log.level "error"
    assert.is_false(log.enabled "warn")
  end)

  it("redacts and keeps one event on one line", function()
    log.level "trace"
    log.write("trace", "net", "Authorization: Bearer abc.def\nforged line")
    local lines = log.captured()
    assert.is_nil(lines:find("abc.def", 1, true))
    assert.equal(1, select(2, lines:gsub("\n", "")))
  end)

  it("redacts a text that is meant for elsewhere", function()
    assert.equal("a=1 client_secret=*** b=2", log.redact "a=1 client_secret=4711abc b=2")
    assert.equal("", log.redact "")
    local long = ("x"):rep(100000) .. "\nAuthorization: Basic abc\n"
    assert.equal(("x"):rep(100000) .. "\nAuthorization: ***\n", log.redact(long))
    assert.has_error(function() log.redact() end)
  end)

  it("raises for an unknown level", function()
    assert.error_matches(function() log.level "loud" end, "invalid option 'loud'")
    assert.error_matches(function() log.write("loud", "x", "y") end, "invalid option 'loud'")
  end)
end)

describe("log.ring", function()
  local before

  before_each(function()
    before = log.level "info"
    log.capture(true)
  end)

  after_each(function()
    log.capture(false)
    log.level(before)
  end)

  local function texts(lines)
    local list = {}
    for i, line in ipairs(lines) do list[i] = core.json.decode(line.json).message end
    return list
  end

  it("keeps the last lines as JSON, whatever the format of the log", function()
    local ring <close> = log.ring(3)
    for i = 1, 5 do log.write("info", "x", "line " .. i, { sender = "orders" }) end
    log.write("debug", "x", "too quiet")
    local lines, last = ring:lines()
    assert.same({ "line 3", "line 4", "line 5" }, texts(lines))
    assert.same({ 3, 5, 5 }, { lines[1].number, lines[3].number, last })
    assert.equal("orders", core.json.decode(lines[1].json).sender)
    assert.same({ "line 5" }, texts((ring:lines(4))))
    assert.same({}, (ring:lines(5)))
    assert.same({}, (ring:lines(99)))
    assert.equal(5, select(2, log.captured():gsub("\n", "")))
  end)

  it("has no secrets", function()
    local ring <close> = log.ring(3)
    log.write("info", "net", "Authorization: Bearer abc.def")
    assert.is_nil(ring:lines()[1].json:find("abc.def", 1, true))
  end)

  it("is the only one, until it is closed", function()
    local ring = log.ring(1)
    assert.error_matches(function() log.ring(1) end, "has a ring already")
    ring:close()
    ring:close()
    assert.error_matches(function() ring:lines() end, "closed")
    log.ring(1):close()
    log.write("info", "x", "kept by nobody")
    for _, size in ipairs { 0, -1, 10001 } do
      assert.error_matches(function() log.ring(size) end, "1 to 10000")
    end
  end)
end)
