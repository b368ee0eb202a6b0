--- The body of a message on a page, and as a form brings it back. Internal.

local bodies = require "iflow.cli.outbox_bodies"
local words = require "iflow.cli.outbox_words"

local EDIT_MAX = 256 * 1024 -- bytes that a form holds
local SHOWN = 64 * 1024     -- bytes that are shown of a larger text
local BINARY = 4096         -- bytes that are shown of what is no text

local ELSEWHERE = "iflow outbox retry %d --edit (or --body FILE) can change it."

local body = { EDIT_MAX = EDIT_MAX }

-- A form knows one kind of line end: all of them are "\r\n" or none has a "\r".
local function line_end(text)
  local rest = text:gsub("\r\n", "")
  if not text:find "\r" then return "\n" end
  return not rest:find "[\r\n]" and "\r\n" or nil
end

--- The text of a message as it was, nil when it is no text in memory.
local function text_of(msg)
  if bodies.is_data(msg) then return bodies.data_text(msg) end
  if type(msg.body) == "string" then return msg.body end
end

-- A character that is cut off at the end is left out.
local function first_part(text, limit)
  local stop = math.min(#text, limit)
  while stop > 0 and stop < #text and text:byte(stop + 1) & 0xc0 == 0x80 do stop = stop - 1 end
  return text:sub(1, stop)
end

local function file_start(path)
  local file <close>, why = io.open(path, "rb")
  if not file then return nil, why end
  return file:read(BINARY) or ""
end

local function as_hex(shown, bytes, size)
  shown.hex, shown.text = true, words.hex(bytes:sub(1, BINARY))
  if size > BINARY then
    shown.why = ("%s These are the first %s."):format(shown.why, words.size(BINARY))
  end
  return shown
end

-- Kept in a file, since it is large.
local function of_file(shown, msg)
  shown.why = ("It is kept as a file, too large for a form. "
    .. ELSEWHERE):format(msg.number)
  local bytes, problem = file_start(msg.body.file)
  if not bytes then
    shown.why = "It cannot be read: " .. tostring(problem)
    return shown
  end
  local text = first_part(bytes, math.max(#bytes - 4, 0))
  if words.is_text(text) then
    shown.text = text
    return shown
  end
  return as_hex(shown, bytes, msg.size)
end

local function of_text(shown, msg, text)
  local elsewhere = ELSEWHERE:format(msg.number)
  if not words.is_text(text) then
    shown.why = "It is no text, so it cannot be edited in a form. " .. elsewhere
    return as_hex(shown, text, #text)
  elseif #text > EDIT_MAX then
    shown.text = first_part(text, SHOWN)
    shown.why = ("It is too large for a form; this is the beginning. %s"):format(elsewhere)
  elseif not line_end(text) then
    shown.text = text
    shown.why = "Its line ends are mixed, and a form would change them. " .. elsewhere
  else
    shown.text, shown.editable = text, true
  end
  return shown
end

--- What a page shows: { title =, text = or nil, hex = whether that is a dump, editable =, why = it
-- is not }.
function body.shown(msg)
  local shown = { title = bodies.is_data(msg) and "Data"
    or ("Body, %s"):format(words.size(msg.size)) }
  local text = text_of(msg)
  if text then return of_text(shown, msg, text) end
  if type(msg.body) == "table" then return of_file(shown, msg) end
  shown.why = msg.state == "delivered" and "It is not kept after the delivery." or "It has none."
  return shown
end

--- What somebody typed, with the line ends that the message had: browsers send "\r\n".
function body.typed(msg, text)
  local plain = text:gsub("\r\n", "\n")
  if line_end(text_of(msg) or "") == "\r\n" then plain = plain:gsub("\n", "\r\n") end
  return plain
end

return body
