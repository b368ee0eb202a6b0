local due = require "iflow.schedule.due"
local expressions = require "iflow.schedule.expression"
local zones = require "iflow.zone"

local DAY, HOUR = 86400, 3600

-- Midnight of 2026-06-01, UTC.
local start = 20605 * DAY

local function schedule(at, over)
  local made = { expression = assert(expressions.parse(at)), zone = zones.utc(), missed = "one",
    window = 7 * DAY, delay = 0 }
  for key, value in pairs(over or {}) do made[key] = value end
  return made
end

-- The planned times of what is due, as seconds after `start`.
local function planned(found)
  local list = {}
  for i, run in ipairs(found.runs) do list[i] = run.planned - start end
  return list
end

describe("what is due", function()
  it("is nothing for a job never seen: its life begins now", function()
    local found = due.check(schedule "0 2 * * *", nil, start + 5 * HOUR)
    assert.same({ runs = {}, last = start + 5 * HOUR, next = start + DAY + 2 * HOUR }, found)
  end)

  it("is a run when its time has come, once", function()
    local daily = schedule "0 2 * * *"
    local before = due.check(daily, start, start + 2 * HOUR - 0.001)
    assert.same({ {}, start, start + 2 * HOUR }, { before.runs, before.last, before.next })
    local found = due.check(daily, start, start + 2 * HOUR)
    assert.same({ 2 * HOUR }, planned(found))
    assert.same({ 0, false, start + 2 * HOUR, start + DAY + 2 * HOUR },
      { found.runs[1].late, found.runs[1].missed, found.last, found.next })
    assert.same({}, due.check(daily, found.last, start + 2 * HOUR + 1).runs)
  end)

  it("comes one by one while a service runs, whatever is done about missed ones", function()
    for _, missed in ipairs { "skip", "one", "all" } do
      local minutely, last, now, count = schedule("* * * * *", { missed = missed }), start, start, 0
      for _ = 1, 100 do
        local found = due.check(minutely, last, now)
        count, last, now = count + #found.runs, found.last, found.next
      end
      assert.equal(99, count)
      assert.equal(start + 100 * 60, now)
    end
  end)

  it("is told with what the clock should have shown", function()
    local berlin = schedule("30 2 * * *", { zone = assert(zones.open "Europe/Berlin") })
    local gap = 1774746000 -- 2026-03-29 01:00 UTC
    local run = due.check(berlin, gap - HOUR, gap).runs[1]
    assert.same({ gap, gap + 90 * 60 }, { run.planned, run.wall })
  end)
end)

describe("what was missed", function()
  local now = start + 3 * DAY + 12 * HOUR
  local three = { 2 * HOUR + DAY, 2 * HOUR + 2 * DAY, 2 * HOUR + 3 * DAY }

  it("is left out with skip", function()
    local found = due.check(schedule("0 2 * * *", { missed = "skip" }), start + 2 * HOUR, now)
    assert.same({}, found.runs)
    assert.same({ start + 2 * HOUR, start + 4 * DAY + 2 * HOUR }, { found.last, found.next })
  end)

  it("runs with skip when it is less than a minute late", function()
    local daily = schedule("0 2 * * *", { missed = "skip" })
    assert.same({ 2 * HOUR }, planned(due.check(daily, start, start + 2 * HOUR + 60)))
    assert.same({}, planned(due.check(daily, start, start + 2 * HOUR + 62)))
  end)

  it("runs once with one, the latest", function()
    local found = due.check(schedule "0 2 * * *", start + 2 * HOUR, now)
    assert.same({ three[3] }, planned(found))
    assert.same({ true, 10 * HOUR }, { found.runs[1].missed, found.runs[1].late })
    assert.same({}, due.check(schedule "0 2 * * *", found.last, now).runs)
  end)

  it("runs one by one with all, the oldest first", function()
    local found = due.check(schedule("0 2 * * *", { missed = "all" }), start + 2 * HOUR, now)
    assert.same(three, planned(found))
    assert.equal(start + three[3], found.last)
    assert.is_nil(found.dropped)
  end)

  it("runs when it is no older than the window", function()
    for _, missed in ipairs { "one", "all" } do
      local daily = schedule("0 2 * * *", { missed = missed, window = 10 * HOUR })
      assert.same({ three[3] }, planned(due.check(daily, start + 2 * HOUR, now)))
      assert.same({}, planned(due.check(daily, start + 2 * HOUR, now + 2)))
    end
    assert.same({ three[2], three[3] }, planned(due.check(schedule("0 2 * * *",
      { missed = "all", window = 34 * HOUR }), start, now)))
  end)

  it("is the last 1000 at most, found without a walk through years", function()
    local found = due.check(schedule("* * * * * *", { missed = "all", window = 366 * DAY }),
      start - 300 * DAY, start)
    assert.equal(1000, #found.runs)
    assert.same({ start - 999, start, true },
      { found.runs[1].planned, found.runs[1000].planned, found.dropped })
    assert.same({ 0 }, planned(due.check(schedule("* * * * * *", { window = 366 * DAY }),
      start - 300 * DAY, start)))
  end)

  it("is found when it is rare", function()
    assert.same({ -31 * DAY }, planned(due.check(schedule("0 0 1 5 *", { window = 366 * DAY }),
      start - 200 * DAY, start)))
  end)
end)

describe("jitter", function()
  local daily = schedule("0 2 * * *", { delay = 100 })

  it("puts off each run", function()
    assert.same({}, due.check(daily, start, start + 2 * HOUR + 99).runs)
    local found = due.check(daily, start, start + 2 * HOUR + 100)
    assert.same({ 2 * HOUR }, planned(found))
    assert.same({ false, start + DAY + 2 * HOUR + 100 }, { found.runs[1].missed, found.next })
    assert.same(found.next, due.check(daily, found.last, start + 2 * HOUR + 101).next)
  end)

  it("is in the times that lie ahead", function()
    local list = {}
    for at, plan, wall in due.between(daily, start + 2 * HOUR + 100, start + DAY + 2 * HOUR + 100)
    do
      list[#list + 1] = { at - start, plan - start, wall - start }
    end
    assert.same({ { 2 * HOUR + 100, 2 * HOUR, 2 * HOUR } }, list)
  end)
end)

describe("a clock that jumps", function()
  it("forward by an hour misses what lay in it", function()
    local half = schedule("30 * * * *", { missed = "all" })
    assert.same({ 1800 }, planned(due.check(half, start, start + HOUR + 600)))
  end)

  it("back by an hour repeats no named hour", function()
    local daily = schedule "0 2 * * *"
    local found = due.check(daily, start + 2 * HOUR, start + HOUR + 600)
    assert.same({ {}, start + 2 * HOUR, start + DAY + 2 * HOUR },
      { found.runs, found.last, found.next })
    assert.same({}, due.check(daily, found.last, start + 2 * HOUR).runs)
  end)

  it("back by an hour does not silence what runs every minute", function()
    local minutely = schedule "* * * * *"
    local found = due.check(minutely, start + 2 * HOUR, start + HOUR + 30)
    assert.same({ {}, start + HOUR + 60 }, { found.runs, found.next })
    assert.same({ HOUR + 60 }, planned(due.check(minutely, found.last, found.next)))
  end)

  it("back by a moment repeats nothing", function()
    local minutely = schedule "* * * * *"
    local found = due.check(minutely, start + 60, start + 59.99)
    assert.same({ {}, start + 120 }, { found.runs, found.next })
  end)

  it("back by years begins anew", function()
    local found = due.check(schedule "0 2 * * *", start + 4000 * DAY, start)
    assert.same({ runs = {}, last = start - 1, next = start + 2 * HOUR }, found)
  end)
end)
