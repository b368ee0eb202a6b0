-- The service under SIGKILL: producers post to its relays, the tenant fails in every way that a
-- sandbox can, and the service is killed at random points and started again. What must hold is in
-- spec/support/harness/judge.lua. HARNESS_SEED repeats the points of a run that failed, as far as
-- processes repeat themselves.
local async = require "spec.support.async"
local core = require "iflow.core"
local harness = require "spec.support.harness"
local judge = require "spec.support.harness.judge"
local size = require "spec.support.size"

local KILLS = tonumber(os.getenv "HARNESS_KILLS") or size.of(12, 200)
local FAULTS = { "runtime:503@4%", "runtime:reset=before@2%", "runtime:reset=after@2%",
  "runtime:reset=answer@3%", "runtime:late=150ms@20%", "token:503@20%", "token:reset@10%" }

-- A quarter of the kills hit a service that is starting, some one that is stopping, the rest one at
-- work.
local function run_a_while(service)
  if math.random() < 0.25 then
    core.task.sleep(math.random() * 0.3)
    return
  end
  service:await_service()
  core.task.sleep(math.random())
  if math.random() < 0.15 then
    service.service:signal "TERM"
    core.task.sleep(math.random() * 0.2)
  end
end

local function kill_again_and_again(service, court)
  for _ = 1, KILLS do
    service:serve()
    run_a_while(service)
    service:kill()
    local box <close> = service:open_outbox()
    court:look(box)
  end
end

local function ids_in_doubt(service)
  local ids = {}
  for _, msg in ipairs(service:command("list", "--sender", "payments", "--state", "in_doubt",
    "--limit", "all").messages) do
    ids[#ids + 1] = msg.id
  end
  return ids
end

local function judge_it(service, court)
  service:serve()
  service:await_service()
  service:end_production()
  service:clear_faults()
  service:settle()
  local listed = ids_in_doubt(service)
  service:stop()
  local box <close> = service:open_outbox()
  local duplicates, doubtful = court:orders(box), court:payments(box, listed)
  local repeated = court:drops(box)
  court:invoices(box)
  assert.same({}, core.file.list(service.dir:file "failed"))
  assert.is_true(#court.accepted.orders > KILLS and #court.accepted.payments > KILLS)
  print(("%d kills: %d orders, %d duplicates; %d payments, %d of them in doubt; %d invoices; %d "
    .. "lines of files, %d duplicates"):format(court.kills, #court.accepted.orders, duplicates,
    #court.accepted.payments, doubtful, #court.accepted.invoices, #court.accepted.drops, repeated))
end

local function retry_what_is_in_doubt(service, court)
  service:serve()
  service:await_service()
  service:command("retry", "--sender", "payments", "--state", "in_doubt", "--yes")
  service:settle()
  service:stop()
  local box <close> = service:open_outbox()
  court:retried(box)
end

describe("a service that is killed again and again", function()
  it("loses nothing, repeats only what was in flight, and keeps order", async(function()
    local seed = tonumber(os.getenv "HARNESS_SEED") or os.time()
    math.randomseed(seed)
    local service <close> = harness.new { keys = 4, pause = 0.03, files = true }
    local court <close> = judge.new { accepted = service.accepted, arrivals = service.arrivals }
    local ok, err = xpcall(function()
      service:fault(table.unpack(FAULTS))
      service:produce()
      kill_again_and_again(service, court)
      judge_it(service, court)
      retry_what_is_in_doubt(service, court)
    end, debug.traceback)
    if not ok then
      error(("HARNESS_SEED=%d: %s\n%s"):format(seed, tostring(err),
        service.service and service.service:output():sub(-4000) or ""), 0)
    end
  end, { limit = size.of(600, 7200) }))
end)
