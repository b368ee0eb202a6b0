-- Jobs of a service that is killed: real processes, a real outbox. How long it was down is told by
-- the note that the outbox keeps of a job. On a clock that is moved:
-- spec/unit/service/jobs_spec.lua.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local serve = require "spec.support.serve"

local DAY = 86400

-- A job that writes down when it begins and ends: "begin PLANNED missed", "end PLANNED".
local function job_of(options)
  return ([[
local iflow = require "iflow"
local function say(...)
  local file <close> = assert(io.open("ran", "a"))
  file:write(table.concat({ ... }, " "), "\n")
end
%s { %s, run = function(job)
  say("begin", job.planned, job.missed and "missed" or "due")
  if io.open "hold" then iflow.sleep "1h" end
  say("end", job.planned)
end }]]):format(options.kind or 'iflow.cron "job"', options.text)
end

-- The lines so far that begin with a word.
local function lines(place, word)
  local list = {}
  for line in (place.dir:read "ran" or ""):gmatch("(" .. word .. " [^\n]*)\n") do
    list[#list + 1] = line
  end
  return list
end

local function wait_lines(place, word, count)
  process.wait_for(("%d times '%s'"):format(count, word), function()
    return #lines(place, word) >= count
  end)
end

local function kill(service)
  service:signal "KILL"
  service:wait()
end

local function note_of(place)
  return place:with_box(function(box) return box:note "job/job" end)
end

-- As if the service had been down for so many seconds more.
local function down_for(place, seconds)
  place:with_box(function(box)
    local note = assert(core.json.decode(box:note "job/job"))
    note.last = note.last - seconds
    assert(box:note("job/job", core.json.encode(note)))
  end)
end

-- A service that has seen the job, and is down for three days.
local function after_three_days(place, options)
  place:script("jobs.lua", job_of(options))
  local service <close> = place:serve "jobs.lua"
  process.wait_for("the job to be known", function()
    return service:log():find "triggers" ~= nil
  end)
  assert.equal(0, service:stop().code)
  assert.is_truthy(note_of(place))
  down_for(place, 3 * DAY)
end

-- An hour from now, so that nothing is due while a spec runs.
local function daily()
  local time = os.date("!*t", os.time() + 3 * 3600)
  return ('at = "%d %d * * *", zone = "UTC"'):format(time.min, time.hour)
end

describe("jobs of a service", function()
  it("end nothing when they raise, nor when a task of theirs does", async(function()
    local place <close> = serve.place()
    place:script("jobs.lua", [[
      local iflow = require "iflow"
      iflow.every "raises" { interval = "1s", run = function() error "oops" end }
      iflow.every "spawns" { interval = "1s", run = function()
        local early = iflow.spawn(function() error "a child" end)
        iflow.sleep(0)
        local late = iflow.spawn(function() iflow.sleep(0.01) error "another child" end)
        return select(2, early:join()) and pcall(late.join, late) and 0 or "as it should be"
      end }]])
    local service <close> = place:serve("jobs.lua", "--log-format", "text")
    process.wait_for("some runs", function()
      local _, failed = service:log():gsub("failed after [^\n]*oops[^\n]* job=raises", "")
      local _, ended = service:log():gsub("has ended [^\n]*job=spawns", "")
      return failed >= 2 and ended >= 2
    end)
    assert.is_truthy(service:log()
      :find "error serve:       a task of a script failed: [^\n]*a child\n")
    assert.is_nil(service:log():find "another child")
    local _, status = service:get "/ready"
    assert.same({ "every", "raises", "failed" }, { status.triggers[1].kind,
      status.triggers[1].name, status.triggers[1].last.outcome })
    assert.equal(0, service:stop().code)
  end))
end)

describe("jobs of a service that was killed", function()
  it("are made up for, once", async(function()
    local place <close> = serve.place()
    after_three_days(place, { text = daily() })
    do
      local service <close> = place:serve "jobs.lua"
      wait_lines(place, "end", 1)
      kill(service)
    end
    local service <close> = place:serve "jobs.lua"
    assert.equal(0, service:stop().code)
    assert.equal(1, #lines(place, "begin"))
    local planned = tonumber(lines(place, "begin")[1]:match "begin (%d+) missed")
    assert.is_true(planned < os.time() and planned > os.time() - DAY)
  end))

  it("are not made up for with skip", async(function()
    local place <close> = serve.place()
    after_three_days(place, { text = daily() .. ', missed = "skip"' })
    local service <close> = place:serve "jobs.lua"
    assert.equal(0, service:stop().code)
    assert.same({}, lines(place, "begin"))
  end))

  it("do not begin again what was cut off, say so, and go on with the next", async(function()
    local place <close> = serve.place()
    after_three_days(place, { text = daily() .. ', missed = "all"' })
    place.dir:write("hold", "")
    do
      local service <close> = place:serve "jobs.lua"
      wait_lines(place, "begin", 1)
      kill(service)
    end
    assert(os.remove(place.dir:file "hold"))
    local service <close> = place:serve "jobs.lua"
    wait_lines(place, "end", 2)
    assert.is_truthy(service:log():find "the run planned for [^\n]* was cut off",
      service:log())
    assert.equal(0, service:stop().code)
    local begun = lines(place, "begin")
    assert.equal(3, #begun)
    assert.is_true(begun[1] < begun[2] and begun[2] < begun[3])
  end))

  it("begin no run twice, wherever they are killed", async(function()
    local place <close> = serve.place()
    place:script("jobs.lua", job_of { kind = 'iflow.every "job"', text = 'interval = "1s"' })
    for round = 1, 4 do
      local service <close> = place:serve "jobs.lua"
      wait_lines(place, "begin", 2 * round)
      kill(service)
    end
    local seen = {}
    for _, line in ipairs(lines(place, "begin")) do
      local planned = line:match "begin (%d+)"
      assert.is_nil(seen[planned])
      seen[planned] = true
    end
  end))

  it("end what runs when the service is told to stop", async(function()
    local place <close> = serve.place()
    after_three_days(place, { text = daily() })
    place.dir:write("hold", "")
    local service <close> = place:serve("jobs.lua", "--grace", "500ms")
    wait_lines(place, "begin", 1)
    assert.equal(0, service:stop().code)
    assert.is_truthy(service.process.result.err:find "was cancelled after [^\n]*the service stops")
    assert.is_nil(note_of(place):find "running")
  end))
end)
