-- memory.lua -- most resident memory: 10,000 calls that wait for a slow endpoint (64 connections,
-- 50 ms each), and a body of 1 GiB that is streamed. What a million messages leave behind stands in
-- growth.lua.
local clients = require "scripts.benchmarks.lib.clients"

local function run_of(bench, script, ...)
  local to = bench:endpoint()
  return bench:run { bench:iflow(), "run", "--service-key", to.key, "--cacert", to.cacert,
    "--token-cache", "off", bench.file("peers/" .. script), "--", ... }
end

local function parked(bench)
  local count, url = bench:size(10000, 10000, 50), bench:slow_server() .. "50"
  local to, go = bench:endpoint(), clients.go(bench)
  local ours = run_of(bench, "iflow_parked.lua", count, url, to.body).rss
  local theirs
  if not go.missing then
    local command = go.command(count, count, "string")
    command[2], command.env.CONNECTIONS = url, "64"
    theirs = bench:run(command).rss
  end
  bench:add { id = "memory.parked_10k_mb", value = ours, unit = ("MiB, %d calls"):format(count),
    at_most = 75 }
  bench:add { id = "memory.parked_10k_mb", value = ours, unit = ("MiB, %d calls"):format(count),
    ratio_to = go.name, theirs = theirs, missing = go.missing }
end

local function streamed(bench)
  local mib, to = bench:size(1024, 256, 2), bench:endpoint()
  local ours = run_of(bench, "iflow_stream.lua", mib)
  local curl = bench:run { "sh", "-c", ([[
    head -c %dM /dev/zero | curl -sf --cacert %s -o /dev/null -X POST -T - -H Expect: %s/http/large
  ]]):format(mib, to.cacert, to.url) }
  local unit = ("MiB, a body of %d MiB"):format(mib)
  bench:add { id = "memory.stream_1gib_mb", value = ours.rss, unit = unit, at_most = 20 }
  bench:add { id = "memory.stream_1gib_mb", value = ours.rss, unit = unit, ratio_to = "curl -T",
    theirs = curl.rss }
  bench:add { id = "memory.stream_cpu", value = ours.cpu / mib * 1e3, unit = "ms/MiB",
    ratio_to = "curl -T", theirs = curl.cpu / mib * 1e3 }
end

return { { id = "memory.parked_10k_mb", run = parked },
  { id = "memory.stream_1gib_mb", run = streamed } }
