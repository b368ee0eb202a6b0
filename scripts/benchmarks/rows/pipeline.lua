-- pipeline.lua -- end to end: a CSV file, each record to JSON, into the outbox (durable), delivered
-- to nginx over TLS, acknowledged on disk.
local transforms = require "scripts.benchmarks.lib.transforms"

local function one(bench, to, path)
  local box = bench.work .. "/pipeline.db"
  local run = bench:run { bench:iflow(), "run", "--service-key", to.key, "--cacert", to.cacert,
    "--token-cache", "off", bench.file "peers/iflow_pipeline.lua", "--", path, box }
  os.execute(("rm -rf %s*"):format(box))
  local count, seconds = run.out:match "(%d+)%s+(%S+)"
  return count / seconds, run.cpu / count * 1e6
end

return { { id = "pipeline", run = function(bench)
  local path = transforms.csv(bench, bench:size(10000, 2000, 100))
  local rates, costs = {}, {}
  for i = 1, bench:rounds() do rates[i], costs[i] = one(bench, bench:endpoint(), path) end
  bench:add { id = "pipeline.rate", value = bench.median(rates), unit = "messages/s" }
  bench:add { id = "pipeline.cpu", value = bench.median(costs), unit = "us/message" }
end } }
