local iflow = require "iflow"
local raises = require "spec.support.raises"
local registry = require "iflow.registry"

local function nothing() end

local function define(over, name)
  local options = { at = "30 2 * * *", zone = "Europe/Berlin", run = nothing }
  for key, value in pairs(over or {}) do options[key] = value end
  return iflow.cron(name or "nightly")(options)
end

describe("iflow.cron", function()
  local before

  before_each(function() before = registry.install(registry.new()) end)
  after_each(function() registry.install(before) end)

  it("defines jobs in their order", function()
    local nightly = define()
    local other = define({ at = "@hourly" }, "other")
    assert.same({ nightly, other }, registry.current().jobs)
    assert.equal("nightly", nightly.name)
    assert.is_truthy(nightly.place:find "^spec/unit/lua/cron_spec.lua:%d+$")
    assert.equal("Europe/Berlin", nightly.schedule.zone.name)
    assert.equal("iflow.cron: nightly", tostring(nightly))
  end)

  it("has defaults", function()
    local job = iflow.cron "plain" { at = "@daily", run = nothing }
    assert.same({ "one", 7 * 86400, 0, "skip" }, { job.schedule.missed, job.schedule.window,
      job.schedule.delay, job.options.overlap })
    assert.is_table(job.schedule.zone)
  end)

  it("checks its options at the line that writes them", function()
    for text, over in pairs {
      ["unknown option 'zoen', did you mean 'zone'?"] = { zoen = "UTC" },
      ["option 'at': '30 25 * * *': field 2 (hour), column 4"] = { at = "30 25 * * *" },
      ["option 'at' must be a cron expression"] = { at = 5 },
      ["did you mean 'Europe/Berlin'?"] = { zone = "Berlin" },
      ["option 'zone' must be"] = { zone = 1 },
      ["option 'missed' must be"] = { missed = "none" },
      ["option 'overlap' must be"] = { overlap = "wait" },
      ["option 'window'"] = { window = "7 days" },
      ["option 'window' is at most"] = { window = "400d" },
      ["option 'jitter' is at most"] = { jitter = "2d" },
      ["option 'jitter'"] = { jitter = -1 },
      ["option 'run' must be a function"] = { run = "ls" },
    } do
      raises(text, function()
        local options = { at = "30 2 * * *", run = nothing }
        for key, value in pairs(over) do options[key] = value end
        iflow.cron "job" (options)
      end)
    end
    raises("option 'at' is missing", function() iflow.cron "job" { run = nothing } end)
    raises("option 'run' is missing", function() iflow.cron "job" { at = "@daily" } end)
    raises("a job is defined by a table", function() iflow.cron "job" () end)
    raises("a job's name has letters", function() iflow.cron "a b" end)
    assert.same({}, registry.current().jobs)
  end)

  it("refuses a name twice", function()
    define()
    local other = iflow.cron "other"
    define({}, "other")
    raises("'nightly' is defined twice; first at spec/", function()
      iflow.cron "nightly" { at = "@daily", run = nothing }
    end)
    raises("'other' is defined twice", function() other { at = "@daily", run = nothing } end)
  end)

  it("spreads jobs over their jitter, each always the same", function()
    local least, most, sum = math.huge, 0, 0
    for i = 1, 200 do
      local delay = define({ jitter = "5m" }, "job" .. i).schedule.delay
      least, most, sum = math.min(least, delay), math.max(most, delay), sum + delay
      assert.equal("integer", math.type(delay))
    end
    assert.is_true(least >= 0 and least < 20)
    assert.is_true(most <= 300 and most > 280)
    assert.is_true(sum > 200 * 120 and sum < 200 * 180)
    assert.equal(101, define({ jitter = "10m" }, "hourly").schedule.delay)
  end)

  it("is found by its name, in a test for example", function()
    local nightly = define { run = function(job) return job.planned end }
    assert.equal(nightly, iflow.cron "nightly")
    assert.is_true(math.abs(iflow.cron "nightly":run() - os.time()) <= 60)
    raises("no job 'nigtly' is defined, did you mean 'nightly'?", function()
      local _ = iflow.cron "nigtly":run()
    end)
    raises("use a colon", function() local _ = nightly.run() end)
  end)

  it("runs with what it stands for", function()
    local got
    local job = define { run = function(given)
      got = given
      return nil, "failed"
    end }
    assert.same({ n = 2, [2] = "failed" }, table.pack(job:run(1000)))
    assert.same({ name = "nightly", planned = 1000, missed = false, attempt = 1 }, got)
    job:run(2000, true, 3)
    assert.same({ true, 3 }, { got.missed, got.attempt })
  end)
end)
