-- token.lua -- the token storm: 10,000 coroutines on a cold cache make one request (nginx counts
-- them), and what a token from the cache costs: in a call, in instructions, since it is too little
-- to be timed (a microsecond is a thousand of them and more); and from tenant:token(), which also
-- reads the roles and makes a table.
local clients = require "scripts.benchmarks.lib.clients"

-- In C, where a call looks for its token.
local HIT, FEW, MANY = "ifl_token_peek", 100, 300

local function requests(to)
  local count = 0
  for _ in io.lines(to.dir .. "/token.log") do count = count + 1 end
  return count
end

local function add_hit(bench)
  local client = clients.iflow(bench)
  local function within(count)
    return bench:instructions(client.command(count, 1, "string"), "--toggle-collect=" .. HIT)
  end
  local few = within(FEW)
  if not few or few == 0 then return end -- no valgrind, or no symbols
  bench:add { id = "token.hit", value = (within(MANY) - few) / (MANY - FEW),
    unit = "instructions/call (user)", at_most = 1000 }
end

return { { id = "token", run = function(bench)
  local to = bench:endpoint()
  local tasks, hits = bench:size(10000, 10000, 100), bench:size(30000, 10000, 100)
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
  bench:add { id = "token.get", value = bench.median(costs), unit = "us" }
  if not bench.tiny then add_hit(bench) end
end } }
