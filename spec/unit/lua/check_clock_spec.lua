-- The doctor's look at the clock: what it makes of the Date of an answer.
local core = require "iflow.core"
local step = require "iflow.check.step.clock"

local function found(date, options)
  return step.run { options = options or {}, greeting = function()
    return { headers = { date = date } }
  end }
end

local function date(offset)
  return os.date("!%a, %d %b %Y %H:%M:%S GMT", math.floor(core.task.now()) + offset)
end

describe("the clock", function()
  it("is fine within what SAP tolerates, or what is asked for", function()
    assert.equal("fine", found(date(0)).verdict)
    assert.equal("fine", found(date(50)).verdict)
    assert.equal("fine", found(date(-500), { clock = 600 }).verdict)
  end)

  it("is ahead, or behind", function()
    local behind, ahead = found(date(7200)), found(date(-7200))
    assert.same({ "warning", "clock_skew" }, { behind.verdict, behind.cause })
    assert.truthy(behind.evidence:find("2 h behind", 1, true))
    assert.truthy(ahead.evidence:find("2 h ahead", 1, true))
    assert.equal("clock_skew", found("Sun, 06 Nov 1994 08:49:37 GMT").cause)
  end)

  it("is not known without a date that can be read", function()
    for _, text in ipairs { "", "yesterday", "Sun, 06 Nox 1994 08:49:37 GMT" } do
      assert.equal("unknown", found(text).verdict)
    end
    assert.equal("unknown", found(nil).verdict)
  end)
end)
