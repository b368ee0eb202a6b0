--- Runs a drop folder (lua/iflow/files.lua) for a service: finds complete files, hands one after
-- the other on, and moves each when all of its messages are durable. Internal.
--
--   local running, err = start(trigger, service)       running:stop(10), running:status()
--
-- A round: what could not be moved before is moved; the directories are read; each complete file is
-- taken, the oldest first. Then it rests until something changes there, a file may be complete, or
-- it is time to look again by itself. The state that a crash must not lose is in files/memory.lua.

local clock = require "iflow.clock"
local core = require "iflow.core"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local events = require "iflow.events"
local is_removed = require("iflow.service.files.identity").is_removed
local new_folder = require "iflow.service.files.folder"
local open_memory = require "iflow.service.files.memory"
local place = require "iflow.service.files.place"
local taking = require "iflow.service.files.taking"

local CALM = 0.1  -- seconds between two looks at least, for all that happens at once
local SHARE = 4   -- a look that takes long is followed by a pause of so many times that
local AGAIN, AGAIN_MAX = 1, 60 -- pauses when nothing can be taken

local running = {}
running.__index = running

-- Files that a trigger of the service has taken: where patterns overlap, the first one has it.
local claims = setmetatable({}, { __mode = "k" })

--- A line of the log; path: of the file it is about, or nil.
function running:log(level, event, path, text, ...)
  events.write(level, "files", event, text:format(...), { files = self.trigger.name, file = path })
end

-- Waiting -----------------------------------------------------------------------------------------

local function nap(self, seconds)
  if self.stopping then return end
  local sleeper <close> = core.task.spawn(clock.sleep, seconds)
  self.sleeper = sleeper
  sleeper:join()
end

-- Something has changed. While it rests for a reason it is left to rest.
local function wake(self)
  self.changed = true
  if self.sleeper and not self.calm then self.sleeper:cancel() end
end

-- Until something changes, `seconds` at most. Changes come in crowds: it waits for their end, and
-- reading large directories again and again leaves time for others.
local function rest(self, seconds)
  self.calm = true
  nap(self, math.max(CALM, SHARE * self.look_took))
  self.calm = false
  if not self.changed then nap(self, seconds) end
end

--- Nothing can be taken: says so once, and waits longer every time.
function running:trouble(reason)
  if self.why ~= reason then
    self:log("error", "paused", nil, "nothing can be taken: %s", reason)
  end
  self.why = reason
  self.again = math.min((self.again or AGAIN / 2) * 2, AGAIN_MAX)
  self.calm = true
  nap(self, self.again)
  self.calm = false
end

function running:no_trouble()
  if self.why then self:log("info", "resumed", nil, "files are taken again") end
  self.why, self.again = nil, nil
end

-- Files that are its own --------------------------------------------------------------------------

--- The file is taken by this trigger, and by no other whose patterns fit.
function running:claim(path) claims[self.service][path] = self end

--- The file is where it belongs, or gone.
function running:forget(path)
  self.memory:forget(path)
  self:unclaim(path)
end

function running:unclaim(path) claims[self.service][path] = nil end

-- Rounds ------------------------------------------------------------------------------------------

local function is_mine_now(self, file)
  local owner = claims[self.service][file.path]
  if owner and owner ~= self then return false end
  local entry = self.memory:find(file.path)
  return not (entry and entry.to)
end

-- Whether it may be taken now; else after how many seconds.
local function is_due(self, file)
  local delayed = self.delayed[file.path]
  local left = delayed and delayed.at - clock.monotonic() or 0
  return left <= 0, left
end

local function older(a, b)
  if a.mtime_ns ~= b.mtime_ns then return a.mtime_ns < b.mtime_ns end
  return a.name < b.name or a.name == b.name and a.path < b.path
end

local function tell_problem(self, folder, err)
  local text = err and err.message
  if folder.problem == text then return end
  folder.problem = text
  if err then
    self:log("error", "paused", nil, "%s; looking again every %s", text,
      duration.text(self.options.rescan))
  else
    self:log("info", "resumed", nil, "%s can be read again", folder.path)
  end
end

-- The complete files of all directories, the oldest first, and when there may be more.
local function look(self)
  local files, wait, began = {}, self.options.rescan, core.task.monotonic()
  for _, folder in ipairs(self.folders) do
    local ready, soon = folder:look(clock.monotonic())
    tell_problem(self, folder, not ready and soon or nil)
    if ready then wait = math.min(wait, soon or wait) end
    for _, file in ipairs(ready or {}) do
      if is_mine_now(self, file) then
        local due, left = is_due(self, file)
        if due then files[#files + 1] = file else wait = math.min(wait, left) end
      end
    end
  end
  self.look_took = core.task.monotonic() - began
  table.sort(files, older)
  return files, wait
end

local function take_all(self, files)
  for i, file in ipairs(files) do
    if self.stopping or self.memory:is_full() then return end
    self.waiting = #files - i
    if is_due(self, file) and is_mine_now(self, file) then taking.take(self, file) end
    self.file = nil
    if self.why then return end
  end
end

-- Files that were begun and put off, and that somebody has removed.
local function forget_removed(self)
  for _, entry in ipairs(table.move(self.memory.entries, 1, #self.memory.entries, 1, {})) do
    if not entry.to and is_removed(entry) then
      self.delayed[entry.path] = nil
      self:forget(entry.path)
    end
  end
end

local function round(self)
  local wait_move = taking.move_held(self)
  forget_removed(self)
  self.changed = false
  local files, wait = look(self)
  self.waiting = #files
  if self.memory:is_full() then
    return self:trouble "too many files wait to be moved, or to be taken again"
  end
  local before = self.taken + self.failed
  if #files > 0 then take_all(self, files) else self:no_trouble() end
  self.memory:save()
  if #files == 0 then
    rest(self, math.min(wait, wait_move or wait))
  elseif self.taken + self.failed == before and not self.why then
    rest(self, CALM) -- they change faster than they can be taken
  end
end

local function work(self)
  while not self.stopping do
    local ok, err = xpcall(round, errors.handler "system.internal", self)
    if not ok and errors.is(err) and err.code == "task.canceled" then error(err, 0) end
    if not ok then
      self:log("debug", "failed", nil, "%s", tostring(errors.is(err) and err.traceback or err))
      self:trouble(tostring(err))
    end
  end
end

-- Start and stop ----------------------------------------------------------------------------------

--- Takes nothing new and waits until the file under way is where it belongs, `limit` seconds at
-- most; then it is left where it is, and goes on from there after the next start. May be repeated.
function running:stop(limit)
  if self.stopped then return end
  self.stopping = true
  if self.sleeper then self.sleeper:cancel() end
  self.task:join(limit)
  self.task:cancel()
  self.task:join()
  if self.stopped then return end -- somebody with a shorter limit was quicker
  self.stopped = true
  for _, folder in ipairs(self.folders) do folder:close() end
  self.memory:save()
end

--- { taken =, failed = files since the start, waiting = complete ones, file = that is under way,
-- held = those that could not be moved or wait, why = that nothing is taken, or nil }
function running:status()
  local why = self.why
  for _, folder in ipairs(self.folders) do why = why or folder.problem end
  return { taken = self.taken, failed = self.failed, waiting = self.waiting, file = self.file,
    held = #self.memory.entries - (self.file and 1 or 0), why = why }
end

-- One for each directory, with all of its patterns.
local function folders_of(self)
  local list, by_path = {}, {}
  for _, pattern in ipairs(self.options.patterns) do
    local folder = by_path[pattern.folder]
    if not folder then
      folder = new_folder { path = pattern.folder, patterns = {}, settle = self.options.settle,
        every = duration.text(self.options.rescan), changed = function() wake(self) end,
        log = function(...) self:log(...) end }
      by_path[pattern.folder] = folder
      list[#list + 1] = folder
    end
    table.insert(folder.patterns, pattern)
  end
  return list
end

local function prefixed(self, err)
  local copy = {}
  for name, value in pairs(err) do copy[name] = value end
  copy.message = ("files '%s' (%s): %s"):format(self.trigger.name, self.trigger.place, err.message)
  return nil, errors(copy)
end

-- The directories are there, and files can be moved; nil, err names the one that is not.
local function prepare(self)
  for _, name in ipairs { "done", "failed" } do
    local path, err = place.directory(self.options[name])
    if not path then return prefixed(self, err) end
    self.places[name] = path
  end
  for _, folder in ipairs(self.folders) do
    local path, err = folder:check()
    if not path then return prefixed(self, err) end
    if path == self.places.done or path == self.places.failed then
      return prefixed(self, errors { code = "usage.invalid", hint = "choose another directory",
        message = ("files that are moved to '%s' would be taken again"):format(path) })
    end
  end
  return true
end

local function new(trigger, service)
  local self = setmetatable({ trigger = trigger, service = service, options = trigger.options,
    taken = 0, failed = 0, waiting = 0, look_took = 0, delayed = {}, places = {},
    fresh = setmetatable({}, { __mode = "k" }) }, running)
  self.folders = folders_of(self)
  local ok, err = prepare(self)
  if not ok then return nil, err end
  return self
end

local files = {}

--- Whether it could be started: true | nil, err.
function files.check(trigger, service)
  local self, err = new(trigger, service)
  if not self then return nil, err end
  for _, folder in ipairs(self.folders) do folder:close() end
  return true
end

--- Starts it: running | nil, err. nil, err when a directory is missing or cannot be used.
local function start(trigger, service)
  local self, err = new(trigger, service)
  if not self then return nil, err end
  self.memory, err = open_memory(service.box, trigger.name)
  if not self.memory then return prefixed(self, err) end
  claims[service] = claims[service] or {}
  for _, entry in ipairs(self.memory.entries) do claims[service][entry.path] = self end
  self.task = core.task.spawn(work, self)
  return self
end

return setmetatable(files, { __call = function(_, ...) return start(...) end })
