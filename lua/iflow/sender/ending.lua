--- How a message ends: who of the script is told, and which ends concern all messages. Internal;
-- for sending.lua and the pumps of a service.

local errors = require "iflow.error"
local events = require "iflow.events"
local guard = require "iflow.guard"
local metrics = require "iflow.service.metrics"

local ending = {}

local callbacks = { delivered = "on_delivered", in_doubt = "on_in_doubt", rejected = "on_rejected",
  retryable = "on_rejected" }

--- Tells the sender's callback. outcome: a word of err.outcome, or "delivered"; value: the answer
-- or the error. A callback that fails is reported and changes nothing.
function ending.tell(sender, outcome, msg, value)
  metrics.ended(sender.name, outcome)
  local name = callbacks[outcome] or "on_rejected"
  local callback = sender.options[name]
  if not callback then return end
  local ok, err = xpcall(callback, debug.traceback, msg, value)
  if ok then return end
  if errors.is(err) and err.code == "task.canceled" then error(err, 0) end
  err = type(err) == "string" and errors.limit(err) or errors.wrap(err, "script.failed")
  guard.note(sender, err)
  events.write("error", "sender", "callback_failed", ("%s failed: %s"):format(name, tostring(err)),
    events.of(sender.name, msg, { code = errors.is(err) and err.code or nil }))
end

-- What a configuration, not a message, is to blame for: where such a code begins.
local of_all = { cert = true, net = true, service_key = true, tls = true, token = true }

-- Whether the address and the method come from the message.
local function varies(options)
  return type(options.to) == "function" or type(options.method) == "function"
end

--- Whether every other message would end the same way: refused credentials, a wrong configuration.
function ending.concerns_all(err, options)
  local code, kind = errors.exit_code(err), err.code:match "^[%w_]+"
  if code == 3 then return kind ~= "call" end
  return code == 2 and (of_all[kind] or kind == "url" and not varies(options)) or false
end

--- The same for messages of the outbox, which had better wait than become dead letters one after
-- the other: also when the endpoint itself refuses the credentials, unless each may have its own.
function ending.holds_all(err, options)
  local refused = err.code == "call.unauthorized" or err.code == "call.forbidden"
  return refused and not varies(options) or ending.concerns_all(err, options)
end

return ending
