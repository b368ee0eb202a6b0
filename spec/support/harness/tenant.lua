-- tenant.lua -- a program: the sandbox, with flows that write down what arrives before they
-- answer. DIR/key.json is the key to call them, DIR/api.json that of the API. DIR/arrivals has a
-- line each, in the order of arrival: flow, id of the log, message id, key, number; and "cut", id
-- of the log, where a fault cut the connection instead of answering. Faults are turned on over the
-- admin path.
--   lua5.4 spec/support/harness/tenant.lua DIR
local core = require "iflow.core"
local sandbox = require "iflow.sandbox"

local dir = arg[1]
local arrivals = assert(io.open(dir .. "/arrivals", "a"))
arrivals:setvbuf "line" -- whoever reads it sees what has arrived

local function recording(name, csrf)
  return { name = name, address = "/" .. name, csrf = csrf, allowed_headers = "SAP_ApplicationID",
    process = function(exchange)
      local id = exchange:header "SAP_ApplicationID" or "none"
      arrivals:write(("%s %s %s %s\n"):format(name, exchange.message_id, id,
        exchange.body:match "^%w+ %d+"))
      return 200, { ["Content-Type"] = "text/plain" }, "done"
    end }
end

local function note_cuts(sb)
  local after = 0
  while true do
    local found = assert(sb:decisions(after, 10))
    for _, event in ipairs(found.events) do
      if event.message_id and not event.status then
        arrivals:write("cut ", event.message_id, "\n")
      end
    end
    after = found.last
  end
end

core.task.run(function()
  local sb <close> = assert(sandbox.start { dir = dir .. "/sandbox",
    settings = { token_rate = 0, log_size = 1000000 } })
  assert(sb:create_instance { name = "harness", roles = { "ESBMessaging.send" } })
  local key = assert(sb:create_key { instance = "harness", name = "key", type = "secret" })
  assert(sb:create_instance { name = "api", plan = "api", roles = { "MonitoringDataRead" } })
  local api = assert(sb:create_key { instance = "api", name = "key", type = "secret" })
  for _, name in ipairs { "orders", "payments", "invoices", "drops" } do
    assert(sb:deploy(recording(name, name == "orders")))
  end
  assert(core.file.write(dir .. "/key.json", assert(core.json.encode(key)), "0600"))
  assert(core.file.write(dir .. "/api.json", assert(core.json.encode(api)), "0600"))
  core.task.spawn(note_cuts, sb)
  print "ready"
  io.stdout:flush()
  sb:wait()
end)
