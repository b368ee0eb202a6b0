-- latency.lua -- latency at a constant rate in an open loop, counted from when each message was due
-- as wrk2 does, with 1 ms and 20 ms of latency in the server; and the collector's longest step.
local clients = require "scripts.benchmarks.lib.clients"

local RATE = 500 -- messages a second
local PERCENTILES = { "p50", "p99", "p999", "max" }

local function ours(bench, path, more)
  local to = bench:endpoint()
  local command = { bench:iflow(), "run", "--service-key", to.key, "--cacert", to.cacert,
    "--token-cache", "off", bench.file "peers/iflow_rate.lua", "--", path, to.body, RATE,
    bench:size(6, 2, 1), more }
  return bench:run(command).out
end

local function theirs(bench, path)
  local to, program = bench:endpoint(), bench.work .. "/rate"
  clients.build_go(bench, "rate")
  return bench:run { program, path, RATE, bench:size(6, 2, 1), env = { CACERT = to.cacert,
    BODY = to.body, TOKEN = to.dir .. "/token" } }.out
end

local function figures(text, into)
  local i = 0
  for value in text:gmatch "%S+" do
    i = i + 1
    into[i] = into[i] or {}
    table.insert(into[i], tonumber(value))
  end
end

local function row(milliseconds)
  local id = ("latency.%dms"):format(milliseconds)
  return { id = id, run = function(bench)
    local path, has_go = bench:slow_server() .. milliseconds, bench:has "go"
    local of_us, of_them = {}, {}
    for _ = 1, bench.quick and 1 or 3 do
      figures(ours(bench, path), of_us)
      if has_go then figures(theirs(bench, path), of_them) end
    end
    for i, name in ipairs(PERCENTILES) do
      bench:add { id = id .. "." .. name, value = bench.median(of_us[i]), unit = "ms",
        ratio_to = "Go net/http", missing = not has_go,
        theirs = has_go and bench.median(of_them[i]) or nil }
    end
  end }
end

return {
  row(1), row(20),
  { id = "latency.gc", run = function(bench)
    local longest = tonumber(ours(bench, bench:slow_server() .. 20, "gc"))
    bench:add { id = "latency.gc_step", value = longest, unit = "ms, longest", at_most = 5 }
  end },
}
