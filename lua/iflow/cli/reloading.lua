-- reloading.lua -- iflow serve at SIGHUP: runs the scripts again, beside what they have defined
-- before, and puts the outcome in its place. When anything of it fails, what was served before goes
-- on as if nothing had happened; the log and GET /ready tell why.
--   local reloads = new_reloads { scripts = paths, values = set, running = running, tasks = tasks }
--   local ok, err = reloads:first(defined)    runs them for the start
--   reloads:ask()                             reloads; again, when that is under way
--   reloads:stop()                            from here on nothing is reloaded
local core = require "iflow.core"
local errors = require "iflow.error"
local load_scripts = require "iflow.cli.served"
local registry = require "iflow.registry"

local reloads = {}
reloads.__index = reloads

local describe = errors.handler "script.failed"

local function say(level, text, ...) core.log.write(level, "serve", text:format(...)) end

-- Runs the scripts with a registry that is this task's only: true, and the tasks they have started;
-- nil, err.
local function read_scripts(self, defined)
  local family <close> = self.tasks:family()
  local fine, ok, err = xpcall(registry.with, describe, defined, function()
    return self.tasks:belong(family, load_scripts, self.scripts, defined)
  end)
  if not fine then
    if errors.is(ok) and ok.code == "task.canceled" then error(ok, 0) end
    ok, err = nil, errors.wrap(ok, "script.failed")
  end
  if not ok then return nil, err end
  return true, family:keep()
end

-- Messages of senders that are gone stay where they are.
local function tell_gone(service, before)
  local stats = service.box:stats()
  local left = {}
  for _, row in ipairs(stats or {}) do
    left[row.sender] = (row.ready or 0) + (row.blocked or 0) + (row.started or 0)
  end
  for _, name in ipairs(before.names) do
    local n = left[name] or 0
    if not service.registry.senders[name] and n > 0 then
      say("warn", "the sender '%s' is gone; %d of its messages wait in the outbox", name, n)
    end
  end
end

local function close_senders(defined)
  for _, name in ipairs(defined.names) do defined.senders[name]:close() end
end

local function reload(self)
  local service = self.running.service
  local before = service.registry
  local fresh = registry.new(self.values)
  fresh.make_service = before.make_service
  local path, cpath = package.path, package.cpath
  local ok, family = read_scripts(self, fresh)
  local err = not ok and family or nil
  if ok and not self.stopped then ok, err = service:replace(fresh) end
  if not ok then
    if family and family ~= err then family:cancel() end
    close_senders(fresh)
    package.path, package.cpath = path, cpath
    return nil, err
  end
  self.family:cancel()
  self.family = family
  tell_gone(service, before)
  return true
end

local function tell(self, ok, err)
  local text = not ok and tostring(err):gsub("\nstack traceback:.*", "") or nil
  self.running.service.reload = { ok = ok == true, at = core.task.now(), error = text }
  if not ok then
    say("error", "the reload failed, what was served before goes on: %s", text)
    return
  end
  local defined = self.running.service.registry
  say("info", "reloaded: %d senders, %d jobs, %d triggers", #defined.names, #defined.jobs,
    #defined.triggers)
end

local function work(self)
  while self.asked and not self.stopped do
    self.asked = false
    self.running.systemd:reloading()
    say("info", "SIGHUP: the scripts are read again")
    local fine, ok, err = xpcall(reload, describe, self)
    if not fine then
      if errors.is(ok) and ok.code == "task.canceled" then error(ok, 0) end
      ok, err = nil, errors.wrap(ok, "system.internal")
    end
    tell(self, ok, err)
    local status = ok and "reloaded" or "the reload failed"
    if not self.stopped then self.running.systemd:ready(status) end
  end
  self.task = nil
end

--- Runs the scripts for the start: true | nil, err; what they raise is raised.
function reloads:first(defined)
  self.family = self.tasks:family()
  return self.tasks:belong(self.family, load_scripts, self.scripts, defined)
end

--- Reloads as soon as the service runs.
function reloads:ask()
  if self.stopped then return say("info", "SIGHUP: the service stops, nothing is reloaded") end
  self.asked = true
  if self.ready and not self.task then self.task = core.task.spawn(work, self) end
end

--- The service runs; what was asked for before is done now.
function reloads:begin()
  self.ready = true
  if self.asked then self:ask() end
end

--- From here on nothing is reloaded.
function reloads:stop()
  self.stopped = true
  if self.task then
    self.task:cancel()
    self.task:join()
  end
end

return function(options)
  return setmetatable({ scripts = options.scripts, values = options.values,
    running = options.running, tasks = options.tasks }, reloads)
end
