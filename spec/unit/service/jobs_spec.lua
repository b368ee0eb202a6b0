-- The jobs of a service, on a clock that the spec moves and an outbox that only keeps notes. The
-- same with real processes and disks: spec/system/jobs_spec.lua.
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"
local jobs = require "iflow.service.jobs"
local registry = require "iflow.registry"
local wall_clock = require "spec.support.wall_clock"

local HOUR, DAY = 3600, 86400

-- Notes as box:note has them. fails: the disk is full; writes: how often it was asked to write.
local function new_box()
  local box = { notes = {}, writes = 0 }
  function box:note(name, text)
    core.task.sleep(0)
    if text == nil then return self.notes[name] end
    self.writes = self.writes + 1
    if self.fails then return nil, iflow.error { code = "outbox.disk_full", message = "full" } end
    self.notes[name] = text or nil
    return true
  end
  return box
end

-- The note of a job, as a table.
local function noted(box, name) return assert(iflow.json.decode(box.notes["job/" .. name])) end

describe("jobs of a service", function()
  local before, box, ran, clock

  before_each(function()
    before, box, ran = registry.install(registry.new()), new_box(), {}
    core.log.capture(true)
  end)
  after_each(function()
    registry.install(before)
    core.log.capture(false)
  end)

  -- A spec with a clock that begins then.
  local function from(start, body)
    return async(function()
      clock = wall_clock(start)
      local _ <close> = clock
      body()
    end)
  end

  -- Planned times as "28 02:30:00" by UTC; with "!" when made up for.
  local function record(job)
    ran[#ran + 1] = os.date("!%d %H:%M:%S", job.planned) .. (job.missed and "!" or "")
  end

  local function start()
    return assert(jobs.start { box = box, registry = registry.current() })
  end

  -- The process is gone, without a word; the clock goes on.
  local function kill(running)
    for _, keeper in ipairs(running.keepers) do
      keeper.task:cancel()
      if keeper.worker then keeper.worker:cancel() end
    end
    clock:advance(0)
    core.log.captured()
  end

  local function logged(pattern)
    local text = core.log.captured()
    assert(text:find(pattern, 1, true), ("not logged: %s\nbut:\n%s"):format(pattern, text))
  end

  describe("run", function()
    it("at their times, once each, with their jitter", from("2026-06-01T00:00:00Z", function()
      local at
      local job = iflow.cron "minutely" { at = "*/15 * * * *", zone = "UTC", jitter = "5m",
        run = function(given)
          record(given)
          at = require("iflow.clock").now() - given.planned
        end }
      local running = start()
      clock:advance(3599)
      assert.same({ "01 00:00:00", "01 00:15:00", "01 00:30:00", "01 00:45:00" }, ran)
      assert.is_true(job.schedule.delay > 0 and math.abs(at - job.schedule.delay) < 0.01)
      running:stop(1)
    end))

    it("not when they are seen for the first time, but from then on also after a restart",
      from("2026-06-01T05:00:00Z", function()
        iflow.cron "daily" { at = "0 6 * * *", zone = "UTC", run = record }
        start():stop(1)
        clock:advance "2h"
        local running = start()
        clock:advance(1)
        assert.same({ "01 06:00:00!" }, ran)
        running:stop(1)
      end))

    it("by daylight saving time", from("2026-03-28T00:00:00Z", function()
      iflow.cron "nightly" { at = "30 2 * * *", zone = "Europe/Berlin", run = record }
      local running = start()
      clock:advance "72h"
      assert.same({ "28 01:30:00", "29 01:00:00", "30 00:30:00" }, ran)
      running:stop(1)
    end))

    it("once in an hour that comes twice", from("2026-10-24T12:00:00Z", function()
      iflow.cron "nightly" { at = "30 2 * * *", zone = "Europe/Berlin", run = record }
      local running = start()
      clock:advance "36h"
      assert.same({ "25 00:30:00" }, ran)
      running:stop(1)
    end))

    it("every so often, undisturbed by a restart", from("2026-06-01T00:02:00Z", function()
      iflow.every "poll" { interval = "5m", run = record }
      local running = start()
      clock:advance "4m"
      running:stop(1)
      running = start()
      clock:advance "5m"
      assert.same({ "01 00:05:00", "01 00:10:00" }, ran)
      running:stop(1)
      clock:advance "17m"
      running = start()
      clock:advance(1)
      assert.same({ "01 00:05:00", "01 00:10:00", "01 00:25:00!" }, ran)
      running:stop(1)
    end))

    it("each by itself: one that takes long holds up no other", from("2026-06-01T00:00:00Z",
      function()
        iflow.every "long" { interval = "1m", run = function() iflow.sleep "1h" end }
        iflow.every "short" { interval = "1m", run = record }
        local running = start()
        clock:advance "3m"
        assert.equal(3, #ran)
        running:stop(0)
      end))
  end)

  describe("make up for what was missed", function()
    local function missed_by(policy, over)
      local options = { at = "0 2 * * *", zone = "UTC", missed = policy, run = record }
      for name, value in pairs(over or {}) do options[name] = value end
      iflow.cron "daily" (options)
      local running = start()
      clock:advance "24h"
      running:stop(1)
      ran = {}
      clock:advance "72h"
      running = start()
      clock:advance(10)
      running:stop(1)
      start():stop(1)
      return ran
    end

    it("not at all with skip", from("2026-06-01T00:00:00Z", function()
      assert.same({}, missed_by "skip")
    end))
    it("with the latest by default", from("2026-06-01T00:00:00Z", function()
      assert.same({ "04 02:00:00!" }, missed_by(nil))
    end))
    it("with each, the oldest first, whatever overlap says", from("2026-06-01T00:00:00Z", function()
      for _, overlap in ipairs { "skip", "queue", "cancel" } do
        registry.install(registry.new())
        box.notes, ran = {}, {}
        assert.equal(3, #missed_by("all", { overlap = overlap }))
        assert.is_true(ran[1] < ran[2] and ran[2] < ran[3])
      end
    end))
    it("no further back than the window", from("2026-06-01T00:00:00Z", function()
      assert.same({ "03 02:00:00!", "04 02:00:00!" }, missed_by("all", { window = "47h" }))
    end))

    it("not by times that are new", from("2026-06-01T00:00:00Z", function()
      local function restart_with(at, zone)
        registry.install(registry.new())
        iflow.cron "daily" { at = at, zone = zone, run = record }
        local running = start()
        clock:advance(10)
        running:stop(1)
        clock:advance "12h"
      end
      restart_with("0 2 * * *", "UTC")
      restart_with("0 3 * * *", "UTC")
      restart_with("0 3 * * *", "Europe/Berlin")
      assert.same({}, ran)
      restart_with("0 3 * * *", "Europe/Berlin")
      assert.same({ "02 01:00:00!" }, ran)
    end))

    it("run by run, so that a kill loses only the one that ran", from("2026-06-01T00:00:00Z",
      function()
        local stuck = true
        iflow.cron "daily" { at = "0 2 * * *", zone = "UTC", missed = "all", run = function(job)
          record(job)
          if stuck then iflow.sleep "1h" end
        end }
        start():stop(1)
        clock:advance "72h"
        local running = start()
        clock:advance(1)
        assert.same({ "01 02:00:00!" }, ran)
        kill(running)
        stuck = false
        running = start()
        clock:advance(1)
        assert.same({ "01 02:00:00!", "02 02:00:00!", "03 02:00:00!" }, ran)
        logged "the run planned for 2026-06-01 02:00:00 UTC, begun at 2026-06-04 00:00:00 UTC"
        running:stop(1)
        core.log.captured()
        start():stop(1)
        assert.is_nil(core.log.captured():find "killed")
      end))
  end)

  describe("take a clock that jumps", function()
    local function nightly(start_of, step, way)
      return from(start_of, function()
        iflow.cron "nightly" { at = "30 2 * * *", zone = "UTC", run = record }
        local running = start()
        clock:advance "10m"
        clock[way](clock, step)
        clock:advance "26h"
        running:stop(1)
      end)
    end

    it("an hour forward, over the time of a run: it is made up for", function()
      nightly("2026-06-01T01:45:00Z", HOUR, "set")()
      assert.same({ "01 02:30:00!", "02 02:30:00" }, ran)
    end)
    it("an hour back: nothing runs twice", function()
      nightly("2026-06-01T02:25:00Z", -HOUR, "set")()
      assert.same({ "01 02:30:00", "02 02:30:00" }, ran)
    end)
    it("which was asleep: within a minute", function()
      nightly("2026-06-01T01:45:00Z", 10 * HOUR, "suspend")()
      assert.same({ "01 02:30:00!", "02 02:30:00" }, ran)
    end)
    it("and goes on with what runs every minute", from("2026-06-01T12:00:30Z", function()
      iflow.cron "minutely" { at = "* * * * *", zone = "UTC", run = record }
      local running = start()
      clock:advance "2m"
      clock:set(-HOUR)
      clock:advance "3m"
      assert.same({ "01 12:01:00", "01 12:02:00", "01 11:03:00", "01 11:04:00", "01 11:05:00" },
        ran)
      running:stop(1)
    end))
  end)

  describe("that overlap", function()
    -- Runs of 100 s each minute, for five minutes: when they were planned, and how they ended.
    local function crowd(overlap)
      local ended = 0
      iflow.cron "crowd" { at = "* * * * *", zone = "UTC", overlap = overlap, run = function(job)
        record(job)
        require("iflow.clock").sleep(100)
        ended = ended + 1
      end }
      local running = start()
      clock:advance(320)
      return running, ended
    end

    it("are left out with skip, also after a restart", from("2026-06-01T00:00:30Z", function()
      local running, ended = crowd "skip"
      assert.same({ "01 00:01:00", "01 00:03:00", "01 00:05:00" }, ran)
      assert.equal(2, ended)
      logged "the run planned for 2026-06-01 00:02:00 UTC is left out: the one before is not done"
      clock:advance "45s"
      assert.equal("01 00:05:00", ran[#ran])
      running:stop(1)
      assert.equal(1780272360, noted(box, "crowd").last)
    end))

    it("run afterwards with queue", from("2026-06-01T00:00:30Z", function()
      local running, ended = crowd "queue"
      assert.same({ "01 00:01:00", "01 00:02:00", "01 00:03:00" }, ran)
      assert.same({ 2, 2 }, { ended, running:status()[1].waiting })
      running:stop(0)
    end))

    it("end the one before with cancel", from("2026-06-01T00:00:30Z", function()
      local running, ended = crowd "cancel"
      assert.equal(5, #ran)
      assert.equal(0, ended)
      logged "was cancelled after 1 min: the next one is due"
      running:stop(0)
    end))

    it("are never two at once, also when the one before minds not its cancellation",
      from("2026-06-01T00:00:30Z", function()
        local now, most = 0, 0
        iflow.cron "stubborn" { at = "* * * * *", zone = "UTC", overlap = "cancel", run = function()
          now = now + 1
          most = math.max(most, now)
          pcall(require("iflow.clock").sleep, 1000)
          pcall(core.task.sleep, 0)
          now = now - 1
        end }
        local running = start()
        clock:advance "5m"
        assert.equal(1, most)
        running:stop(0)
      end))

    it("hold 1000 in the queue", from("2026-06-01T00:00:00Z", function()
      iflow.cron "second" { at = "* * * * * *", zone = "UTC", missed = "all", overlap = "queue",
        run = function() require("iflow.clock").sleep(5000) end }
      local running = start()
      clock:advance(2)
      clock:set(2000)
      clock:advance(70)
      assert.equal(1000, running:status()[1].waiting)
      logged "more than 1000 wait"
      running:stop(0)
    end))
  end)

  describe("that fail", function()
    local function ends_with(run)
      iflow.cron "daily" { at = "0 1 * * *", zone = "UTC", run = run }
      local running = start()
      clock:advance(25.5 * HOUR)
      local status = running:status()[1]
      running:stop(1)
      return status.last
    end

    for what, case in pairs {
      ["by an error"] = { function() error "the file is gone" end, "the file is gone" },
      ["by an error that is no text"] = { function() error({}) end, "table" },
      ["by nothing at all"] = { function() error() end, "nil" },
      ["by nil, err"] = { function() return nil, iflow.error { code = "call.rejected",
        message = "the tenant refused" } end, "the tenant refused" },
      ["by false"] = { function() return false end, "it returned false" },
      ["by an exit code"] = { function() return 4 end, "it returned 4" },
      ["by iflow.reject"] = { function() return iflow.reject "no export today" end,
        "no export today" },
      ["by a summary"] = { function()
        return setmetatable({ exit_code = function() return 1 end },
          { __tostring = function() return "3 rejected" end })
      end, "3 rejected" },
    } do
      it("are logged with name, time and reason: " .. what, from("2026-06-01T00:00:00Z",
        function()
          local last = ends_with(case[1])
          assert.equal("failed", last.outcome)
          assert.is_truthy(last.reason:find(case[2], 1, true), last.reason)
          local text = core.log.captured()
          for day = 1, 2 do -- it goes on the next day
            local line = text:match(("job:         (the run planned for 2026%%-06%%-0%d [^\n]*)\n?")
              :format(day))
            assert.is_truthy(line and line:find(case[2], 1, true), text)
          end
        end))
    end

    for what, run in pairs {
      ["nothing"] = function() end,
      ["iflow.done()"] = function() return iflow.done() end,
      ["0"] = function() return 0 end,
      ["an answer"] = function() return { outcome = "delivered" } end,
    } do
      it("do not when they end with " .. what, from("2026-06-01T00:00:00Z", function()
        assert.equal("fine", ends_with(run).outcome)
      end))
    end
  end)

  describe("that ask to be run again", function()
    local function again(options)
      iflow.cron "daily" { at = options.at or "0 1 * * *", zone = "UTC", missed = options.missed,
        run = function(job)
          ran[#ran + 1] = ("%s/%d"):format(os.date("!%d %H", job.planned), job.attempt)
          if job.attempt < options.attempts then return iflow.retry_after(options.wait) end
        end }
      return start()
    end

    it("are, for the time they stand for", from("2026-06-01T00:00:00Z", function()
      local running = again { attempts = 3, wait = "5m" }
      clock:advance "64m"
      assert.same({ "01 01/1" }, ran)
      assert.equal(1, running:status()[1].again)
      logged "is run again after 5 min"
      clock:advance "2m"
      assert.same({ "01 01/1", "01 01/2" }, ran)
      clock:advance "1h"
      assert.same({ "01 01/1", "01 01/2", "01 01/3" }, ran)
      assert.equal("fine", running:status()[1].last.outcome)
      running:stop(1)
    end))

    it("are also after a restart", from("2026-06-01T00:00:00Z", function()
      local running = again { attempts = 2, wait = "2h" }
      clock:advance "90m"
      kill(running)
      clock:advance "3h"
      running = start()
      clock:advance(1)
      assert.same({ "01 01/1", "01 01/2" }, ran)
      running:stop(1)
      assert.same({}, noted(box, "daily").again)
    end))

    it("are also after a restart with other times", from("2026-06-01T00:00:00Z", function()
      local running = again { attempts = 2, wait = "2h" }
      clock:advance "90m"
      running:stop(1)
      clock:advance "3h"
      registry.install(registry.new())
      running = again { at = "0 7 * * *", attempts = 2, wait = "2h" }
      clock:advance(1)
      assert.same({ "01 01/1", "01 01/2" }, ran)
      running:stop(1)
      assert.equal(1780272000 + 4.5 * HOUR, noted(box, "daily").last)
    end))

    it("do not wait longer when the clock is set back", from("2026-06-01T00:00:00Z", function()
      local running = again { attempts = 2, wait = "30m" }
      clock:advance "61m"
      clock:set(-HOUR)
      clock:advance "31m"
      assert.same({ "01 01/1", "01 01/2" }, ran)
      running:stop(1)
    end))

    it("give way to the next planned run", from("2026-06-01T00:00:00Z", function()
      local running = again { at = "0 * * * *", attempts = 2, wait = "90m" }
      clock:advance "190m"
      assert.same({ "01 01/1", "01 02/1", "01 03/1" }, ran)
      running:stop(1)
    end))

    it("are all worked off with missed = all", from("2026-06-01T00:00:00Z", function()
      local running = again { at = "0 * * * *", attempts = 2, wait = "90m", missed = "all" }
      clock:advance "215m"
      assert.same({ "01 01/1", "01 02/1", "01 01/2", "01 03/1", "01 02/2" }, ran)
      running:stop(1)
    end))

    it("are 100 at most", from("2026-06-01T00:00:00Z", function()
      iflow.cron "often" { at = "* * * * *", zone = "UTC", missed = "all",
        run = function() return iflow.retry_after "1d" end }
      local running = start()
      clock:advance "105m"
      assert.equal(100, running:status()[1].again)
      logged "more than 100 runs ask"
      assert.is_true(#box.notes["job/often"] < 64 * 1024)
      running:stop(1)
    end))
  end)

  describe("and the disk", function()
    it("know that a run begins before it begins", from("2026-06-01T00:00:00Z", function()
      local found
      iflow.cron "daily" { at = "0 1 * * *", zone = "UTC", run = function(job)
        found = noted(box, "daily")
        assert.equal(job.planned, found.last)
      end }
      local running = start()
      clock:advance "2h"
      assert.equal(found.last, found.running.planned)
      assert.is_nil(noted(box, "daily").running)
      assert.equal("fine", running:status()[1].last.outcome)
      running:stop(1)
    end))

    it("wait for each other: nothing begins that could not be noted", from("2026-06-01T00:00:00Z",
      function()
        iflow.cron "daily" { at = "0 1 * * *", zone = "UTC", run = record }
        local running = start()
        clock:advance "10m"
        box.fails = true
        clock:advance "2h"
        assert.same({}, ran)
        logged "job:         the outbox cannot note its runs"
        box.fails = false
        clock:advance(10)
        assert.same({ "01 01:00:00" }, ran)
        running:stop(1)
      end))

    it("do not keep a service from ending", from("2026-06-01T00:00:00Z", function()
      iflow.cron "daily" { at = "0 1 * * *", zone = "UTC", run = record }
      local running = start()
      clock:advance "10m"
      box.fails = true
      clock:advance "2h"
      running:stop(0.5)
      box.fails = false
      running = start()
      clock:advance(1)
      assert.same({ "01 01:00:00!" }, ran)
      running:stop(1)
    end))

    it("begin anew when a note is damaged", from("2026-06-01T00:00:00Z", function()
      iflow.cron "daily" { at = "0 1 * * *", zone = "UTC", run = record }
      for _, text in ipairs { "", "{", "[]", '{"last":"x"}', '{"last":1,"again":[{"at":1}]}' } do
        box.notes["job/daily"] = text
        start():stop(1)
        logged "damaged"
      end
    end))

    it("tell when a note cannot be read", from("2026-06-01T00:00:00Z", function()
      iflow.cron "daily" { at = "0 1 * * *", zone = "UTC", run = record }
      function box.note()
        return nil, iflow.error { code = "outbox.failed", message = "no disk" }
      end
      local running, err = jobs.start { box = box, registry = registry.current() }
      assert.is_nil(running)
      assert.equal("outbox.failed", err.code)
    end))

    it("write little: once a start, twice a run", from("2026-06-01T00:00:00Z", function()
      iflow.cron "hourly" { at = "@hourly", zone = "UTC", run = record }
      local running = start()
      clock:advance "59m"
      assert.equal(1, box.writes)
      clock:advance "1h"
      assert.equal(3, box.writes)
      running:stop(1)
    end))
  end)

  describe("that are stopped", function()
    local function long()
      local ended = {}
      iflow.cron "long" { at = "1,2 * * * *", zone = "UTC", overlap = "queue", run = function(job)
        record(job)
        local _ <close> = setmetatable({}, { __close = function()
          ended[#ended + 1] = "closed"
        end })
        require("iflow.clock").sleep(90)
        ended[#ended + 1] = "ended"
      end }
      local running = start()
      clock:advance(140)
      return running, ended
    end

    it("end what runs and begin nothing", from("2026-06-01T00:00:00Z", function()
      local running, ended = long()
      local stopping = iflow.spawn(function() running:stop(60) end)
      clock:advance "30s"
      assert.same({ "ended", "closed" }, ended)
      stopping:join()
      clock:advance "10m"
      assert.same({ "01 00:01:00" }, ran)
      running:stop(0)
    end))

    it("are cancelled when the time is over", from("2026-06-01T00:00:00Z", function()
      local running, ended = long()
      running:stop(0.5)
      assert.same({ "closed" }, ended)
      logged "was cancelled after 1 min 20 s: the service stops"
      assert.is_nil(noted(box, "long").running)
    end))

    it("find what waited for its turn at the next start", from("2026-06-01T00:00:00Z", function()
      local running = long()
      running:stop(0)
      clock:advance "3m"
      ran = {}
      running = start()
      clock:advance(1)
      assert.same({ "01 00:02:00!" }, ran)
      running:stop(0)
    end))
  end)

  it("say what they do", from("2026-06-01T00:00:00Z", function()
    iflow.cron "daily" { at = "0 1 * * *", zone = "UTC", run = function()
      require("iflow.clock").sleep(DAY)
    end }
    iflow.every "poll" { interval = "2h", run = record }
    local running = start()
    clock:advance "90m"
    local daily, poll = table.unpack(running:status())
    assert.same({ "cron", "daily", 1780272000 + 25 * HOUR, 0, 0 },
      { daily.kind, daily.name, daily.next, daily.waiting, daily.again })
    assert.same({ planned = 1780272000 + HOUR, began = daily.running.began }, daily.running)
    assert.same({ "every", "poll", 1780272000 + 2 * HOUR }, { poll.kind, poll.name, poll.next })
    assert.is_nil(poll.running)
    running:stop(0)
  end))
end)
