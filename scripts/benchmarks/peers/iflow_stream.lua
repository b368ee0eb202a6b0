-- iflow_stream.lua -- iflow run iflow_stream.lua -- MIB: a body of so many MiB, in pieces of
-- 64 KiB.
local iflow = require "iflow"

local tenant <close> = assert(iflow.tenant {})
local piece, left = ("x"):rep(65536), tonumber(arg[1]) * 16
assert(tenant:call { to = "/http/large", timeout = "1h", csrf = false, body = function()
  left = left - 1
  return left >= 0 and piece or nil
end })
