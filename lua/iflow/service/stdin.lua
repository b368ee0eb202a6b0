--- Reads standard input line by line for a service (lua/iflow/stdin.lua). Internal.
--
--   local running, err = start(trigger, service)       running:stop(10), running:status()

local clock = require "iflow.clock"
local core = require "iflow.core"
local duration = require "iflow.duration"
local events = require "iflow.events"
local message = require "iflow.message"
local join = require "iflow.join"
local new_semaphore = require "iflow.semaphore"
local target = require "iflow.service.target"
local verdict = require "iflow.verdict"

local AT_ONCE = 64             -- lines that are being stored, so that they share commits
local LINE_MAX = 1024 * 1024   -- bytes
local PIECE = 64 * 1024        -- bytes that are read at once
local ROOM_WAIT = "1d"         -- at the outbox's ceiling; it keeps the order of each key
local AGAIN, AGAIN_MAX = 1, 30 -- seconds, when the outbox fails

local running = {}
running.__index = running

-- fields: of the event, a table of its own.
function running:log(level, event, text, fields)
  fields = fields or {}
  fields.stdin = self.trigger.name
  events.write(level, "stdin", event, text, fields)
end

-- One line ---------------------------------------------------------------------------------------

local function refuse(self, number, err)
  self.rejected = self.rejected + 1
  self:log("error", "rejected", tostring(err), { line = number })
end

-- Stored, or a dead letter: true; nil, err.
local function store(sender, msg, ids)
  local result, err = sender:enqueue(msg, { ids = ids, wait = ROOM_WAIT })
  if result then return true, result.rejected end
  if err.outcome ~= "rejected" then return nil, err end
  local summary
  summary, err = sender:enqueue_all({ msg }, { ids = ids })
  if summary then return true, summary.rejected end
  return nil, err
end

-- Until the outbox takes it: what its disk refuses now it takes later.
local function enqueue(self, line, number)
  local sender, err = target.sender(self.service, self.trigger, line)
  if not sender then return refuse(self, number, err) end
  local msg = message.new { body = line, source = { file = "standard input", line = number } }
  local pause = AGAIN
  while true do
    local ok, more = target.call(function()
      return store(sender, msg, ("%s:%d"):format(self.ids, number))
    end)
    if ok then
      self.rejected = self.rejected + more
      self.why = nil
      return
    elseif not (more.code:find "^outbox%." or more.code:find "^system%.") then
      return refuse(self, number, more)
    end
    if self.why ~= more.message then
      self:log("error", "retry", "the line waits: " .. more.message,
        { line = number, code = more.code, wait = pause })
    end
    self.why = more.message
    clock.sleep(pause)
    pause = math.min(pause * 2, AGAIN_MAX)
  end
end

-- The script's function, again when it asks for that.
local function call(self, line, number)
  local first, second
  repeat
    first, second = target.call(self.trigger.options.run, line)
    local later = verdict.of(first) == "retry_after"
    if later then
      self:log("warn", "retry", "again after " .. duration.text(first.wait),
        { line = number, wait = first.wait })
      clock.sleep(first.wait)
    end
  until not later
  if verdict.of(first) == "reject" then return refuse(self, number, first.reason) end
  if first == false or first == nil and second ~= nil then
    refuse(self, number, second or "the function returned false")
  end
end

local function hand_on(self, line, number)
  if self.trigger.options.run then
    call(self, line, number)
    self.lines = self.lines + 1
    return
  end
  local permit = self.window:acquire()
  self.children[core.task.spawn(function()
    local _ <close> = permit
    enqueue(self, line, number)
    self.lines = self.lines + 1
    self.children[core.task.current()] = nil
  end)] = true
end

-- All lines --------------------------------------------------------------------------------------

local function take_lines(self, reader)
  while true do
    local line, number, err = reader:next()
    if line == nil then
      if number then self:log("error", "failed", tostring(number)) end
      return
    elseif not line then
      refuse(self, number, err)
    elseif line ~= "" then
      hand_on(self, line, number)
    end
  end
end

-- The next piece, nil at the end or when it is stopped; nil, err.
local function read(self)
  if self.stopping then return nil end
  local reading <close> = core.task.spawn(self.input.read, self.input, PIECE)
  self.reading = reading
  local piece, err = reading:join()
  if self.stopping and not piece then return nil end
  return piece, err
end

local function work(self)
  local reader = core.lines.reader { max_line = LINE_MAX }
  local piece, err = read(self)
  while piece do
    reader:feed(piece)
    take_lines(self, reader)
    piece, err = read(self)
  end
  if err then self:log("error", "failed", tostring(err)) end
  if not self.stopping then
    reader:finish()
    take_lines(self, reader)
  end
  join(self.children)
end

-- The end of the input ---------------------------------------------------------------------------

-- Ends the service, when nothing else keeps it going and all is delivered, or cannot be.
local function end_service(self)
  local service, defined = self.service, self.service.registry
  if #defined.triggers > 1 or #defined.jobs > 0 then return end
  local drained, stuck
  repeat drained, stuck = service:drain() until drained or stuck or self.stopping
  if self.stopping then return end
  local why = stuck and "the input has ended; what is left cannot be delivered now"
    or "the input has ended"
  service.end_asked = why
  if service.ended then service.ended(why) end
end

local function run(self)
  work(self)
  if self.stopping then return end
  self.ended = true
  self:log("info", "ended", ("the input has ended: %d lines, %d rejected"):format(self.lines,
    self.rejected))
  self.ending = core.task.spawn(end_service, self)
end

--- Reads no more, and waits until what was read is stored, `limit` seconds at most. May be
-- repeated.
function running:stop(limit)
  if self.stopping then return end
  self.stopping = true
  if self.ending then self.ending:cancel() end
  if self.reading then self.reading:cancel() end
  self.task:join(limit)
  local left = 0
  for child in pairs(self.children) do
    left = left + 1
    child:cancel()
  end
  self.task:cancel()
  self.task:join()
  self.input:close()
  if left > 0 then
    self:log("error", "failed", ("%d lines that were read could not be stored"):format(left))
  end
end

--- { lines = handed on, rejected =, ended = whether the input has, why = lines wait, or nil }
function running:status()
  return { lines = self.lines, rejected = self.rejected, ended = self.ended, why = self.why }
end

--- Starts it: running | nil, err.
return function(trigger, service)
  local self = setmetatable({ trigger = trigger, service = service, lines = 0, rejected = 0,
    ended = false, stopping = false, children = {}, window = new_semaphore(AT_ONCE),
    ids = "stdin:" .. core.crypto.uuid() }, running)
  local err
  self.input, err = core.file.reader "-"
  if not self.input then return nil, err end
  self.task = core.task.spawn(run, self)
  return self
end
