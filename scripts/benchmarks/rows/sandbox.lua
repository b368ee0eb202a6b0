-- sandbox.lua -- whether the sandbox tenant keeps up with a sender's test: requests a second on a
-- trivial answer, against nginx; wrk asks both, 32 at once, with a token.
local clients = require "scripts.benchmarks.lib.clients"

local FLOW = [[return { name = "trivial", address = "/orders", role = "ESBMessaging.send",
  csrf = false, process = function() return 200, {}, '{"ok":true}' end }]]

local function start(bench)
  local dir, iflow = bench.work .. "/sandbox", bench:iflow()
  local file = assert(io.open(bench.work .. "/trivial.flow.lua", "wb"))
  assert(file:write(FLOW))
  file:close()
  bench.sandbox = bench:spawn(("%s sandbox start --dir %s --hostname localhost"):format(iflow, dir))
  for _ = 1, 600 do
    if bench.succeeds(("%s sandbox role list --dir %s"):format(iflow, dir)) then break end
    os.execute "sleep 0.1"
  end
  local function quietly(...) bench:run { iflow, ... } end
  quietly("sandbox", "deploy", "--dir", dir, bench.work .. "/trivial.flow.lua")
  quietly("instance", "create", "orders", "--plan", "integration-flow", "--role",
    "ESBMessaging.send", "--sandbox", dir)
  quietly("instance", "key", "create", "orders", "bench", "--sandbox", dir, "-o",
    dir .. "/bench.json")
  return dir
end

local function rate(bench, url, body, token)
  return function()
    local run = bench:run { "wrk", "-t1", "-c32", ("-d%ds"):format(bench:size(3, 2, 1)), "-s",
      bench.file "peers/wrk.lua", url, "--", body, token }
    return tonumber(run.out:match "Requests/sec:%s*(%S+)")
  end
end

return { { id = "sandbox.rate", run = function(bench)
  local to, wrk = bench:endpoint(), clients.wrk(bench)
  if wrk.missing then
    bench:add { id = "sandbox.rate", value = 0, unit = "requests/s (no wrk)", ratio_to = "nginx",
      missing = true, at_least = 0.5 }
    return
  end
  local dir = start(bench)
  local key = dir .. "/bench.json"
  local token = bench:run { bench:iflow(), "token", "--service-key", key, "--cacert",
    dir .. "/ca.pem", "--token-cache", "off" }.out:match "%S+"
  local file = assert(io.open(dir .. "/token", "wb"))
  assert(file:write(token))
  file:close()
  local text = assert(io.open(key, "rb"))
  local url = text:read "a":match '"url"%s*:%s*"([^"]+)"'
  text:close()
  bench:versus { id = "sandbox.rate", unit = "requests/s",
    ours = rate(bench, url .. "/http/orders", to.body, dir .. "/token"),
    peers = { { name = "nginx", run = rate(bench, to.url .. "/http/orders", to.body,
      to.dir .. "/token") } }, goals = { nginx = { at_least = 0.5 } } }
end } }
