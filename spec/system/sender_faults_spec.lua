-- Thousands of messages through a tenant on a bad day: none is lost, and the tenant's log agrees
-- with what the sender says of them. Waits of the retry policy pass on a clock of the test.
local async = require "spec.support.async"
local fresh = require "spec.support.fresh"
local iflow = require "iflow"
local landscape = require "spec.support.landscape"
local new_clock = require "iflow.test.clock"
local size = require "spec.support.size"

local COUNT = size.of(1000, 10000)
-- Chances with a seed fall the same way in every run.
local FAULTS = { "runtime:503@10%,seed=1", "runtime:429=1s@5%,seed=2",
                 "runtime:reset=after@2%,seed=3", "runtime:reset=answer@1%,seed=4",
                 "token:expires=2s" }

before_each(fresh.begin)
after_each(fresh.finish)

local function id_of(number) return ("order-%05d"):format(number) end

-- A tenant where the log has room for all, and no token is good for longer than it says.
local function open()
  local land = landscape.open { settings = { log_size = 3 * COUNT, clock_leeway = 0 } }
  for _, text in ipairs(FAULTS) do assert(land.sb:fault(text)) end
  return land
end

local function define(land, idempotent)
  local options = land:tenant_options("secret", {
    to = "/http/orders", idempotent = idempotent,
    retry = iflow.retry { first = "10ms", max = "50ms", attempts = 50 },
    transform = iflow.transform.to_json {},
    message_id = function(msg) return id_of(msg.data.number) end,
  })
  return iflow.sender "orders" (options)
end

local function numbers(count)
  local number = 0
  return function()
    number = number + 1
    return number <= count and { number = number } or nil
  end
end

-- How often the flow ran to its end for each id, by the tenant's log; and for all of them.
local function runs(land)
  local found, all = {}, 0
  for _, entry in ipairs(land.sb:log()) do
    assert.equal("COMPLETED", entry.status)
    found[entry.application_id] = (found[entry.application_id] or 0) + 1
    all = all + 1
  end
  return found, all
end

describe("on a bad day", function()
  it("an idempotent sender delivers everything, each message at least once", async(function()
    local land <close> = open()
    local orders = define(land, true)
    local _ <close> = new_clock()
    local summary = assert(orders:send_all(numbers(COUNT)))
    assert.same({ COUNT, 0, 0, 0 }, { summary.delivered, summary.rejected, summary.in_doubt,
      summary.retryable })
    assert.equal(0, summary:exit_code())
    local found, all = runs(land)
    for number = 1, COUNT do assert.is_truthy(found[id_of(number)], id_of(number)) end
    assert.is_true(summary.retried >= COUNT * 0.08)
    assert.is_true(all > COUNT) -- answers were lost, so some came twice
    assert.is_true(all <= COUNT + summary.retried)
    orders:close()
  end, { limit = 900 }))

  it("any other sender says which ones are in doubt, and sends nothing twice", async(function()
    local land <close> = open()
    local orders = define(land, false)
    local _ <close> = new_clock()
    local doubt = {}
    local summary = assert(orders:send_all(numbers(COUNT // 2), { each = function(msg, _, err)
      if err then doubt[msg.id] = err.outcome end
    end }))
    assert.equal(COUNT // 2, summary.delivered + summary.in_doubt)
    assert.is_true(summary.in_doubt > 0)
    assert.equal(5, summary:exit_code())
    local found = runs(land)
    for number = 1, COUNT // 2 do
      local id = id_of(number)
      if doubt[id] then
        assert.equal("in_doubt", doubt[id])
        assert.is_true((found[id] or 0) <= 1)
      else
        assert.equal(1, found[id])
      end
    end
    orders:close()
  end, { limit = 300 }))
end)
