-- slow_server.lua -- lua5.4 slow_server.lua PORT: answers /slow/MS after so many milliseconds.
local core = require "iflow.core"

local function request(req)
  req:body()
  core.task.sleep(tonumber(req.target:match "%d+") / 1000)
  return req:answer(200, { ["Content-Type"] = "application/json" }, '{"ok":true}')
end

core.task.run(function()
  collectgarbage "generational"
  local server = assert(core.server.new { port = tonumber(arg[1]), tls = false, request = request })
  while server do core.task.sleep(3600) end
end)
