-- tinyproxy.lua -- tinyproxy as the CONNECT proxy between a sender and a tenant.
local process = require "spec.support.process"

local tinyproxy = {}

--- Starts one. opts: dir, auth = { user, password }, connect_port (the only one it allows).
--- .url is what --proxy takes; :requests() counts the CONNECTs it saw.
function tinyproxy.start(opts)
  local port = process.free_port()
  local lines = {
    "Port " .. port, "Listen 127.0.0.1", "Timeout 60", "MaxClients 50", "LogLevel Connect",
    "PidFile \"" .. opts.dir:file "tinyproxy.pid" .. '"',
    "LogFile \"" .. opts.dir:file "tinyproxy.log" .. '"',
  }
  if opts.auth then lines[#lines + 1] = "BasicAuth " .. table.concat(opts.auth, " ") end
  if opts.connect_port then lines[#lines + 1] = "ConnectPort " .. opts.connect_port end
  local conf = opts.dir:write("tinyproxy.conf", table.concat(lines, "\n") .. "\n")
  local helper = process.start { "tinyproxy", "-d", "-c", conf }
  process.wait_port(port, helper)
  helper.port, helper.url = port, ("http://127.0.0.1:%d"):format(port)
  function helper.requests()
    local log = opts.dir:read "tinyproxy.log" or ""
    return select(2, log:gsub("Request %(file descriptor %d+%): CONNECT", ""))
  end
  return helper
end

return tinyproxy
