--- How far a run has come: a line on a terminal that is written again and again, or one line a
-- minute in the log. Internal.
--
--   local progress <close> = new_progress("orders", summary, { total = 100 })

local clock = require "iflow.clock"
local core = require "iflow.core"
local duration = require "iflow.duration"

local EVERY_TERMINAL, EVERY_LOG = 0.25, 60

local progress = {}
progress.__index = progress

-- 1234567 -> "1,234,567"
local function grouped(n)
  local text = ("%d"):format(n)
  repeat
    local count
    text, count = text:gsub("^(%d+)(%d%d%d)", "%1,%2")
  until count == 0
  return text
end

--- The share that is done, 0 to 1; nil when nobody knows.
local function share(self)
  if self.fraction then return self.fraction() end
  return self.total and self.total > 0 and self.summary:total() / self.total or nil
end

--- "1,234 delivered, 56/s, 2 failed, 61 %, 1 min 20 s left"
function progress:text()
  local counts = self.summary
  local well, word = counts.delivered, "delivered"
  if counts.accepted then well, word = counts.accepted + counts.known, "accepted" end
  local parts = { ("%s %s"):format(grouped(well), word), ("%.0f/s"):format(counts:rate()) }
  local failed = counts:total() - well
  if failed > 0 then parts[#parts + 1] = grouped(failed) .. " failed" end
  local done = share(self)
  if done and done > 0 and done < 1 then -- what is left when all has been read, nobody knows
    local elapsed = clock.monotonic() - counts.started
    parts[#parts + 1] = ("%.0f %%"):format(done * 100)
    parts[#parts + 1] = duration.text(elapsed / done - elapsed) .. " left"
  end
  return table.concat(parts, ", ")
end

function progress:show()
  if self.terminal then
    io.stderr:write("\r\27[K", self.name, ": ", self:text())
    io.stderr:flush()
    return
  end
  local level = core.log.level "info" -- it was asked for: it is shown at any level of the log
  core.log.write("info", "sender", self.name .. ": " .. self:text())
  core.log.level(level)
end

function progress:__close()
  self.task:cancel()
  if self.terminal then io.stderr:write "\r\27[K" end
end

--- name: of the sender; options: total (messages) or fraction (a function, 0 to 1), when known.
return function(name, summary, options)
  local self = setmetatable({ name = name, summary = summary, total = options.total,
    fraction = options.fraction, terminal = core.file.is_terminal(2) }, progress)
  self.task = core.task.spawn(function()
    while true do
      core.task.sleep(self.terminal and EVERY_TERMINAL or EVERY_LOG)
      self:show()
    end
  end)
  return self
end
