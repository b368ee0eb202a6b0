-- embed.lua -- a program with a loop of its own that sends, too. It is no sender script but an
-- ordinary program for lua5.4 in luv's loop (package lua-luv), with iflow as one of its modules.
--   lua5.4 scripts/senders/embed.lua orders-key.json [ca.pem]
-- It listens on a port of 127.0.0.1. Each line that a client writes comes back at once, an echo,
-- and goes to the integration flow at /http/orders; every second it tells how far that is. After
-- SIGINT or SIGTERM it takes no more lines, waits for the answers that are missing, and ends.
local iflow = require "iflow"
local uv = require "luv"

local key, cacert = arg[1], arg[2]
if not key then
  io.stderr:write "usage: lua5.4 embed.lua SERVICE-KEY [CACERT]\n"
  os.exit(2)
end

io.stdout:setvbuf "line"

-- iflow in luv's loop: a step is due when its descriptor is readable or its timeout is over -------

local readable, alarm = uv.new_poll(iflow.pollfd()), uv.new_timer()
local look_again

local function step()
  iflow.step()
  look_again()
end

-- To be called after whatever may have given iflow something to do.
function look_again()
  local seconds = iflow.next_timeout()
  if not seconds then return alarm:stop() end
  alarm:start(math.ceil(seconds * 1000), 0, step)
end

readable:start("r", step)

local function start(fn, ...)
  iflow.spawn(fn, ...)
  look_again()
end

-- Sending

local tenant = assert(iflow.tenant { service_key = key, cacert = cacert })
local count = { taken = 0, delivered = 0, failed = 0 }

local function send(line)
  local answer, err = tenant:call {
    to = "/http/orders", body = line, headers = { ["Content-Type"] = "text/plain" },
  }
  if answer then
    count.delivered = count.delivered + 1
  else
    count.failed = count.failed + 1
    io.stderr:write(tostring(err), "\n")
  end
end

local function tell()
  print(("%d taken, %d delivered, %d failed"):format(count.taken, count.delivered, count.failed))
end

-- The echo server --------------------------------------------------------------------------------

local server, clients = uv.new_tcp(), {}

local function close(client)
  clients[client] = nil
  if not client:is_closing() then client:close() end
end

local function serve(client)
  local rest = ""
  clients[client] = true
  client:read_start(function(err, data)
    if err or not data then return close(client) end
    client:write(data)
    rest = rest .. data
    for line in rest:gmatch "([^\n]*)\n" do
      count.taken = count.taken + 1
      start(send, line)
    end
    rest = rest:match "[^\n]*$"
  end)
end

assert(server:bind("127.0.0.1", 0))
assert(server:listen(16, function(err)
  assert(not err, err)
  local client = uv.new_tcp()
  if server:accept(client) then serve(client) end
end))
print("listening on port " .. server:getsockname().port)

-- The end

local clock, patience = uv.new_timer(), uv.new_timer()
local signals = { uv.new_signal(), uv.new_signal() }

local function close_all()
  tenant:close()
  for _, handle in ipairs { readable, alarm, clock, patience, table.unpack(signals) } do
    handle:close()
  end
end

local function stop()
  if server:is_closing() then return end
  server:close()
  for client in pairs(clients) do close(client) end
  patience:start(0, 20, function()
    if count.delivered + count.failed == count.taken then close_all() end
  end)
end

clock:start(1000, 1000, tell)
signals[1]:start("sigint", stop)
signals[2]:start("sigterm", stop)
uv.run()
tell()
os.exit(count.failed == 0)
