-- sustained.lua -- what a message costs when there are many: CPU of the client (user + system) per
-- message, 32 at once, 1 KiB POST, five headers, a bearer token of 1.1 KB. A string body, and a
-- fresh table of 60 fields to JSON. The start of a program does not count.
local clients = require "scripts.benchmarks.lib.clients"

local WIDTH = 32

-- Messages a run, so that each takes about half a second; of wrk, seconds.
local COUNTS = {
  iflow = 12000, wrk = 1, ["Go net/http"] = 10000, undici = 4000, ["curl -Z"] = 4000,
  ["lua-http"] = 4000, ["python requests"] = 800, ["SAP Cloud SDK"] = 400, newman = 100,
}
local SLOW = { ["python requests"] = true, ["SAP Cloud SDK"] = true, newman = true }

local function requests_of(run, count) return tonumber(run.out:match "requests (%d+)") or count end

-- Microseconds a message: what count messages cost more than hardly any.
local function cost(bench, client, mode)
  local all = COUNTS[client.name]
  local count = client.name == "wrk" and 1 or bench:size(all, SLOW[client.name] and all // 2, 64)
  local few = client.name ~= "wrk" and (client.name == "newman" and 1 or WIDTH) or nil
  if bench.tiny then few = nil end
  local start
  return function()
    start = start or few and bench:run(client.command(few, WIDTH, mode)).cpu or 0
    local run = bench:run(client.command(count, WIDTH, mode))
    return (run.cpu - start) / (requests_of(run, count) - (few or 0)) * 1e6
  end
end

-- Instructions a message in user mode: the difference between two numbers of messages.
local function instructions(bench, client, few, many, mode)
  local first, run = bench:instructions(client.command(few, WIDTH, mode))
  if not first then return nil end
  local first_count = requests_of(run, few)
  local second
  second, run = bench:instructions(client.command(many, WIDTH, mode))
  return (second - first) / (requests_of(run, many) - first_count)
end

-- Of a yardstick, which sends the same in both rows: measured once.
local kept = {}
local function kept_instructions(bench, client, few, many)
  if client.missing then return nil end
  kept[client.name] = kept[client.name] or instructions(bench, client, few, many)
  return kept[client.name]
end

local function add_instructions(bench, id, mode)
  local n = bench:size(2400, 800)
  local ours = instructions(bench, clients.iflow(bench), n // 4, n, mode)
  if not ours then return end
  local wrk, curl = clients.wrk(bench), clients.curl(bench)
  local unit = "instructions/message (user)"
  -- Seconds: after three, wrk has its connections under callgrind, too.
  bench:add { id = id, value = ours, unit = unit, ratio_to = "wrk", missing = wrk.missing,
    theirs = kept_instructions(bench, wrk, 3, bench:size(7, 5)) }
  bench:add { id = id, value = ours, unit = unit, ratio_to = "curl -Z", missing = curl.missing,
    theirs = kept_instructions(bench, curl, n // 4, n) }
end

local function row(id, mode, goal, names)
  return { id = id, run = function(bench)
    local peers = {}
    for i, name in ipairs(names) do
      local client = clients[name](bench)
      peers[i] = { name = client.name, missing = client.missing,
        slow = SLOW[client.name], run = cost(bench, client, mode) }
    end
    bench:versus { id = id, unit = "us/message", ours = cost(bench, clients.iflow(bench), mode),
      peers = peers, goals = { wrk = { at_most = goal } } }
    if not bench.tiny then add_instructions(bench, id, mode) end
  end }
end

return {
  row("sustained.string", "string", 1.25, { "wrk", "go", "undici", "curl", "lua_http", "requests",
    "sap", "newman" }),
  row("sustained.json", "json", 2.0, { "wrk", "go", "undici", "requests" }),
}
