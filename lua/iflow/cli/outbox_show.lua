-- outbox_show.lua -- `iflow outbox show`: one message with every attempt, its headers and its body.
local bodies = require "iflow.cli.outbox_bodies"
local clock = require "iflow.clock"
local core = require "iflow.core"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local lists = require "iflow.cli.outbox_list"
local open_outbox = require "iflow.cli.outbox".open
local selection = require "iflow.cli.outbox_selection"
local words = require "iflow.cli.outbox_words"

local show = {}

local BINARY = 512             -- bytes that are shown of what is no text
local SHOWN_MAX = 16777216     -- bytes that --max-body can ask for
local JSON_MAX = 1024 * 1024   -- bytes of a body within --json; a larger one is named by its file

-- Secrets ---------------------------------------------------------------------------------------

local secret_names = { "authorization", "cookie", "token", "secret", "password", "passwd", "apikey",
  "api-key", "api_key", "credential" }

local function is_secret(name)
  name = name:lower()
  for _, part in ipairs(secret_names) do
    if name:find(part, 1, true) then return true end
  end
  return false
end

--- Sorted { name, value }, the values of secrets hidden.
function show.headers_of(msg)
  local list = {}
  for name, value in pairs(msg.headers or {}) do
    if type(value) == "table" then value = table.concat(value, ", ") end
    list[#list + 1] = { name, is_secret(name) and "(hidden)" or tostring(value) }
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

-- Bodies ----------------------------------------------------------------------------------------

--- The first `limit` bytes of the body, nil when there are none; the whole when limit is nil.
function show.bytes(msg, limit)
  local body = msg.body
  if type(body) ~= "table" then return body and limit and body:sub(1, limit) or body end
  local file, why = io.open(body.file, "rb")
  if not file then return nil, why end
  local _ <close> = file
  return file:read(limit or "a") or ""
end

--- Up to the last whole character.
function show.whole(text)
  for back = 0, math.min(3, #text) do
    if utf8.len(text, 1, #text - back) then return text:sub(1, #text - back) end
  end
  return text
end

local function print_body(out, msg, limit)
  if bodies.is_data(msg) then
    out:print("\ndata, as they came into step " .. tostring(bodies.about(msg).step or 1))
    return out:print(bodies.data_text(msg))
  elseif bodies.about(msg).no_body then
    return out:print "\nit has no body"
  end
  local bytes, why = show.bytes(msg, limit + 4)
  out:print(("\nbody, %s"):format(words.size(msg.size)))
  if not bytes then
    return out:print(msg.state == "delivered" and "(not kept after the delivery)"
      or ("(cannot be read: %s)"):format(why or "it is gone"))
  end
  local text = show.whole(bytes:sub(1, limit))
  if not words.is_text(text) then
    bytes = bytes:sub(1, math.min(BINARY, limit))
    out:print(words.hex(bytes))
  elseif text ~= "" then
    bytes = text
    out:print((text:gsub("\n$", "")))
  end
  if msg.size > #bytes then
    out:print(("… %s more; --save FILE writes all of it"):format(words.size(msg.size - #bytes)))
  end
end

-- What --save writes.
local function whole_body(msg)
  return bodies.is_data(msg) and bodies.data_text(msg) .. "\n" or msg.body or ""
end

-- What happened ---------------------------------------------------------------------------------

-- An event in a word or two: what the attempt led to, or who changed it.
local function outcome_of(event)
  if event.state ~= "ready" then return words.state(event.state) end
  return event.began and "to be repeated" or "sent again"
end

--- An event of the history as a row: attempt, time, how long it took, outcome, status, message id,
-- code, error.
function show.event_row(event)
  local took = event.began and event.ended and duration.text(math.max(0, event.ended - event.began))
  return { event.attempt, words.time(event.began or event.ended or 0), took, outcome_of(event),
    event.status, event.message_id and words.line(event.message_id),
    event.code and words.line(event.code),
    event.error and words.line(event.error, 200) or "" }
end

local function print_history(out, msg)
  if #msg.history == 0 then return out:print "\nno attempt was made yet" end
  local rows = {}
  for i, event in ipairs(msg.history) do rows[i] = show.event_row(event) end
  out:print "\nattempts"
  out:table({ "attempt", "time", "took", "outcome", "status", "message id", "reason", "error" },
    rows)
end

-- The facts above -------------------------------------------------------------------------------

local function source_text(source)
  local text = source.file or "input"
  if source.line then text = ("%s:%s"):format(text, source.line) end
  if source.record then text = ("%s (record %s)"):format(text, source.record) end
  return words.line(text)
end

local function reason_of(msg)
  if not msg.code and not msg.error then return nil end
  return words.line(("%s%s%s"):format(msg.code or "", msg.code and msg.error and ": " or "",
    msg.error or ""))
end

--- What is known of a message, { name, text or nil } each.
function show.facts(msg, now)
  local about = bodies.about(msg)
  return {
    { "id", words.line(msg.id) },
    { "state", ("%s, since %s"):format(words.state(msg.state), words.ago(msg.changed, now)) },
    { "reason", reason_of(msg) },
    { "failed in", about.step and ("step %s of the transforms"):format(about.step) },
    { "lost", about.lost and words.line(tostring(about.lost)) },
    { "accepted", words.ago(msg.created, now) },
    { "attempts", tostring(msg.attempts) },
    { "next", words.due(msg, now) },
    { "in flight", msg.claimed and "yes, it is being sent just now" or nil },
    { "message id", msg.message_id and words.line(msg.message_id) },
    { "key", msg.key and words.line(msg.key) },
    { "type", msg.content_type and words.line(msg.content_type) },
    { "source", msg.source and next(msg.source) and source_text(msg.source) },
  }
end

-- What to do next -------------------------------------------------------------------------------

local hints = {}

-- What the reason asks for comes first.
function hints.rejected(msg)
  local known = msg.code and errors.info(msg.code)
  return ("%s`iflow outbox retry %d --edit` mends it and sends it again, `iflow outbox drop %d` "
    .. "gives it up"):format(known and known.hint and known.hint .. ": " or "", msg.number,
    msg.number)
end

function hints.in_doubt(msg)
  return ("look for the id in the monitor (as application message id); arrived: `iflow outbox drop "
    .. "%d`, not there: `iflow outbox retry %d`"):format(msg.number, msg.number)
end

function hints.blocked(msg, box)
  local head = assert(box:list { sender = msg.sender, key = msg.key, limit = 1,
    state = { "ready", "started", "in_doubt" } })[1]
  if not head then return nil end
  return ("message %d of the same key goes first, see it: `iflow outbox show %d`"):format(
    head.number, head.number)
end

function hints.ready(msg)
  if not msg.not_before or msg.not_before <= clock.now() then return nil end
  return ("`iflow outbox retry %d` lets it go at once"):format(msg.number)
end

--- What to do next with the message, nil when nothing is to be done.
function show.hint(msg, box) return hints[msg.state] and hints[msg.state](msg, box) end

-- The command -----------------------------------------------------------------------------------

local function print_message(out, msg, args, box)
  local now = clock.now()
  out:print(("message %d of %s"):format(msg.number, words.line(msg.sender)))
  for _, fact in ipairs(show.facts(msg, now)) do
    if fact[2] then out:print(("  %-10s  %s"):format(fact[1], fact[2])) end
  end
  print_history(out, msg)
  local headers = show.headers_of(msg)
  if #headers > 0 then out:print "\nheaders" end
  for _, header in ipairs(headers) do
    out:print(("  %s: %s"):format(words.line(header[1]), words.line(header[2])))
  end
  if not args.save then print_body(out, msg, args.max_body) end
  local hint = show.hint(msg, box)
  if hint then out:note("what to do: " .. hint) end
end

local function value_of(msg)
  local value = lists.value(msg, clock.now())
  local headers = core.json.object {}
  for _, header in ipairs(show.headers_of(msg)) do headers[header[1]] = header[2] end
  value.headers, value.content_type, value.source = headers, msg.content_type, msg.source
  value.history, value.claimed = core.json.array(msg.history), msg.claimed
  value.about = msg.about
  if type(msg.body) == "table" then
    value.body_file = msg.body.file
  elseif msg.body and #msg.body > JSON_MAX then
    value.body_size = #msg.body
  elseif msg.body and utf8.len(msg.body) then
    value.body = msg.body
  elseif msg.body then
    value.body_base64 = core.crypto.base64(msg.body)
  end
  return value
end

--- An event in a word or two.
show.outcome_of = outcome_of

--- The value of --max-body.
function show.max_body(word)
  local number = word:find "^%d+$" and math.tointeger(tonumber(word))
  if not number or number > SHOWN_MAX then return nil, "is no number of bytes up to 16777216" end
  return number
end

--- Runs the command.
function show.run(args, out)
  local box <close>, err = open_outbox(args)
  if not box then return nil, err end
  local found, msg, ok
  found, err = selection.find(box, args.message, args.sender)
  if not found then return nil, err end
  msg, err = box:show(found.number)
  if not msg then return nil, err or select(2, selection.find(box, args.message, args.sender)) end
  if args.save then
    ok, err = bodies.save(whole_body(msg), args.save)
    if not ok then return nil, err end
  end
  out:result(function() print_message(out, msg, args, box) end, value_of(msg))
  if args.save then out:note(("body written to %s"):format(args.save)) end
end

return show
