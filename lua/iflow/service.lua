--- The service: senders with an outbox, and what triggers them. `iflow serve` runs one; a program
-- of one's own may, too:
--
--   iflow.sender "orders" { … }
--   local service = assert(iflow.service.new { outbox = "orders.db" })
--   assert(service:start())
--   local result = assert(iflow.sender "orders":enqueue(order))
--   local answer, err = service:wait("orders", result.id, 30)
--   service:stop(10)
--
-- Everything waits, so it needs a task. A message that was accepted is delivered by the pump of its
-- sender (lua/iflow/service/pump.lua), now or after a restart, and never forgotten.

local clock = require "iflow.clock"
local core = require "iflow.core"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local new_expected = require "iflow.service.expected"
local new_pump = require "iflow.service.pump"
local new_semaphore = require "iflow.semaphore"
local new_waiters = require "iflow.waiters"
local outbox = require "iflow.outbox"
local registry = require "iflow.registry"
local replace = require "iflow.service.replacing"
local suggest = require "iflow.suggest"

local module = {}

local service = { __name = "iflow.service" }
service.__index = service

local SOON = 60 -- seconds; what is due later is not waited for by drain
local GRACE = 30
local LIMIT = 300

-- Opening -----------------------------------------------------------------------------------------

local function open_box(options)
  if type(options.outbox) == "table" then return options.outbox, false end
  local settings = { path = options.outbox }
  for name, value in pairs(options.outbox_options or {}) do settings[name] = value end
  local box, err = outbox.open(settings)
  return box, box and true or err
end

--- Opens one. Options:
--   outbox           path of the outbox, or an open one (which stays open when the service stops)
--   outbox_options   more of iflow.outbox.open: durability, max_messages, retention, …
--   registry         what a script has defined; default: what was defined last
-- Returns service | nil, err (outbox.*). sender:enqueue of that registry finds it from now on.
function module.new(options)
  if type(options) ~= "table" then error("iflow.service.new takes a table of options", 2) end
  suggest.check_keys(options, { "outbox", "outbox_options", "registry" }, 2)
  if type(options.outbox) ~= "string" and type(options.outbox) ~= "table" then
    error("option 'outbox' is a path or an open outbox, got " .. type(options.outbox), 2)
  end
  local box, own = open_box(options)
  if not box then return nil, own end
  local self = setmetatable({ box = box, own_box = own, expected = new_expected(box),
    registry = options.registry or registry.current(), pumps = {}, triggers = {}, parts = {},
    leaving = {},
    changes = new_waiters(), ending = new_semaphore(1) }, service)
  self.registry.service = self
  return self
end

local opening = new_semaphore(1)

--- The service of the current registry, made by its make_service when there is none: service | nil,
-- err; nil alone when nobody has said how to make one. Internal.
function module.current()
  local current = registry.current()
  if current.service or not current.make_service then return current.service end
  local _ <close> = opening:acquire()
  if current.service then return current.service end
  local made, err = current.make_service()
  if not made then return nil, err end
  current.service = current.service or made
  return made
end

-- Pumps -------------------------------------------------------------------------------------------

-- The pump of a sender that is defined, also of one defined since the start.
local function pump_of(self, name)
  local found = self.pumps[name]
  if found or not self.pumping then return found end
  local sender = self.registry.senders[name]
  if not sender or not sender.options then return nil end
  self.pumps[name] = new_pump(self, sender):start()
  return self.pumps[name]
end

--- Starts delivering, and nothing else.
function service:start_pumps()
  if self.stopped then error("the service was stopped; make a new one", 2) end
  self.pumping = true
  for _, name in ipairs(self.registry.names) do pump_of(self, name) end
  return true
end

--- Something of that sender is ready to be delivered.
function service:wake(name)
  local pump = pump_of(self, name)
  if pump then pump:wake() end
end

--- For the pumps: something that drain may wait for has changed.
function service:changed() self.changes:wake_all(true) end

-- Start -------------------------------------------------------------------------------------------

-- nil, err; hint: what the person can do.
local function usage(message, hint)
  return nil, errors { code = "usage.invalid", message = message, hint = hint }
end

--- Every trigger names senders that are there: true | nil, err. Internal.
function service.check_triggers(_, defined)
  for _, trigger in ipairs(defined.triggers) do
    local name = trigger.sender or trigger.options and trigger.options.sender
    local sender = type(name) == "string" and defined.senders[name]
    if type(name) == "string" and not (sender and sender.options) then
      return usage(suggest.message(("%s '%s' (%s): no sender '%s' is defined"):format(
        trigger.kind, trigger.name, trigger.place, name), name, defined.names),
        ("correct the name, or define it: iflow.sender %q { to = … }"):format(name))
    end
  end
  return true
end

local function open_senders(self)
  for _, name in ipairs(self.registry.names) do
    local ok, err = self.registry.senders[name]:open()
    if not ok then return nil, err end
  end
  return true
end

-- What runs beside the pumps: the resolver of what is in doubt, the jobs.
local function start_part(self, name)
  local running, err = require("iflow.service." .. name).start(self)
  if not running then return nil, err end
  table.insert(self.parts, running)
  self.parts[name] = running
  return true
end

--- What runs the jobs. Internal.
function service:jobs_part() return self.parts.jobs end

local function start_triggers(self)
  for _, trigger in ipairs(self.registry.triggers) do
    local running, err = trigger:start(self)
    if not running then return nil, err end
    table.insert(self.triggers, { trigger = trigger, running = running })
  end
  return true
end

-- Messages that nobody delivers: their sender was renamed, or its script is not among these.
local function tell_orphans(self)
  for _, stat in ipairs(self.box:stats() or {}) do
    local sender = self.registry.senders[stat.sender]
    if stat.ready > 0 and not (sender and sender.options) then
      core.log.write("warn", "service", ("%d messages of the sender '%s' wait in the outbox, and "
        .. "no script defines it"):format(stat.ready, stat.sender), { sender = stat.sender })
    end
  end
end

local function start(self)
  local ok, err = self:check_triggers(self.registry)
  if ok then ok, err = open_senders(self) end
  if ok then ok, err = self:start_pumps() end
  if ok then ok, err = start_part(self, "doubt") end
  if ok then ok, err = start_part(self, "jobs") end
  if ok then ok, err = start_triggers(self) end
  if ok then ok, err = start_part(self, "credentials") end
  if ok then tell_orphans(self) end
  return ok, err
end

--- Starts everything: pumps, jobs, triggers. true | nil, err; then nothing of it goes on, and the
-- service is stopped.
function service:start()
  local ok, err = start(self)
  if ok then return true end
  self:stop(0)
  return nil, err
end

--- Takes what another registry has (senders, jobs, triggers) in the place of its own, while it
-- runs: true; nil, err when something of it cannot be started, and nothing has changed then. No
-- message is lost or sent twice by it, and what was under way ends as it was begun.
function service:replace(fresh)
  return replace(self, fresh, function() registry.install(fresh) end)
end

-- Stop --------------------------------------------------------------------------------------------

-- Calls all of them at once, and waits.
local function each_at_once(list, fn)
  local tasks = {}
  for i, item in ipairs(list) do
    tasks[i] = core.task.spawn(function()
      local ok, err = xpcall(fn, debug.traceback, item)
      if not ok then core.log.write("error", "service", tostring(err)) end
    end)
  end
  for _, task in ipairs(tasks) do task:join() end
end

-- Triggers, jobs and the resolver take nothing new.
local function stop_inputs(self, left)
  local list = {}
  for _, entry in ipairs(self.triggers) do list[#list + 1] = entry.running end
  for _, running in ipairs(self.parts) do list[#list + 1] = running end
  for leaving in pairs(self.leaving) do
    if not leaving.running.fly then list[#list + 1] = leaving.running end
  end
  each_at_once(list, function(running) running:stop(left()) end)
  self.triggers, self.parts = {}, {}
end

local function stop_pumps(self, left)
  local list = {}
  for _, pump in pairs(self.pumps) do list[#list + 1] = pump end
  for leaving in pairs(self.leaving) do -- of before a reload
    if leaving.running.fly then list[#list + 1] = leaving.running end
  end
  self.pumping = false
  each_at_once(list, function(pump) pump:hold() end)
  each_at_once(list, function(pump) pump:stop(left()) end)
end

--- Ends it: triggers take nothing new, nothing more is claimed, what is under way ends within
-- `grace` seconds (30); the rest is given back, or is in doubt when a call was under way; the
-- outbox is closed. Nothing that was accepted is lost. May be repeated.
function service:stop(grace)
  grace = grace and duration.check(grace, "grace") or GRACE
  local _ <close> = self.ending:acquire() -- whoever asks twice returns when it has ended
  if self.is_stopped then return true end
  self.stopped = true
  local ends = core.task.monotonic() + grace
  local function left() return math.max(0, ends - core.task.monotonic()) end
  stop_inputs(self, left)
  stop_pumps(self, left)
  for leaving in pairs(self.leaving) do leaving.task:cancel() end
  for _, name in ipairs(self.registry.names) do self.registry.senders[name]:close() end
  if self.registry.service == self then self.registry.service = nil end
  if self.own_box then self.box:close() end
  self.is_stopped = true
  self:changed()
  return true
end
service.__close = function(self) self:stop(0) end

-- Waiting -----------------------------------------------------------------------------------------

-- Whether nothing is left; nil, err when what is left cannot be delivered now.
local function is_drained(self)
  local empty, stuck = true, nil
  for _, pump in pairs(self.pumps) do
    if not pump:is_empty(SOON) then
      empty = false
      if not pump.paused then return false end
      stuck = pump.paused.error
    end
  end
  for leaving in pairs(self.leaving) do
    if leaving.running.fly then return false end
  end
  return empty, stuck
end

--- Waits until nothing is ready, under way or due within a minute: true. false when `limit` seconds
-- (300) are over; false, err at once when nothing of what is left can be delivered (refused
-- credentials, a wrong configuration).
function service:drain(limit)
  limit = limit and duration.check(limit, "limit") or LIMIT
  local ends = clock.monotonic() + limit
  local alarm = core.task.spawn(function()
    clock.sleep(limit)
    self:changed()
  end)
  local _ <close> = setmetatable({}, { __close = function() alarm:cancel() end })
  while true do
    local drained, stuck = is_drained(self)
    if drained then return true end
    if stuck then return false, stuck end
    if self.stopped or clock.monotonic() >= ends then return false end
    self.changes:wait()
  end
end

--- A waiter for the end of a message, to be made before it is enqueued and to be closed:
--   local waiter <close> = service:expect("orders", id)
--   local answer, err = waiter:wait(timeout)
function service:expect(sender_name, id) return self.expected:add(sender_name, id) end

--- Waits for the end of a message: answer | nil, err, as lua/iflow/service/expected.lua says.
function service:wait(sender_name, id, timeout)
  local waiter <close> = self:expect(sender_name, id)
  return waiter:wait(timeout)
end

--- For the pumps: a message has ended.
function service:tell(sender_name, id, answer, err)
  self.expected:tell(sender_name, id, answer, err)
end

-- Status ------------------------------------------------------------------------------------------

local function trigger_status(self)
  local list = {}
  for i, entry in ipairs(self.triggers) do
    local status = entry.running.status and entry.running:status() or {}
    status.kind, status.name = entry.trigger.kind, entry.trigger.name
    list[i] = status
  end
  for _, part in ipairs(self.parts) do -- the jobs, each with kind and name
    for _, status in ipairs(part.status and part:status() or {}) do list[#list + 1] = status end
  end
  return list
end

--- { ready = whether messages can be delivered, why = list of what keeps it from that, senders =
-- { name = { in_flight =, waiting =, confirming =, paused = why | nil } }, triggers = { { kind =,
-- name =, … } }, credentials = of senders and relays, { { owner = "sender" | "relay", name =,
-- kind =, path =, subject =, not_after =, created =, loaded =, active = whether it is the one of
-- two that is used, problem = why the file is not in use } },
-- outbox = its counts, reload = { ok =, at =, error = } of the last one, or nil }.
function service:status()
  local why, senders = {}, {}
  for name, pump in pairs(self.pumps) do
    senders[name] = pump:status()
    if senders[name].paused then why[#why + 1] = name .. ": " .. senders[name].paused end
  end
  table.sort(why)
  local counts, err
  if self.stopped then
    why[#why + 1] = "the service is stopped"
  else
    counts, err = self.box:counts()
    local full = counts and self.box:refusal()
    if not counts or full then why[#why + 1] = "the outbox: " .. tostring(err or full) end
  end
  return { ready = self.pumping == true and #why == 0, why = why, senders = senders,
    triggers = trigger_status(self), outbox = counts,
    credentials = self.parts.credentials and self.parts.credentials:list() or {},
    reload = self.reload }
end

return module
