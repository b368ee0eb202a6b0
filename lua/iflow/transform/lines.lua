--- iflow.transform.lines { … }: one message a line, its text the body.
--
--   transform = { lines {}, json {} }       JSON lines
--
--   skip_empty  true by default: lines without a character are left out
--   max_line    bytes of a line, 16 MiB by default; a longer one is rejected alone
--
-- Lines end with LF, CRLF or CR; a byte order mark is left out. msg.source has the line.

local core = require "iflow.core"
local options = require "iflow.options"
local stream = require "iflow.stream"

local known = {
  skip_empty = { "boolean", default = true },
  max_line = options.integer(1, 2 ^ 30 | 0, 2 ^ 24 | 0),
}

local lines = { name = "lines" }
lines.__index = lines

function lines:run(message, emit)
  local skip_empty = self.options.skip_empty
  local reader = core.lines.reader { max_line = self.options.max_line }
  return stream.each(message, reader, function(text, line, err)
    if not text then
      emit(message:with { body = "", line = line, id = false }, err)
    elseif text ~= "" or not skip_empty then
      emit(message:with { body = text, line = line, id = false })
    end
  end)
end

return function(given)
  return setmetatable({ options = options.check(given, known) }, lines)
end
