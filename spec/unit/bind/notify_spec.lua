-- What systemd is told: a socket of the kind that systemd listens on takes what a process sends.
local process = require "spec.support.process"

-- Listens at a path or an abstract name, runs Lua with NOTIFY_SOCKET, prints what came and ended.
local listener = [==[
import os, socket, subprocess, sys
name = sys.argv[1]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind("\0" + name[1:] if name[0] == "@" else name)
listener.settimeout(60)
env = dict(os.environ, NOTIFY_SOCKET=name, WATCHDOG_USEC="200000")
child = subprocess.Popen([sys.argv[2], "-e", sys.argv[3]], env=env)
seen = []
while not seen or not seen[-1].startswith("STOPPING"):
    seen.append(listener.recv(4096).decode().replace("\n", " "))
child.wait()
print("\n".join(seen))
]==]

local script = [[
  local iflow = require "iflow"
  iflow.run(function()
    local systemd <close> = require "iflow.service.systemd" ()
    systemd:ready "3 messages\nwaiting"
    iflow.sleep(1)
    systemd:stopping()
  end)
]]

local function told(name)
  local dir <close> = process.tempdir()
  if name:sub(1, 1) ~= "@" then name = dir:file(name) end
  local result = process.run { "python3", dir:write("listener.py", listener), name, process.lua,
    script }
  assert.equal(0, result.code, result.err)
  return result.out
end

describe("notify", function()
  for _, name in ipairs { "notify.sock", "@iflow-notify-" .. math.random(1 << 40) } do
    it("tells of readiness, life and the end by " .. name:sub(1, 1), function()
      local lines = {}
      for line in told(name):gmatch "[^\n]+" do lines[#lines + 1] = line end
      assert.equal("READY=1 STATUS=3 messages waiting", lines[1])
      assert.equal("WATCHDOG=1", lines[2])
      assert.equal("WATCHDOG=1", lines[3])
      assert.equal("STOPPING=1 STATUS=stopping", lines[#lines])
    end)
  end

  it("does nothing without systemd", function()
    assert.is_false(require("iflow.core").notify.send "READY=1")
  end)
end)
