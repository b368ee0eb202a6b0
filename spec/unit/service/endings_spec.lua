-- What the log says of credentials that come to their end.
local clock = require "iflow.clock"
local core = require "iflow.core"
local new_endings = require "iflow.service.credentials.endings"

local DAY = 86400

describe("the end of a credential", function()
  local now, before, level

  before_each(function()
    now = 1800000000
    before = clock.install { now = function() return now end, monotonic = core.task.monotonic,
      sleep = core.task.sleep, work = function() end }
    level = core.log.level "info"
    core.log.format "json"
    core.log.capture(true)
  end)
  after_each(function()
    core.log.capture(false)
    core.log.format "text"
    core.log.level(level)
    clock.install(before)
  end)

  local source = { owner = "sender", name = "orders", what = "the sender 'orders'", key = "k" }

  -- The events since the last question, each with its level and days.
  local function told()
    local list = {}
    for line in core.log.captured():gmatch "[^\n]+" do
      local event = assert(core.json.decode(line))
      assert.equal("orders", event.sender)
      list[#list + 1] = ("%s %s %d"):format(event.level, event.event, event.days)
    end
    return list
  end

  it("is told 30, 14, 7 and 1 days before, and when it came", function()
    local endings = new_endings()
    local entry = { kind = "client certificate", path = "orders.pem", not_after = now + 40 * DAY }
    local all = {}
    for _ = 1, 42 * 4 do
      endings:look(source, { entry })
      table.move(told(), 1, 9, #all + 1, all)
      now = now + DAY // 4
    end
    assert.same({ "warn credential_ends 30", "warn credential_ends 14", "warn credential_ends 7",
      "error credential_ends 1", "error credential_ends 0" }, all)
  end)

  it("is told at once, and once, when it is near already; again of what replaces it", function()
    local endings = new_endings()
    local entry = { kind = "client certificate", path = "orders.pem", not_after = now + 5 * DAY }
    for _ = 1, 3 do endings:look(source, { entry }) end
    assert.same({ "warn credential_ends 5" }, told())
    endings:look(source, { { kind = entry.kind, path = entry.path, not_after = now + 6 * DAY } })
    assert.same({ "warn credential_ends 6" }, told())
  end)

  it("does not matter any more when its successor has taken over", function()
    local endings = new_endings()
    local both = { { kind = "service key", credential = "current", not_after = now + DAY // 2 },
      { kind = "next service key", credential = "next", not_after = now + 10 * DAY } }
    endings:look(source, both, "next")
    assert.same({ "warn credential_ends 10" }, told())
    endings:look(source, both, "current")
    assert.same({ "error credential_ends 0" }, told())
  end)

  it("may be its age", function()
    local old = { kind = "service key", path = "orders.json", created = now - 200 * DAY }
    new_endings():look(source, { old })
    assert.same({}, told())
    local endings = new_endings(180 * DAY)
    for _ = 1, 2 do endings:look(source, { old }) end
    assert.same({ "warn credential_old 200" }, told())
  end)
end)
