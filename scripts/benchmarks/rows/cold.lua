-- cold.lua -- one message by a program that starts, sends it and ends, as from cron: CPU of the
-- whole. iflow run of a small script with a token fetched, and with one from the cache on disk;
-- curl, with the same root and a token that it is given; and a shell script of two curls. The same
-- with the program that has libcurl within it (IFLOW_STATIC), where it is built.
local clients = require "scripts.benchmarks.lib.clients"

local RUNS = 10 -- a round

local TWO_CURLS = [[
#!/bin/sh
# What is in many crontabs: a token, then the message.
token=$(curl -s --fail --cacert %s -u 'sb-1!b2|it-rt-acme!b3:s3cret' \
  -d grant_type=client_credentials %s/oauth/token |
  sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -s --fail --cacert %s -o /dev/null -H "Authorization: Bearer $token" \
  -H 'Content-Type: application/json' -H 'Accept: application/json' \
  -H 'SAP_ApplicationID: 01890a5d-ac96-774b-bcce-b302099a8057' --data-binary @%s %s/http/orders
]]

local function two_curls(bench)
  local to = bench:endpoint()
  local path = bench.work .. "/two-curls.sh"
  local file <close> = assert(io.open(path, "wb"))
  file:write(TWO_CURLS:format(to.cacert, to.url, to.cacert, to.body, to.url))
  return { "sh", path }
end

local function ours(bench, program, cache)
  local to = bench:endpoint()
  return { program, "run", "--service-key", to.key, "--cacert", to.cacert, "--token-cache",
    cache, bench.file "peers/iflow_once.lua", "--", to.body }
end

local function curl(bench)
  return { "curl", "-K", clients.curl_config(bench), bench:endpoint().url .. "/http/orders" }
end

-- Milliseconds of CPU a run.
local function cost(bench, command)
  return function()
    local sum, runs = 0, bench:size(RUNS, 5, 1)
    for _ = 1, runs do sum = sum + bench:run(command).cpu end
    return sum / runs * 1e3
  end
end

local function instructions(bench, id, command)
  local value = bench:instructions(command)
  if not value then return end
  bench:add { id = id, value = value / 1e6, unit = "M instructions (user)", ratio_to = "curl",
    theirs = bench:instructions(curl(bench)) / 1e6, at_most = 0.5 }
end

local function compare(bench, id, program, cached)
  local cache = cached and bench.work .. "/tokens" or "off"
  os.execute(("mkdir -p -m 700 %s/tokens"):format(bench.work))
  local command = ours(bench, program, cache)
  bench:run(command) -- fills the cache
  bench:versus { id = id, unit = "ms", ours = cost(bench, command), peers = {
    { name = "curl", run = cost(bench, curl(bench)) },
    { name = "two curls", run = cost(bench, two_curls(bench)) },
  }, goals = { curl = { at_most = 0.5 }, ["two curls"] = { at_most = 0.2 } } }
  if not bench.tiny then instructions(bench, id, command) end
end

local function row(id, cached)
  return { id = id, run = function(bench) compare(bench, id, bench:iflow(), cached) end }
end

local function static_row(id, cached)
  return { id = id, run = function(bench)
    local program = bench:static_iflow()
    if program then return compare(bench, id, program, cached) end
    io.stderr:write "  not built: scripts/setup --static\n"
  end }
end

return { row("cold.run", false), row("cold.run_cached", true),
  static_row("cold.run_static", false), static_row("cold.run_static_cached", true) }
