--- Puts what scripts have defined anew in the place of what a service runs, while it runs.
-- Internal; service:replace(fresh) for `iflow serve` at SIGHUP.
--
-- First everything that can fail is done for the new registry, beside the old one; then all is
-- exchanged in one go, without a wait in between. What was under way ends as it was begun: calls
-- with the old sender, runs of a job with the old function, requests of a relay with the old
-- options. A sender's new pump takes over at once, the outbox gives no message to both.
--
-- A trigger that can do better than to end and to begin again has
--   prepare = function(self, service, before) -> prepared | nil, err
-- before: the running one of the same kind and name, or nil; prepared:commit() -> running, which
-- may be `before`; neither it nor prepared:abort() may wait. One with
--   check = function(self, service) -> true | nil, err
-- is asked whether it can be started, before the one that runs is ended.

local clock = require "iflow.clock"
local core = require "iflow.core"

local AGAIN = 5        -- seconds until a trigger that cannot start is tried again
local LONG = 7 * 86400 -- seconds that what was under way may take

-- One after the other -----------------------------------------------------------------------------

local successor = {}
successor.__index = successor

-- Waits for the end of the one before, then starts; a trigger of files has what belongs to it.
local function succeed(self)
  if self.before then self.before:stop(LONG) end
  while not self.stopping do
    local running, err = self.trigger:start(self.service)
    self.running, self.why = running, not running and tostring(err) or nil
    if running then return end
    core.log.write("error", "service", "after the reload: " .. tostring(err))
    clock.sleep(AGAIN)
  end
end

function successor:stop(limit)
  local ends = core.task.monotonic() + limit
  self.stopping = true
  if self.before then self.before:stop(limit) end
  if not self.running then self.task:cancel() end
  self.task:join()
  if self.running then self.running:stop(math.max(0, ends - core.task.monotonic())) end
end

function successor:status()
  local shown = self.running or self.before
  local status = shown and shown.status and shown:status() or {}
  status.why = status.why or self.why
  return status
end

local function follow(service, trigger, before)
  local self = setmetatable({ service = service, trigger = trigger, before = before }, successor)
  self.task = core.task.spawn(succeed, self)
  return self
end

-- Triggers ----------------------------------------------------------------------------------------

-- What runs of that kind and name.
local function running_of(service, trigger)
  for _, entry in ipairs(service.triggers) do
    if entry.trigger.kind == trigger.kind and entry.trigger.name == trigger.name then
      return entry.running
    end
  end
end

local function prepare_trigger(service, trigger)
  local before = running_of(service, trigger)
  if trigger.prepare then return trigger:prepare(service, before) end
  if trigger.check then
    local ok, err = trigger:check(service)
    if not ok then return nil, err end
  end
  return { commit = function() return follow(service, trigger, before) end, abort = function() end,
    ends_before = true }
end

local function prepare_triggers(service, fresh, undo)
  local list = {}
  for i, trigger in ipairs(fresh.triggers) do
    local prepared, err = prepare_trigger(service, trigger)
    if not prepared then return nil, err end
    undo[#undo + 1] = function() prepared:abort() end
    list[i] = { trigger = trigger, prepared = prepared, before = running_of(service, trigger) }
  end
  return list
end

-- Ends in its own time; service:stop may be quicker.
local function leave(service, running, stop)
  local leaving = { running = running }
  service.leaving[leaving] = true
  leaving.task = core.task.spawn(function()
    stop(running)
    service.leaving[leaving] = nil
  end)
end

local function commit_triggers(service, list)
  local old, kept = service.triggers, {}
  service.triggers = {}
  for i, item in ipairs(list) do
    local running = item.prepared:commit()
    service.triggers[i] = { trigger = item.trigger, running = running }
    kept[running] = true
    if item.prepared.ends_before and item.before then kept[item.before] = true end
  end
  for _, entry in ipairs(old) do
    if not kept[entry.running] then
      leave(service, entry.running, function(running) running:stop(LONG) end)
    end
  end
end

-- Senders -----------------------------------------------------------------------------------------

local function open_senders(fresh, undo)
  for _, name in ipairs(fresh.names) do
    local sender = fresh.senders[name]
    undo[#undo + 1] = function() sender:close() end
    local ok, err = sender:open()
    if not ok then return nil, err end
  end
  return true
end

-- What is under way goes on; the rest is for the one that follows.
local function retire_pump(service, pump)
  leave(service, pump, function()
    pump:retire()
    service:wake(pump.sender.name)
    pump:landing()
    service:wake(pump.sender.name)
    pump.sender:close()
  end)
end

local function replace_pumps(service, old, fresh)
  local pumps = service.pumps
  service.pumps = {}
  for name, sender in pairs(fresh.senders) do
    local before = old.senders[name]
    if before and before.options and sender.options and before.options.rate == sender.options.rate
    then
      sender.bucket = before.bucket
    end
  end
  for _, pump in pairs(pumps) do retire_pump(service, pump) end
  service:start_pumps()
end

-- All of it ---------------------------------------------------------------------------------------

local function prepare(service, fresh, undo)
  local ok, err = service:check_triggers(fresh)
  if not ok then return nil, err end
  ok, err = open_senders(fresh, undo)
  if not ok then return nil, err end
  local jobs, triggers
  jobs, err = service:jobs_part():prepare(fresh)
  if not jobs then return nil, err end
  triggers, err = prepare_triggers(service, fresh, undo)
  if not triggers then return nil, err end
  return { jobs = jobs, triggers = triggers }
end

--- Puts `fresh` in the place of service.registry: true | nil, err; then nothing has changed.
-- install: called in the moment of the exchange.
return function(service, fresh, install)
  local undo = {}
  local done
  local _ <close> = setmetatable({}, { __close = function()
    for i = done and 0 or #undo, 1, -1 do undo[i]() end
  end })
  local prepared, err = prepare(service, fresh, undo)
  if not prepared then return nil, err end
  if service.stopped then return true end
  done = true
  local old = service.registry
  service.registry, fresh.service = fresh, service
  install()
  replace_pumps(service, old, fresh)
  prepared.jobs()
  commit_triggers(service, prepared.triggers)
  local watcher = service.parts.credentials
  if watcher then watcher:follow() end
  service:changed()
  return true
end
