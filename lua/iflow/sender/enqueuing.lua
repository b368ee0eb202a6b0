--- Messages into the outbox: transforms at once, then durable. Internal; what sender:enqueue and
-- sender:enqueue_all are made of (lua/iflow/sender.lua says what they do).

local clock = require "iflow.clock"
local core = require "iflow.core"
local delivery = require "iflow.sender.delivery"
local ending = require "iflow.sender.ending"
local errors = require "iflow.error"
local events = require "iflow.events"
local guard = require "iflow.guard"
local join = require "iflow.join"
local metrics = require "iflow.service.metrics"
local new_semaphore = require "iflow.semaphore"
local request = require "iflow.sender.request"
local stored = require "iflow.sender.stored"
local trace = require "iflow.trace"
local transform = require "iflow.transform"

local AT_ONCE = 64      -- messages that are being stored, so that they share commits
local WAIT = "30s"      -- for room at the ceiling
local DATA_MAX = 192 * 1024 -- bytes of JSON; the outbox has a limit
local DEAD_AFTER = 3600 -- seconds; a dead letter is not to be claimed before it is marked as such

local storing = {}
storing.__index = storing

-- One message -------------------------------------------------------------------------------------

-- A directory for streams, made when it is first needed; it goes with the storing.
local function spool_of(self)
  return function()
    if not self.spool then
      local dir, err = core.file.tempdir "iflow-spool-"
      if not dir then return nil, err end
      self.spool = dir
    end
    return self.spool
  end
end

local function identify(self, item)
  local derive = core.crypto.uuid7
  if item.ids then
    derive = function() return stored.derived_id(("%s\0%d"):format(item.ids, item.position)) end
  end
  request.identify(self.sender.options, item.msg, derive)
  return stored.check_id(item.msg.id)
end

local function no_bytes(msg)
  return errors { code = "transform.invalid",
    message = msg:where() .. " has data, but no bytes to send",
    hint = "end the transforms with one that makes bytes, for example iflow.transform.to_json {}" }
end

-- File names need not be UTF-8, and JSON has nothing else.
local function legible(source)
  if next(source) == nil then return nil end
  local copy = {}
  for name, value in pairs(source) do
    if type(value) == "string" and not utf8.len(value) then
      value = value:gsub("[\x80-\xff]", "\u{FFFD}")
    end
    copy[name] = value
  end
  return copy
end

-- What box:enqueue takes; nil, err when the message cannot be stored.
local function fields_of(self, item)
  local msg, about = item.msg, {}
  trace.begin(self.sender.options, msg)
  about.trace = msg.trace
  local body, file = stored.body(msg, spool_of(self))
  item.file = body and file
  if body == nil then
    if file then return nil, file end -- an error
    body, about.no_body = "", true
  end
  about.data = stored.data(msg.data, item.at and "request" or self.needs_data)
  about.step = item.at
  return { sender = self.sender.name, id = msg.id, body = body, wait = self.wait,
    headers = next(msg.headers) and msg.headers, content_type = msg.content_type,
    source = legible(msg.source), about = next(about) and about,
    not_before = self.not_before }
end

-- The fields of a message that came out of the transforms.
local function prepare(self, item)
  local ok, err = identify(self, item)
  if not ok then return nil, err end
  local msg = item.msg
  if msg.body == nil and msg.data ~= nil then return nil, no_bytes(msg) end
  local key
  key, err = delivery.key_of(self.sender, msg)
  if err then return nil, err end
  local fields
  fields, err = fields_of(self, item)
  if fields then fields.key = stored.key(key) end
  return fields, err
end

-- What a dead letter cannot keep as it was: its data, a stream, headers that are no text.
local function drop_lost(msg)
  local lost
  if type(msg.body) == "function" then lost, msg.body = "its body was a stream", nil end
  local text, why = core.json.encode(msg.data)
  if msg.data ~= nil and (not text or #text > DATA_MAX) then
    lost, msg.data = why and why.message or "its data are too large", nil
  end
  if not core.json.encode(msg.headers) then lost, msg.headers = "its headers are no text", {} end
  return lost
end

-- The fields of a dead letter.
local function prepare_dead(self, item)
  local msg = item.msg
  local fine, ok = pcall(identify, self, item)
  if not fine or not ok then msg.id = core.crypto.uuid7() end
  local lost = drop_lost(msg)
  local fields = fields_of(self, item)
  fields.about.lost = lost
  fields.not_before = clock.now() + DEAD_AFTER
  return fields
end

-- Storing -----------------------------------------------------------------------------------------

-- Marks what was just accepted as a dead letter.
local function bury(self, item)
  local box, msg = self.service.box, item.msg
  local found, err = box:list { sender = self.sender.name, id = msg.id, limit = 1 }
  if found and found[1] then found, err = box:rejected(found[1].number, { error = item.err }) end
  return found, err
end

-- What is the message's own fault, and not that of the outbox.
local of_message = { ["transform.invalid"] = true, ["limit.exceeded"] = true }

local function reject(self, item, err)
  item.err, item.at = item.msg:about(err), #self.sender.options.transform + 1
  item.err.outcome = "rejected"
end

local function tell_dead(self, item)
  local msg, err = item.msg, item.err
  events.write("warn", "sender", "rejected", "a dead letter: " .. events.reason(msg, err),
    events.result(events.of(self.sender.name, msg), err))
  ending.tell(self.sender, "rejected", msg, err)
end

-- "rejected", or nil, err.
local function accept_dead(self, item)
  item.fields = prepare_dead(self, item)
  local state, err = self.service.box:enqueue(item.fields)
  if state == "accepted" then
    state, err = bury(self, item)
    if state then tell_dead(self, item) end
  end
  return state and "rejected", err
end

-- Accepts it: "accepted", "known" or "rejected"; nil, err.
local function accept(self, item)
  if item.err then return accept_dead(self, item) end
  local state, err = self.service.box:enqueue(item.fields)
  if item.file then os.remove(item.file) end
  if state == "accepted" then
    metrics.accepted(self.sender.name)
    self.service:wake(self.sender.name)
  end
  if state and events.enabled("debug", "sender") then
    events.write("debug", "sender", state, state, events.of(self.sender.name, item.msg))
  end
  if state or not of_message[err.code] then return state, err end
  reject(self, item, err)
  if item.only then return nil, item.err end
  return accept_dead(self, item)
end

-- Stores it and counts it.
function storing:store(item)
  local state, err = accept(self, item)
  if state then
    self.counts[state] = self.counts[state] + 1
    if item == self.first then self.first_state = state end
  else
    self.failure = self.failure or err
  end
  if not self.each then return end
  local ok, failure = xpcall(self.each, debug.traceback, item.msg, state, err or item.err)
  if not ok then self.raised = self.raised or failure end
end

function storing:work(item, permit)
  local _ <close> = permit
  self:store(item)
  self.children[core.task.current()] = nil
end

function storing:is_stopped() return self.failure ~= nil or self.raised ~= nil end

-- Makes the fields, in the order of the messages.
local function make_fields(self, item)
  if item.err then return end
  local fields, err = delivery.guarded(prepare, self, item)
  item.fields = fields
  if fields then return end
  if err.code:find "^outbox%." then
    self.failure = self.failure or err -- no room for a stream: not the message's fault
  else
    reject(self, item, err)
  end
end

function storing:start(item)
  if not item then return end
  make_fields(self, item)
  local permit = self.window:acquire()
  if self:is_stopped() then
    permit:release()
    transform.stop()
  end
  self.children[core.task.spawn(self.work, self, item, permit)] = true
end

--- What comes out of the transforms: { msg = }, or is refused by one: { msg =, err =, at = step }.
-- One is held back until it is known whether it is the only one.
function storing:add(item)
  self.position = self.position + 1
  self.taken = self.taken + 1
  item.position, item.ids = self.position, self.ids
  self.first = self.first or item
  if self.holds then item, self.held = self.held, item end
  self:start(item)
end

--- Takes a payload: true, or false when no more are taken. ids: where its messages' ids come from.
function storing:push(msg, ids)
  if self:is_stopped() then return false end
  if ids then self.ids, self.position = ids, 0 end
  guard.rest(self.sender)
  local ok, err = xpcall(self.pipeline.push, function(e) return e end, self.pipeline, msg)
  if not ok and not transform.is_stop(err) then error(err, 0) end
  return not self:is_stopped()
end

-- The one message of a payload: in the caller's own task.
local function store_only(self)
  local item = self.held
  self.held = nil
  item.only = true
  make_fields(self, item)
  if item.err then return nil, item.err end
  if not self.failure then self:store(item) end
  return self.failure == nil, self.failure
end

--- No more payloads: waits until all are stored. True; nil, err when the only one was refused, or
-- when one could not be stored.
function storing:finish()
  local ok, err = xpcall(self.pipeline.finish, function(e) return e end, self.pipeline)
  if not ok and not transform.is_stop(err) then error(err, 0) end
  if self.held and self.taken == 1 then
    ok, err = store_only(self)
    if not ok then return nil, err end
  end
  if self.held and not self:is_stopped() then
    ok, err = pcall(self.start, self, self.held)
    if not ok and not transform.is_stop(err) then error(err, 0) end
  end
  join(self.children)
  self.ended = true
  if self.raised then error(self.raised, 0) end
  if self.failure then return nil, self.failure end
  return true
end

--- What became of them, as sender:enqueue returns it.
function storing:result()
  local counts = self.counts
  return { id = self.first and self.first.msg.id, state = self.first_state or "skipped",
    count = counts.accepted + counts.known, known = counts.known, rejected = counts.rejected }
end

function storing:__close()
  for child in pairs(self.children) do child:cancel() end
  if self.spool then core.file.remove(self.spool, { recursive = true }) end
end

--- options: ids, wait, not_before; counts: the table that is counted in; each(message, state, err);
-- holds: the only message of all is refused instead of being made a dead letter.
return function(sender, service, options)
  local self = setmetatable({ sender = sender, service = service, ids = options.ids,
    wait = options.wait or WAIT, not_before = options.not_before, each = options.each,
    holds = options.holds, position = 0, taken = 0, children = {},
    window = new_semaphore(AT_ONCE),
    counts = options.counts or { accepted = 0, known = 0, rejected = 0, skipped = 0 },
    needs_data = stored.needs_data(sender.options) }, storing)
  self.pipeline = transform.pipeline(sender.options.transform,
    function(msg) self:add { msg = msg } end,
    function(msg, err, at)
      err.outcome = "rejected"
      if guard.note(self.sender, err) and self.taken > 0 then guard.rest(self.sender) end
      self:add { msg = msg, err = err, at = at }
    end,
    function()
      self.position = self.position + 1
      self.counts.skipped = self.counts.skipped + 1
    end)
  return self
end
