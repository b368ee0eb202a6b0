-- http_server.lua -- servers under test, for the specs of the server.
local core = require "iflow.core"
local process = require "spec.support.process"

local http_server = {}

local function echo(req)
  local body = req:body()
  if body then req:answer(200, nil, body) end
end

--- A server that echoes bodies, unless the options say otherwise.
function http_server.start(options)
  local wanted = { request = echo }
  for name, value in pairs(options or {}) do wanted[name] = value end
  return assert(core.server.new(wanted))
end

--- One request by curl; further words are options.
function http_server.curl(server, path, ...)
  local command = { "curl", "-sS", "--max-time", "50", ... }
  command[#command + 1] = ("http://127.0.0.1:%d%s"):format(server:port(), path)
  return process.run(command)
end

--- What a handler's waiting function returned, once it has.
function http_server.later()
  local values
  return function(...) values = table.pack(...) end, function()
    process.wait_for("the handler", function() return values end)
    return table.unpack(values, 1, values.n)
  end
end

return http_server
