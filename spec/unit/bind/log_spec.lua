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

  it("raises for an unknown level", function()
    assert.error_matches(function() log.level "loud" end, "invalid option 'loud'")
    assert.error_matches(function() log.write("loud", "x", "y") end, "invalid option 'loud'")
  end)
end)
