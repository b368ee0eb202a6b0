-- How many requests a second a relay makes durable, with clients in a process of their own (kept
-- connections, 1 KiB bodies), while the tenant is down.
--   lua5.4 scripts/benchmarks/relay.lua [DIRECTORY [REQUESTS]]      a temporary directory, 10000
local core = require "iflow.core"
local iflow = require "iflow"

local BODY = ("0123456789abcdef"):rep(64)
local WIDTHS = { 1, 8, 32, 128 } -- clients at once

-- The clients: `lua5.4 relay.lua clients PORT REQUESTS WIDTH` prints the seconds that they took.
local function clients(port, requests, width)
  local url, left, tasks = ("http://127.0.0.1:%d/orders"):format(port), requests, {}
  local began = core.task.monotonic()
  for i = 1, width do
    tasks[i] = core.task.spawn(function()
      while left > 0 do
        left = left - 1
        local answer = assert(core.http.request { url = url, method = "POST", body = BODY,
          proxy = "" })
        assert(answer.status == 202, answer.body)
      end
    end)
  end
  for _, task in ipairs(tasks) do assert(task:join() == nil) end
  print(("%.3f"):format(core.task.monotonic() - began))
end

-- Runs the clients and waits, while the loop goes on.
local function measure(port, requests, width, directory)
  local result = ("%s/%d.txt"):format(directory, width)
  local command = ("%s %s clients %d %d %d >%s.new && mv %s.new %s &"):format(arg[-1], arg[0],
    port, requests, width, result, result, result)
  assert(os.execute(command))
  while not core.file.stat(result) do iflow.sleep(0.02) end
  local seconds = tonumber((assert(core.file.read(result))))
  print(("%-44s %9d requests %6.2f s %9.0f requests/s"):format(("%d clients at once"):format(width),
    requests, seconds, requests / seconds))
end

local function bench(directory, requests, durability)
  local registry = require "iflow.registry"
  registry.install(registry.new())
  local nowhere = "http://127.0.0.1:9"
  iflow.sender "orders" { to = "/http/orders", token_cache = false, service_key = { oauth = {
    clientid = "sb-1!b2|it-rt-acme!b3", clientsecret = "s3cret", url = nowhere,
    tokenurl = nowhere .. "/oauth/token", createdate = "2026-05-04T08:00:00.000Z" } } }
  iflow.relay { listen = "127.0.0.1:0", path = "/orders", sender = "orders" }
  local service <close> = assert(iflow.service.new {
    outbox = ("%s/relay-%s.db"):format(directory, durability),
    outbox_options = { durability = durability } })
  assert(service:start())
  local port = service:status().triggers[1].address:match ":(%d+)$"
  print("durability " .. durability)
  for _, width in ipairs(WIDTHS) do measure(port, requests, width, directory) end
  assert(service.box:counts().messages == #WIDTHS * requests)
end

if arg[1] == "clients" then
  core.task.run(clients, tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[4]))
  return
end

core.task.run(function(directory, requests)
  core.log.level "error"
  for _, durability in ipairs { "full", "normal" } do
    local path = directory or assert(core.file.tempdir "iflow-bench-")
    bench(path, requests, durability)
    if not directory then core.file.remove(path, { recursive = true }) end
  end
end, arg[1], math.tointeger(tonumber(arg[2])) or 10000)
