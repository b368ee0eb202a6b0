--- What systemd is told of a service of Type=notify: ready, reloading, stopping, alive. Internal.
-- Without systemd (no NOTIFY_SOCKET) nothing happens.
--
--   local systemd <close> = new_systemd()
--   systemd:ready("12 messages waiting")   systemd:reloading()   systemd:stopping()
--
-- With WatchdogSec= in the unit it is told that the service lives for as long as the event loop
-- turns; a loop that hangs is ended by systemd and started again, and nothing is lost.

local core = require "iflow.core"

local systemd = {}
systemd.__index = systemd

local function send(self, ...)
  local told, err = core.notify.send(table.concat({ ... }, "\n"))
  if err and not self.failed then
    self.failed = true -- once is enough
    core.log.write("warn", "serve", tostring(err))
  end
  return told
end

-- sd_watchdog_enabled(3): the span is meant for this process, or for whoever gets it.
local function watchdog_span()
  local usec = tonumber(os.getenv "WATCHDOG_USEC")
  local pid = tonumber(os.getenv "WATCHDOG_PID")
  if not usec or usec <= 0 or pid and pid ~= core.process.pid() then return nil end
  return usec / 1e6
end

-- Twice in the span, as systemd recommends.
local function live(self, span)
  while send(self, "WATCHDOG=1") ~= false do core.task.sleep(span / 2) end
end

--- The service takes messages. status: text for `systemctl status`.
function systemd:ready(status)
  send(self, "READY=1", "STATUS=" .. (status or "ready"):gsub("%c", " "))
  local span = watchdog_span()
  if span and not self.watchdog then self.watchdog = core.task.spawn(live, self, span) end
end

--- It reads its scripts again; ready() is to follow.
function systemd:reloading()
  send(self, "RELOADING=1", ("MONOTONIC_USEC=%d"):format(core.task.monotonic() * 1e6 // 1))
end

--- It ends what is under way.
function systemd:stopping() send(self, "STOPPING=1", "STATUS=stopping") end

--- Ends the watchdog's task.
function systemd:close()
  if self.watchdog then self.watchdog:cancel() end
end
systemd.__close = systemd.close

return function() return setmetatable({}, systemd) end
