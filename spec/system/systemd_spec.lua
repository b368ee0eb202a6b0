-- What systemd is told of a service, and the unit file that we give along.
local async = require "spec.support.async"
local notify = require "spec.support.notify"
local process = require "spec.support.process"
local serve = require "spec.support.serve"

describe("systemd", function()
  it("hears of start, life, reload and stop", async(function()
    local place <close> = serve.place()
    local socket <close> = notify.listen(place.dir:file "notify.sock")
    local function hears(pattern) socket:hears(pattern) end
    place:script("orders.lua", serve.SENDER)
    local service <close> = place:serve("orders.lua",
      { NOTIFY_SOCKET = socket.path, WATCHDOG_USEC = "400000" })
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
    assert.equal(1, select(2, socket:told():gsub("STOPPING", "")))
  end))

  it("takes the unit file", function()
    local text = assert(process.read "scripts/package/iflow@.service")
    for _, line in ipairs { "Type=notify", "WatchdogSec=60", "DynamicUser=yes",
      "StateDirectory=iflow/%i", "LoadCredential=service-key:/etc/iflow/%i.key.json" } do
      assert.is_truthy(text:find("\n" .. line .. "\n", 1, true), line)
    end
    if process.run({ "sh", "-c", "command -v systemd-analyze" }).code ~= 0 then return end
    local dir <close> = process.tempdir()
    local unit = dir:write("iflow@orders.service", (text:gsub("/usr/bin/iflow", process.iflow)))
    local exposure = process.run { "systemd-analyze", "security", "--offline=yes", "--no-pager",
      "--threshold=15", unit } -- of 100
    assert.equal(0, exposure.code, exposure.out .. exposure.err)
    local result = process.run { "systemd-analyze", "verify", "--man=no", unit }
    assert.equal(0, result.code, result.err)
    assert.is_nil(result.err:find("iflow@", 1, true), result.err)
  end)
end)
