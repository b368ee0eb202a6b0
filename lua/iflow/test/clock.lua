--- A clock for tests: waits by policy (retries, rates, pauses) cost no time. When nothing
-- real is under way and somebody sleeps, it jumps to the moment when the first one wakes.
--
--   local clock <close> = new_clock()    -- in place until it is closed; inside iflow.run
--   clock:advance "2h"                   -- everybody who sleeps until then has woken
--   clock:elapsed()                      -- seconds by this clock since it was made

local clock = require "iflow.clock"
local core = require "iflow.core"
local duration = require "iflow.duration"

local TURNS = 4 -- of the loop without anything new, until it counts as still

local virtual = {}
virtual.__index = virtual

local function monotonic(self) return core.task.monotonic() + self.ahead end

-- One who sleeps; leaves the list however the sleep ends.
local sleeper = {}

function sleeper:__close()
  for i, other in ipairs(self.list) do
    if other == self then return table.remove(self.list, i) end
  end
end

local function sleep(self, seconds)
  local this <close> = setmetatable({ list = self.sleepers, task = core.task.current(),
    at = monotonic(self) + seconds }, sleeper)
  local i = #self.sleepers
  while i > 0 and self.sleepers[i].at > this.at do i = i - 1 end
  table.insert(self.sleepers, i + 1, this)
  self.changes = self.changes + 1
  core.task.park()
end

local work = {}

function work:__close()
  self.clock.working = self.clock.working - 1
  self.clock.changes = self.clock.changes + 1
end

-- Wakes the first sleeper, at its time.
local function wake_first(self)
  local first = self.sleepers[1]
  local wait = first.at - monotonic(self)
  if wait > 0 then self.ahead = self.ahead + wait end
  sleeper.__close(first)
  core.task.wake(first.task)
end

-- Whether nothing has happened for some turns.
local function is_still(self)
  local before = self.changes
  for _ = 1, TURNS do
    core.task.sleep(0)
    if self.changes ~= before then return false end
  end
  return true
end

-- Those whose time has come by itself.
local function wake_due(self)
  local now = monotonic(self)
  while self.sleepers[1] and self.sleepers[1].at <= now do wake_first(self) end
end

local function drive(self)
  while true do
    wake_due(self)
    if self.working == 0 and self.sleepers[1] and is_still(self) then
      if self.sleepers[1] then wake_first(self) end
    else
      core.task.sleep(self.sleepers[1] and 0.001 or 0.005)
    end
  end
end

--- Moves it on. Whoever sleeps until a moment in that time is woken at it, in order.
function virtual:advance(time)
  sleep(self, duration.check(time, "time"))
end

--- Seconds by this clock since it was made.
function virtual:elapsed() return monotonic(self) - self.began end

--- Puts the clock before it back in place.
function virtual:close()
  if not self.driver then return end
  self.driver:cancel()
  self.driver = nil
  clock.install(self.before)
end
virtual.__close = virtual.close

return function()
  local self = setmetatable({ ahead = 0, sleepers = {}, working = 0, changes = 0,
    began = core.task.monotonic() }, virtual)
  self.before = clock.install {
    now = function() return core.task.now() + self.ahead end,
    monotonic = function() return monotonic(self) end,
    sleep = function(seconds) return sleep(self, seconds) end,
    work = function()
      self.working = self.working + 1
      self.changes = self.changes + 1
      return setmetatable({ clock = self }, work)
    end,
  }
  self.driver = core.task.spawn(drive, self)
  return self
end
