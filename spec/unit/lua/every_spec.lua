local due = require "iflow.schedule.due"
local iflow = require "iflow"
local raises = require "spec.support.raises"
local registry = require "iflow.registry"

local function nothing() end

describe("iflow.every", function()
  local before

  before_each(function() before = registry.install(registry.new()) end)
  after_each(function() registry.install(before) end)

  it("defines a job beside those of iflow.cron", function()
    local nightly = iflow.cron "nightly" { at = "@daily", run = nothing }
    local poll = iflow.every "poll" { interval = "5m", run = nothing }
    assert.same({ nightly, poll }, registry.current().jobs)
    assert.same({ "every", "every 5 min", "skip" }, { poll.kind, poll.options.at,
      poll.options.overlap })
    assert.is_truthy(poll.place:find "^spec/unit/lua/every_spec.lua:%d+$")
    assert.equal("iflow.every: poll", tostring(poll))
    assert.equal(poll, iflow.every "poll")
    raises("'nightly' is defined twice; first at spec/", function()
      iflow.every "nightly" { interval = 1, run = nothing }
    end)
  end)

  it("checks its options at the line that writes them", function()
    for text, over in pairs {
      ["unknown option 'intervall', did you mean 'interval'?"] = { intervall = 1 },
      ["option 'interval' must be a time"] = { interval = true },
      ["option 'interval'"] = { interval = "five" },
      ["whole seconds, at least 1"] = { interval = 0 },
      ["of whole seconds"] = { interval = "1500ms" },
      ["option 'interval' is at most"] = { interval = "400d" },
      ["unknown option 'at'"] = { at = "@daily" },
      ["option 'overlap' must be"] = { overlap = "wait" },
      ["option 'jitter' is at most"] = { jitter = "2d" },
      ["option 'run' must be a function"] = { run = "ls" },
    } do
      raises(text, function()
        local options = { interval = 60, run = nothing }
        for key, value in pairs(over) do options[key] = value end
        iflow.every "job" (options)
      end)
    end
    raises("option 'interval' is missing", function() iflow.every "job" { run = nothing } end)
    raises("a job is defined by a table", function() iflow.every "job" () end)
    assert.same({}, registry.current().jobs)
  end)

  it("runs at the multiples of its interval, plus its jitter", function()
    local poll = iflow.every "poll" { interval = "7m", jitter = "1m", run = nothing }
    local delay, starts = poll.schedule.delay, {}
    for start, planned in due.between(poll.schedule, 420 * 1000, 420 * 1003) do
      starts[#starts + 1] = start
      assert.same({ 0, delay }, { planned % 420, start - planned })
    end
    assert.same({ 420 * 1000 + delay, 420 * 1001 + delay, 420 * 1002 + delay }, starts)
  end)

  it("makes up for all that was missed by one run, and goes on at its multiples", function()
    local poll = iflow.every "poll" { interval = "5m", run = nothing }
    local found = due.check(poll.schedule, 300 * 1000, 300 * 1010 + 290)
    assert.same({ 1, 300 * 1010, true, 300 * 1011 }, { #found.runs, found.runs[1].planned,
      found.runs[1].missed, found.next })
    found = due.check(poll.schedule, 300 * 1000, 300 * 1000 + 200)
    assert.same({ {}, 300 * 1001 }, { found.runs, found.next })
  end)

  it("goes on by elapsed time when the clock is set", function()
    local poll = iflow.every "poll" { interval = "5m", run = nothing }
    local found = due.check(poll.schedule, 300 * 1000, 300 * 988 + 10)
    assert.same({ {}, 300 * 989 }, { found.runs, found.next })
    assert.equal(300 * 989, due.check(poll.schedule, found.last, found.next).runs[1].planned)
  end)
end)
