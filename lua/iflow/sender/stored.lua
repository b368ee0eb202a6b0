--- Messages as the outbox keeps them: from an iflow.message to its fields, and back. Internal; for
-- enqueue, the pumps, and what shows dead letters.
--
-- Beside the body, `about` of a stored message has
--   data     the parsed message, where a function of the sender may look at it at delivery, or
--            where the body is not made yet
--   no_body  true: it has none (the stored body is empty)
--   step     the transform that it is to go through first, when it was refused there
--   lost     why a dead letter does not stand here as it was

local core = require "iflow.core"
local definition = require "iflow.sender.definition"
local errors = require "iflow.error"
local message = require "iflow.message"
local trace = require "iflow.trace"

local stored = {}

local NAME_MAX = 512            -- bytes of an id or a key that the outbox takes
local SHOWN_MAX = 512 * 1024    -- bytes of JSON that are stored for callbacks
local MEMORY_MAX = 1024 * 1024  -- bytes of a stream that are not spooled to a file

-- What functions look at --------------------------------------------------------------------------

local function has_function(value)
  if type(value) == "function" then return true end
  if type(value) ~= "table" then return false end
  for _, item in pairs(value) do
    if type(item) == "function" then return true end
  end
  return false
end

local function any_function(options, names)
  for _, name in ipairs(names) do
    if has_function(options[name]) then return true end
  end
  return false
end

--- Whether functions among the options see messages at their delivery: "request" when it takes data
-- to make the call or to judge it, "callback" when data are only shown, nil for neither.
function stored.needs_data(options)
  if any_function(options, { "to", "method", "headers", "query" }) or options.retry.ask
    or any_function(options, definition.for_call) then return "request" end
  return any_function(options, { "on_delivered", "on_rejected", "on_in_doubt" }) and "callback"
    or nil
end

--- The data that are stored for such functions. Callbacks do without what JSON cannot hold, and
-- without more than 512 KiB.
function stored.data(data, need)
  if need ~= "callback" then return need and data end
  local text = core.json.encode(data)
  return text and #text <= SHOWN_MAX and data or nil
end

-- Bodies ------------------------------------------------------------------------------------------

local function write_rest(path, list, pieces)
  local file, why = io.open(path, "wb")
  if not file then return nil, errors { code = "file.no_access", message = why } end
  local _ <close> = file
  for _, piece in ipairs(list) do
    if not file:write(piece) then break end
  end
  local piece = pieces()
  while piece do
    local ok, failure = file:write(piece)
    if not ok then return nil, errors { code = "outbox.disk_full", message = failure } end
    piece = pieces()
  end
  local ok, failure = file:close()
  if not ok then return nil, errors { code = "outbox.disk_full", message = failure } end
  return path
end

-- A stream becomes text while it is small, else a file of its own in the directory `spool`.
local function collect(pieces, spool)
  local list, size = {}, 0
  while size <= MEMORY_MAX do
    local piece = pieces()
    if piece == nil then return table.concat(list) end
    list[#list + 1] = piece
    size = size + #piece
  end
  local dir, err = spool()
  if not dir then return nil, err end
  local path = ("%s/%s"):format(dir, core.crypto.uuid())
  local written
  written, err = write_rest(path, list, pieces)
  if written then return { file = path } end
  os.remove(path)
  return nil, err
end

--- The body to be stored: a string or { file = path }; a stream is read to its end. Its second
-- value is a file to be removed afterwards. nil, nil when there is no body; nil, err. What reading
-- the stream raises is raised.
function stored.body(msg, spool)
  local body = msg.body
  if type(body) ~= "function" then return body end
  local text, err = collect(msg:pieces(), spool)
  if not text then return nil, err end
  return text, type(text) == "table" and text.file or nil
end

-- Names -------------------------------------------------------------------------------------------

--- A key of any kind as the outbox takes it.
function stored.key(key)
  if key == nil then return nil end
  local text = tostring(key)
  if text == "" or #text > NAME_MAX or text:find("\0", 1, true) then
    return "sha256:" .. core.crypto.sha256(text)
  end
  return text
end

--- Whether the outbox takes it as an id: true, or nil, err.
function stored.check_id(id)
  if #id <= NAME_MAX and not id:find("\0", 1, true) then return true end
  return nil, errors { code = "transform.invalid",
    message = ("the id of a message is a text of up to %d bytes without NUL, got %d bytes"):format(
      NAME_MAX, #id) }
end

--- An id in the shape of a UUID that is the same for the same text: version 8, of a SHA-256.
function stored.derived_id(text)
  local hex = core.crypto.sha256(text)
  return ("%s-%s-8%s-%x%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16),
    8 | tonumber(hex:sub(17, 17), 16) & 3, hex:sub(18, 20), hex:sub(21, 32))
end

-- Back --------------------------------------------------------------------------------------------

--- The iflow.message of what the outbox gave (claim, show).
function stored.message(row)
  local about = row.about or {}
  local body = row.body
  if body == nil then body = "" end
  if about.no_body then body = nil end
  return message.new { id = row.id, data = about.data, body = body, headers = row.headers,
    content_type = row.content_type, source = row.source, attempt = row.attempts,
    trace = trace.is(about.trace) and about.trace or nil }
end

return stored
