--- One relay at work: admits requests to its path, stores their messages, answers. Internal.

local access = require "iflow.service.relay.access"
local answers = require "iflow.service.relay.answers"
local clock = require "iflow.clock"
local core = require "iflow.core"
local errors = require "iflow.error"
local events = require "iflow.events"
local guard = require "iflow.guard"
local intake = require "iflow.service.relay.intake"
local new_message = require("iflow.message").new
local new_waiters = require "iflow.waiters"
local requests = require "iflow.service.relay.request"
local stored = require "iflow.sender.stored"
local trace = require "iflow.trace"
local verdict = require "iflow.verdict"

local route = {}
route.__index = route

local ROOM_WAIT = 2       -- seconds a request waits for room in the outbox
local ID_MAX = 200        -- bytes of a message id that a client chooses
local HEADERS_MAX = 65536 -- bytes of the headers that go on; the outbox has a limit, too
local COMPLAIN_EVERY = 60 -- seconds between two log lines of the same kind
local COUNTERS = { "accepted", "known", "rejected", "refused", "failed" }

--- A relay for a service, with what its options name read: route | nil, err.
-- directory: a function -> where large bodies lie while they are read, or nil, err.
function route.new(trigger, service, directory)
  local o = trigger.options
  local door, err = access.open(o)
  if not door then return nil, err end
  local self = setmetatable({ name = trigger.name, options = o, service = service, access = door,
    directory = directory, in_flight = 0, counts = {}, complaints = {}, idle = new_waiters(),
    awaiting = setmetatable({}, { __mode = "k" }), matches = requests.matcher(o.headers) }, route)
  for _, name in ipairs(COUNTERS) do self.counts[name] = 0 end
  if o.rate then self.share, self.due = 1 / o.rate, -math.huge end
  return self
end

-- Log ------------------------------------------------------------------------------------------

-- A line for the first of a kind, then one a minute with how many there were. fields: more of it.
local function complain(self, kind, event, text, fields)
  local now = clock.monotonic()
  local seen = self.complaints[kind]
  if seen and now - seen.at < COMPLAIN_EVERY then
    seen.more = seen.more + 1
    return
  end
  local before = seen and seen.more > 0 and (" (and %d more like it)"):format(seen.more) or ""
  self.complaints[kind] = { at = now, more = 0 }
  fields = fields or {}
  fields.relay = self.name
  events.write("warn", "relay", event, text .. before, fields)
end

local function refused(self, request, answer)
  self.counts.refused = self.counts.refused + 1
  local why = answer.code and ": " .. answer.code or ""
  complain(self, "refused " .. answer.status .. why, "refused",
    ("a %s from %s is refused with %d%s"):format(request.method, request.peer, answer.status, why),
    { status = answer.status, code = answer.code })
  return answer
end

-- Before the body ------------------------------------------------------------------------------

-- Seconds until the rate allows one more, nil when it does now; a second's worth may come at once.
local function too_early(self)
  if not self.share then return nil end
  local now = clock.monotonic()
  local due = math.max(self.due, now - math.max(1 - self.share, 0))
  if due > now then return due - now end
  self.due = due + self.share
  return nil
end

local function check_limits(self)
  if self.stopping then
    local answer = answers.later(503, "stopping", "the service stops; send it again", 10)
    answer.headers.Connection = "close"
    return answer
  elseif self.in_flight >= self.options.concurrency then
    return answers.later(503, "busy", "too many requests are at work")
  end
  local seconds = too_early(self)
  if not seconds then return nil end
  return answers.later(429, "too_many", "more requests a second than this relay takes", seconds)
end

local function check_head(self, request)
  local encoding = request.headers["content-encoding"]
  if not request.query then
    return answers.refuse(400, "bad_query", "the query has a broken escape")
  elseif not request.req.has_body and not request.req.length then
    return answers.refuse(411, "length_required",
      "a body with Content-Length or in chunks is needed; an empty one has Content-Length: 0")
  elseif encoding and encoding:lower() ~= "identity" and not self.matches "content-encoding" then
    return answers.refuse(415, "encoded", "the body must not have a Content-Encoding")
  end
end

-- The sender -----------------------------------------------------------------------------------

local function is_canceled(err) return errors.is(err) and err.code == "task.canceled" end

-- What a function of the script may look at: no secrets.
local function shown(request)
  local headers = {}
  for name, value in pairs(request.headers) do headers[name] = value end
  for _, name in ipairs { "raw", "authorization", "x-api-key", "cookie" } do headers[name] = nil end
  return { method = request.method, path = request.path, query = request.query,
    peer = request.peer, headers = headers, subject = request.subject,
    content_type = request.content_type }
end

-- What the function of the script says: a name; or nil and the answer.
local function chosen(self, request)
  guard.rest(self)
  local ok, name = xpcall(self.options.sender, errors.handler "script.failed",
    shown(request))
  if not ok and is_canceled(name) then error(name, 0) end
  if not ok then guard.note(self, errors.limit(name)) end
  if ok and verdict.of(name) == "reject" then
    self.counts.rejected = self.counts.rejected + 1
    return nil, answers.refuse(422, "message.rejected", name.reason)
  end
  local sender = ok and type(name) == "string" and self.service.registry.senders[name]
  if sender and sender.options then return sender end
  self.counts.failed = self.counts.failed + 1
  if ok then
    complain(self, "no sender", "failed",
      ("the function 'sender' returned %s, which is no sender"):format(tostring(name)))
  else
    complain(self, "sender failed", "failed", "the function 'sender' failed: " .. tostring(name))
  end
  return nil, answers.refuse(500, "script.failed", "no sender was found; the relay's log says why")
end

local function sender_of(self, request)
  if type(self.options.sender) == "function" then return chosen(self, request) end
  return self.service.registry.senders[self.options.sender]
end

-- The message ----------------------------------------------------------------------------------

local function id_header_of(sender)
  local id = sender.options.message_id
  return id and id.header or "SAP_ApplicationID"
end

local function size_of(headers)
  local size = 0
  for name, value in pairs(headers) do size = size + #name + #value end
  return size
end

-- A client's trace goes on; one that is not valid is replaced by a new one.
local function trace_of(request)
  local given = request.headers.traceparent
  return given and (trace.parse(given, request.headers.tracestate) or trace.make()) or nil
end

-- The fields of the message besides its body; or nil and the answer.
local function fields_of(self, request, sender)
  local id_header = id_header_of(sender):lower()
  local id = request.headers[id_header]
  if id == "" then id = nil end
  if id and (#id > ID_MAX or not utf8.len(id)) then
    return nil, answers.refuse(400, "bad_id", ("%s is UTF-8 of at most %d bytes"):format(
      id_header_of(sender), ID_MAX))
  end
  local headers, bad = requests.forwarded(request, function(name)
    return name ~= id_header and self.matches(name)
  end, self.options.query)
  local kind = request.content_type
  if headers and kind and not utf8.len(kind) then headers, bad = nil, "Content-Type" end
  if not headers then
    return nil, answers.refuse(400, "bad_header", ("%s is no UTF-8 text"):format(bad))
  elseif size_of(headers) > HEADERS_MAX then
    return nil, answers.refuse(431, "headers_too_large",
      ("the headers that go on have at most %d bytes"):format(HEADERS_MAX))
  end
  return { id = id, headers = headers, content_type = kind, trace = trace_of(request) }
end

-- Durable --------------------------------------------------------------------------------------

-- The state of a known message in the outbox, nil when it is not to be found.
local function state_of(self, sender, id)
  local list = self.service.box:list { sender = sender.name, id = id, limit = 1 }
  return list and list[1] and list[1].state
end

local function count(self, sender, msg, result)
  local counts = self.counts
  local name = result.count == 0 and result.rejected > 0 and "rejected"
    or result.state == "known" and "known" or "accepted"
  counts[name] = counts[name] + 1
  if events.enabled("debug", "relay") then
    local more = events.of(sender.name, msg, { relay = self.name })
    more.id = result.id
    events.write("debug", "relay", name, name, more)
  end
end

local function not_stored(self, sender, msg, err)
  local answer = answers.failed(err)
  local rejected = answer.status < 500
  local name = rejected and "rejected" or "failed"
  self.counts[name] = self.counts[name] + 1
  if not rejected then
    complain(self, err.code, "failed", "a message was not taken: " .. tostring(err),
      events.of(sender.name, msg, { code = err.code }))
  end
  return answer
end

-- Who waits for the end of a message is there before it, or could miss a quick end. Transforms that
-- drop the id give one derived from it; what a function of the script makes is not known yet.
local function expect(self, sender, id)
  if not self.options.wait or not id then return {} end
  local derived = stored.derived_id(id .. "\0" .. 1)
  return { [id] = self.service:expect(sender.name, id),
    [derived] = self.service:expect(sender.name, derived) }
end

local function forget(waiters)
  for _, waiter in pairs(waiters) do waiter:close() end
end

-- Waits for the end of the message: the answer for it, or nil when it is still on its way.
local function await(self, waiter, id, id_header)
  if self.leaving then return nil end
  local child <close> = core.task.spawn(waiter.wait, waiter, self.options.wait)
  self.awaiting[child] = true
  local answer, err = child:join()
  self.awaiting[child] = nil
  if answer then return answers.delivered(answer, id, id_header) end
  return answers.ended(err, id, id_header)
end

local function has_one_open(result, state)
  return result.count == 1 and result.rejected == 0 and state ~= "delivered"
    and state ~= "rejected"
end

-- Stores the message and answers.
local function store(self, sender, fields)
  local id_header = id_header_of(sender)
  local makes_ids = sender.options.message_id and sender.options.message_id.value
  if self.options.wait and not makes_ids then fields.id = fields.id or core.crypto.uuid7() end
  local waiters = expect(self, sender, fields.id)
  local _ <close> = setmetatable(waiters, { __close = forget })
  local msg = new_message(fields)
  local result, err = sender:enqueue(msg, { wait = ROOM_WAIT, ids = fields.id })
  if not result then return not_stored(self, sender, msg, err) end
  count(self, sender, msg, result)
  local state = result.state == "known" and state_of(self, sender, result.id) or nil
  local answer
  if self.options.wait and has_one_open(result, state) then
    waiters[result.id] = waiters[result.id] or self.service:expect(sender.name, result.id)
    answer = await(self, waiters[result.id], result.id, id_header)
  end
  return answer or answers.durable(result, id_header, state)
end

-- One request ----------------------------------------------------------------------------------

local function take(self, request)
  local sender, answer = sender_of(self, request)
  if not sender then return answer end
  local fields
  fields, answer = fields_of(self, request, sender)
  if not fields then return refused(self, request, answer) end
  local body <close>, refusal = intake.read(request, self.options.max_body, self.directory)
  if not body then return refusal and refused(self, request, refusal) end
  fields.body = body:value()
  return store(self, sender, fields)
end

local leaving = { __close = function(self)
  local owner = self.route
  owner.in_flight = owner.in_flight - 1
  if owner.in_flight == 0 then owner.idle:wake_all(true) end
end }

local function admit(self, request)
  local refusal = check_limits(self) or check_head(self, request)
  if refusal then return refused(self, request, refusal) end
  self.in_flight = self.in_flight + 1
  local _ <close> = setmetatable({ route = self }, leaving)
  return take(self, request)
end

--- The answer to a request to this path; nil when its client is gone.
function route:handle(request)
  local answer, more = self.access:check(request)
  if answer and answer.status >= 400 then answer = refused(self, request, answer) end
  answer = answer or admit(self, request)
  for name, value in pairs(answer and more or {}) do answer.headers[name] = value end
  return answer
end

--- Requests that are at work at an earlier route of the path belong to this one from now on; so do
-- the counts.
function route:take_over(earlier)
  for name, value in pairs(earlier.counts) do self.counts[name] = self.counts[name] + value end
  earlier.counts = self.counts
  if earlier.in_flight > 0 or earlier.earlier then self.earlier = earlier end
end

-- Of this route and those before it.
local function in_flight(self)
  if not self then return 0 end
  if self.earlier and in_flight(self.earlier) == 0 then self.earlier = nil end
  return self.in_flight + in_flight(self.earlier)
end

local function wait_idle(self, seconds)
  local ends = core.task.monotonic() + seconds
  while self do
    if self.in_flight > 0 and not self.idle:wait(math.max(0, ends - core.task.monotonic())) then
      return false
    end
    self = self.earlier
  end
  return true
end

local function tell_waiting(self)
  self.leaving = true
  for child in pairs(self.awaiting) do child:cancel() end
  if self.earlier then tell_waiting(self.earlier) end
end

--- Takes nothing new, and waits until what is at work is done or the limit (seconds) is over. After
-- half of it those who wait for an iFlow are told that their message is durable.
function route:stop(limit)
  self.stopping = true
  if wait_idle(self, limit / 2) then return end
  tell_waiting(self)
  wait_idle(self, limit / 2)
end

function route:status()
  local status = { in_flight = in_flight(self), stopping = self.stopping or nil }
  for name, value in pairs(self.counts) do status[name] = value end
  return status
end

return route
