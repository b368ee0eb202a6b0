-- token.lua -- the token storm: 10,000 coroutines on a cold cache make one request (nginx counts
-- them), and what a token from the cache costs.
local function requests(to)
  local count = 0
  for _ in io.lines(to.dir .. "/token.log") do count = count + 1 end
  return count
end

return { { id = "token", run = function(bench)
  local to = bench:endpoint()
  local tasks, hits = bench:size(10000, 10000, 100), bench:size(200000, 50000, 100)
  local costs, waits, most = {}, {}, 0
  for i = 1, bench:rounds() do
    local before = requests(to)
    local run = bench:run { bench:iflow(), "run", "--service-key", to.key, "--cacert", to.cacert,
      "--token-cache", "off", bench.file "peers/iflow_storm.lua", "--", tasks, hits }
    local storm, hit = run.out:match "(%S+)%s+(%S+)"
    waits[i], costs[i] = storm / tasks * 1e6, hit / hits * 1e6
    most = math.max(most, requests(to) - before)
  end
  bench:add { id = "token.storm_requests", value = most, unit = ("requests, %d tasks"):format(
    tasks), at_most = 1 }
  bench:add { id = "token.storm", value = bench.median(waits), unit = "us/task" }
  bench:add { id = "token.hit", value = bench.median(costs), unit = "us", at_most = 1 }
end } }
