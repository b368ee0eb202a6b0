-- What systemd is told of a service, and the unit file that we give along.
local async = require "spec.support.async"
local process = require "spec.support.process"
local serve = require "spec.support.serve"

-- Takes what is sent to a socket such as systemd listens on, and writes it down, a datagram a line.
local LISTENER = [==[
import os, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
while True:
    print(listener.recv(4096).decode().replace("\n", " "), flush=True)
]==]

describe("systemd", function()
  it("hears of start, life, reload and stop", async(function()
    local place <close> = serve.place()
    local socket = place.dir:file "notify.sock"
    local listener <close> = process.start { "python3", place.dir:write("listen.py", LISTENER),
      socket }
    process.wait_for("the listener", function()
      return os.execute("test -S " .. process.quote(socket))
    end)
    local function told() return listener.dir:read "out" or "" end
    local function hears(pattern)
      process.wait_for(pattern, function() return told():find(pattern) end)
    end
    place:script("orders.lua", serve.SENDER)
    local service <close> = place:serve("orders.lua",
      { NOTIFY_SOCKET = socket, WATCHDOG_USEC = "400000" })
    hears "^READY=1 STATUS=0 messages waiting"
    hears "WATCHDOG=1\nWATCHDOG=1\n"
    service:signal "HUP"
    hears "RELOADING=1 MONOTONIC_USEC=%d+"
    hears "READY=1 STATUS=reloaded"
    place:script("orders.lua", "x = =")
    service:signal "HUP"
    hears "READY=1 STATUS=the reload failed"
    assert.equal(0, service:stop().code)
    hears "STOPPING=1"
    assert.equal(1, select(2, told():gsub("STOPPING", "")))
  end))

  it("takes the unit file", function()
    local text = assert(process.read "scripts/package/iflow@.service")
    assert.is_truthy(text:find "\nType=notify\n" and text:find "\nWatchdogSec=")
    if process.run({ "sh", "-c", "command -v systemd-analyze" }).code ~= 0 then return end
    local dir <close> = process.tempdir()
    local unit = dir:write("iflow@orders.service", (text:gsub("/usr/bin/iflow", process.iflow)))
    local exposure = process.run { "systemd-analyze", "security", "--offline=yes", "--no-pager",
      "--threshold=25", unit } -- of 100
    assert.equal(0, exposure.code, exposure.out .. exposure.err)
    local result = process.run { "systemd-analyze", "verify", "--man=no", unit }
    assert.equal(0, result.code, result.err)
    assert.is_nil(result.err:find("iflow@", 1, true), result.err)
  end)
end)
