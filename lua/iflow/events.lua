--- What the log says about messages and what hands them on: one line an event, with the same fields
-- wherever it comes from. README lists the events ("What the log says"). Internal.
--
--   events.write("info", "service", "delivered", "delivered", events.of(sender.name, msg, {
--     attempt = 2, status = 200 }))
--
-- Fields: event; sender, id, trace_id of the message; attempt; status, message_id (of the message
-- processing log) and code of the answer or error; seconds (how long it took); wait (seconds until
-- it goes on); of what is no message: relay, files, stdin, job (its name), file, line.

local core = require "iflow.core"
local trace = require "iflow.trace"

local events = {}

local function rounded(seconds) return math.floor(seconds * 1000 + 0.5) / 1000 end

--- The fields of an event of a message. fields: more of them, which may be nil; a table of its own.
-- msg: an iflow.message with its id, or a row of the outbox; nil: none.
function events.of(sender_name, msg, fields)
  fields = fields or {}
  fields.sender = sender_name
  if msg then
    local about = rawget(msg, "about") -- of a row
    local kept = msg.trace or type(about) == "table" and about.trace
    fields.id, fields.trace_id = msg.id, trace.id(kept)
  end
  return fields
end

--- Adds what an answer or an error says.
function events.result(fields, value)
  if not value then return fields end
  fields.status, fields.code = value.status, value.code
  if value.message_id and value.message_id ~= "" then fields.message_id = value.message_id end
  return fields
end

--- The text of an error about that message, whose id is a field.
function events.reason(msg, err)
  local text, own = tostring(err), ("message %s: "):format(tostring(msg.id))
  local from, to = text:find(own, 1, true)
  if not from then return text end
  return text:sub(1, from - 1) .. text:sub(to + 1)
end

--- Whether a line of that level and module would be written.
events.enabled = core.log.enabled

--- Writes the line. fields.seconds and fields.wait are rounded to milliseconds.
function events.write(level, module, event, text, fields)
  fields.event = event
  if fields.seconds then fields.seconds = rounded(math.max(0, fields.seconds)) end
  if fields.wait then fields.wait = rounded(fields.wait) end
  core.log.write(level, module, text, fields)
end

return events
