--- The outbox: messages that are on disk from when they are accepted until they are delivered.
-- Everything waits (it runs on a thread of the outbox), so it needs a task.
--
--   local box <close> = assert(outbox.open { path = "orders.db" })
--   box:enqueue { sender = "orders", id = id, key = customer, body = text, headers = { … } }
--   for _, msg in ipairs(box:claim("orders", 32)) do
--     … send it …
--     box:delivered(msg, { status = 200, message_id = "AGd…", began = t })
--   end
--
-- A message is in one of these states:
--   ready      waits for its turn, or for its time (not_before)
--   blocked    ready, but an earlier message with its key is not through yet
--   started    its attempt is on disk, for senders that must not repeat blindly
--   in_doubt   was sent, nobody knows what became of it; it holds back its key
--   rejected   a dead letter; it holds back nothing
--   delivered  known for `retention`, without its body
-- After a crash what was started is in doubt, what was only claimed is ready.
--
-- Methods return nil, err when the disk fails them; nothing has changed then.

local clock = require "iflow.clock"
local core = require "iflow.core"
local errors = require "iflow.error"
local json = require "iflow.json"
local new_room = require "iflow.outbox_room"

local outbox = {}

local RETENTION = "7d" -- src/bind/outbox.c has the same

local box = { __name = "iflow.outbox" }
box.__index = box

--- Opens or creates the outbox of one process. Options, all but the path optional:
--   path          of the database; beside it: PATH-lock (its holder), PATH-bodies, PATH-wal
--   durability    "full" (default): an accepted message survives a loss of power; "normal": it
--                 survives a crash of the process, and the last ones perhaps no loss of power
--   max_messages, max_bytes    the ceiling of what is not delivered: 10,000,000 and 64 GiB
--   inline_max    larger bodies are files of their own (1 MiB)
--   retention     how long a delivered message is known ("7d"), at most max_messages of them; 0: it
--                 is gone at once
--   reserve       bytes of the disk that are kept for when it is full (PATH-reserve): then nothing
--                 new is accepted, and what is there can still be delivered or dropped
--   lock_wait     how long to wait for another process that holds it ("2s")
--   backend       "sqlite"
-- Errors: outbox.locked (names the holder), outbox.read_only, outbox.corrupt, outbox.version,
-- outbox.disk_full. box.retention has the retention in seconds.
function outbox.open(options)
  local given = {}
  for name, value in pairs(options) do given[name] = name ~= "reserve" and value or nil end
  local room = new_room(options.path, options.reserve)
  local handle, err = core.outbox.open(given)
  if not handle and err.code == "outbox.disk_full" and room:release() then
    handle, err = core.outbox.open(given)
  end
  if not handle then return nil, err end
  room:keep()
  local retention = core.task.seconds(options.retention or RETENTION)
  return setmetatable({ handle = handle, retention = retention, room = room }, box)
end

local ABOUT_MAX = 1024 * 1024 -- bytes; src/outbox/driver.h has the same

-- What describes a message besides its body, as one text, nil for nothing; false, err when it
-- cannot be written.
local function describe(fields)
  if not (fields.headers or fields.content_type or fields.source or fields.about) then
    return nil
  end
  local text, err = json.encode { headers = fields.headers and json.object(fields.headers),
    content_type = fields.content_type, source = fields.source, about = fields.about }
  if not text and err.code == "system.no_memory" then
    return false, err
  elseif not text then
    return false, errors { code = "transform.invalid", cause = err, message =
      "what belongs to the message besides its body cannot be written as JSON: " .. err.message }
  elseif #text > ABOUT_MAX then
    return false, errors { code = "limit.exceeded", message = ("what belongs to the message besides"
      .. " its body has %d bytes, %d at most are stored"):format(#text, ABOUT_MAX) }
  end
  return text
end

local function restore(msg)
  local text = msg.about
  if not text then return msg end
  msg.about = nil
  for name, value in pairs(assert(json.decode(text))) do msg[name] = value end
  return msg
end

local function restore_all(list, ...)
  for _, msg in ipairs(list or {}) do restore(msg) end
  return list, ...
end

--- Accepts a message and returns when it is durable: "accepted", or "known" when the sender has one
-- with this id already (then nothing is stored). Fields: sender, id, body (a string, or { file =
-- path }, which is copied); optional key (order: one after the other), headers, content_type,
-- source, about (a value of your own), not_before (seconds since 1970), wait (how long to wait for
-- room at the ceiling; default: not at all). Errors: outbox.full, outbox.disk_full, outbox.failed;
-- transform.invalid, limit.exceeded: headers and about are not JSON, or more than 1 MiB of it.
function box:enqueue(message)
  local about, err = describe(message)
  if err then return nil, err end
  local fields = { about = about }
  for name, value in pairs(message) do
    if name ~= "headers" and name ~= "content_type" and name ~= "source" and name ~= "about" then
      fields[name] = value
    end
  end
  local low = self.room:refuses()
  if low then return nil, low end
  local state
  state, err = self.handle:enqueue(fields)
  if not state and err.code == "outbox.disk_full" then self.room:is_full(err) end
  return state, err
end

--- Up to `max` (1; at most 1000) messages of the sender that are ready, the oldest first, of every
-- key only the first. They are the caller's until one of the methods below is called. A second
-- value says when the next one is due, nil when none waits for a time. A message has the fields of
-- enqueue and number, attempts, created, changed, size; a large body is { file = path }. now: the
-- time that counts, seconds since 1970; default: the machine's.
function box:claim(sender, max, now)
  local _ <close> = clock.work()
  return restore_all(self.handle:claim(sender, max, now))
end

--- Gives claimed messages back as they were.
function box:release(what) return self.handle:release(what) end

-- What makes the outbox no longer may use the last room on the disk.
local function in_any_case(self, method, ...)
  local done, err = method(self.handle, ...)
  if err and err.code == "outbox.disk_full" and self.room:release() then
    self.handle:note("probe", false) -- a commit, after which SQLite's log can begin anew
    return method(self.handle, ...)
  end
  return done, err
end

--- Why nothing can be accepted just now, the disk being full; nil: it can, as far as is known.
function box:refusal()
  return self.room:look(function(text)
    return self.handle:note("probe", text) and self.handle:note("probe", false)
  end)
end

--- Gives up the room that is kept on the disk: whether there was any.
function box:spare() return self.room:release() end

-- What changes a state takes a message, its number, or a list of these, written in one transaction;
-- an outcome for all of them, or one each: { number = 7, outcome = { … } }. It returns how many it
-- changed: those in another state stay as they are.
--   outcome   { began =, ended =, status =, message_id =, error = text or iflow.error, code =,
--               not_before =, attempted = }
local function changes(action)
  return function(self, what, outcome)
    local _ <close> = clock.work()
    return in_any_case(self, self.handle.change, action, what, outcome)
  end
end

--- Before the first byte is sent, for senders that must not repeat blindly: ready -> started.
box.start = changes "start"
--- The message is through; the next one of its key may go.
box.delivered = changes "delivered"
--- A dead letter.
box.rejected = changes "rejected"
--- Again at outcome.not_before. attempted = false: it was not tried (the endpoint is paused, say).
box.retry = changes "retry"
--- Sent, but nobody knows what became of it.
box.in_doubt = changes "in_doubt"
--- By an operator: a message that is rejected, in doubt or waits for its time is ready at once (or
-- at outcome.not_before), keeps its id, and has as many attempts as a new one. One message may get
-- a new body, with body and headers.
function box:requeue(what, outcome)
  if not (outcome and outcome.body) then return self.handle:change("requeue", what, outcome) end
  local about, err = describe(outcome)
  if err then return nil, err end
  local fields = { about = about, body = outcome.body, error = outcome.error,
    code = outcome.code, not_before = outcome.not_before }
  return self.handle:change("requeue", what, fields)
end
--- By an operator: the message is gone. Not what is claimed or started.
box.drop = changes "drop"

--- Messages by number: { sender =, state = one of those above or a list of them, id =, key =,
-- code = (with * for any text: "call.*"), older_than = "1h", newer_than =, after = number,
-- limit = 100, bodies = false }. The next page begins after the last number.
function box:list(filter) return restore_all(self.handle:list(filter)) end

--- One message with body and history (a list of { state, attempt, began, ended, status,
-- message_id, code, error }, the last 100), or nil when there is none.
function box:show(number)
  local msg, err = self.handle:show(number)
  if not msg then return nil, err end
  return restore(msg)
end

--- For every sender: { sender =, ready =, blocked =, started =, in_doubt =, rejected =,
-- delivered =, oldest = time, ages = { … } }. The ages count open messages of up to 5 minutes, 10,
-- 20, 40, 80, 160, 320, 640, 1280, and older. It reads all messages: half a second a million.
function box:stats() return self.handle:stats() end

--- { ready =, started =, in_doubt =, rejected =, delivered =, claimed =, messages =, bytes = }; the
-- last two count what is not delivered. Cheap.
function box:counts() return self.handle:counts() end

--- A durable text beside the messages, for what a service must remember (when a job ran last, say):
-- note(name) -> text, or nil when there is none; note(name, text) and note(name, false), which
-- removes it, -> true. Names as of senders; 64 KiB of text at most.
function box:note(name, text)
  if text == nil then return self.handle:note(name) end
  return in_any_case(self, self.handle.note, name, text)
end

--- Finishes what was asked for and closes the file. May be repeated.
function box:close() return self.handle:close() end
box.__close = box.close

return outbox
