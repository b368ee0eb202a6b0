-- notify.lua -- a socket such as systemd listens on, for what a service tells it.
--   local socket <close> = notify.listen(path)
--   socket:hears "^READY=1"         waits until what came so far, a datagram a line, has that
--   socket:told()
local process = require "spec.support.process"

local LISTENER = [==[
import os, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1] + ".new")
os.chmod(sys.argv[1] + ".new", 0o777)
os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    print(listener.recv(4096).decode().replace("\n", " "), flush=True)
]==]

local class = {}
class.__index = class

function class:told() return self.listener.dir:read "out" or "" end

function class:hears(pattern)
  process.wait_for(pattern, function() return self:told():find(pattern) end)
end

function class:close() self.listener:stop() end
class.__close = class.close

local notify = {}

--- Listens at the path; any user may send there.
function notify.listen(path)
  local listener = process.start { "python3", "-c", LISTENER, path }
  process.wait_for("the listener", function()
    return os.execute("test -S " .. process.quote(path))
  end)
  return setmetatable({ listener = listener, path = path }, class)
end

return notify
