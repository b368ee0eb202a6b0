-- wall_clock.lua -- a clock whose two hands are moved by the test: what time it is, and how much
-- has passed. In place until it is closed; inside iflow.run.
--   local clock <close> = wall_clock "2026-03-28T12:00:00Z"      -- or seconds since 1970
--   clock:advance "2h"       -- both hands go on; who sleeps wakes at his time, in order
--   clock:set(3600)          -- the clock on the wall is set forward (or back) by so many seconds
--   clock:suspend(3600)      -- the machine sleeps: time passes, and no sleep gets shorter
local calendar = require "iflow.schedule.calendar"
local clock = require "iflow.clock"
local core = require "iflow.core"
local duration = require "iflow.duration"

local TURNS = 6 -- of the loop without anything new, until all have done what they can

local moved = {}
moved.__index = moved

local function seconds_of(text)
  if type(text) == "number" then return text end
  local year, month, day, hour, minute, second =
    text:match "^(%d+)%-(%d+)%-(%d+)T(%d+):(%d+):(%d+)Z$"
  return calendar.wall(tonumber(year), tonumber(month), tonumber(day), tonumber(hour),
    tonumber(minute), tonumber(second))
end

local sleeper = {}

function sleeper:__close() self.list[self] = nil end

local function sleep(self, seconds)
  local this <close> = setmetatable({ list = self.sleepers, at = self.passed + seconds,
    task = core.task.current() }, sleeper)
  self.sleepers[this] = true
  self.changes = self.changes + 1
  core.task.park()
end

-- A turn of all tasks, in no time.
local function turn()
  core.task.spawn(core.task.wake, core.task.current())
  core.task.park()
end

-- Lets everybody go on until nothing happens any more.
local function settle(self)
  local still = 0
  while still < TURNS do
    local before = self.changes
    if self.working > 0 then core.task.sleep(0) else turn() end
    still = (self.changes == before and self.working == 0) and still + 1 or 0
  end
end

local function first_until(self, limit)
  local first
  for one in pairs(self.sleepers) do
    if one.at <= limit and (not first or one.at < first.at) then first = one end
  end
  return first
end

local function pass(self, seconds)
  self.passed, self.wall = self.passed + seconds, self.wall + seconds
end

--- Lets time pass.
function moved:advance(time)
  settle(self)
  local limit = self.passed + duration.check(time, "time")
  local first = first_until(self, limit)
  while first do
    pass(self, math.max(0, first.at - self.passed))
    sleeper.__close(first)
    core.task.wake(first.task)
    settle(self)
    first = first_until(self, limit)
  end
  pass(self, limit - self.passed)
end

function moved:set(seconds) self.wall = self.wall + seconds end
moved.suspend = moved.set

function moved:close()
  if self.before then clock.install(self.before) end
  self.before = nil
end
moved.__close = moved.close

local work = {}
function work:__close() self.clock.working = self.clock.working - 1 end

return function(start)
  local self = setmetatable({ wall = seconds_of(start), passed = 0, sleepers = {}, changes = 0,
    working = 0 }, moved)
  self.before = clock.install {
    now = function() return self.wall end,
    monotonic = function() return self.passed end,
    sleep = function(seconds) return sleep(self, seconds) end,
    work = function()
      self.working, self.changes = self.working + 1, self.changes + 1
      return setmetatable({ clock = self }, work)
    end,
  }
  return self
end
