--- iflow.transform.json { … }: JSON into data.
--
--   json {}                    the body is one document
--   json { lines = true }      one document a line: one message a line
--
--   lines       JSON lines; empty lines are left out, and a line that is no JSON is rejected alone
--   numbers     what a number becomes that no integer of 64 bits and no float can hold: "exact"
--               (default: the document is rejected), "string" (its text; so do decimals with more
--               digits than a float keeps), "float" (rounded)
--   duplicates  a name twice in one object: "error" (default), "first", "last"
--   depth       nesting, 128 by default, at most 1000
--   max_record  bytes of a document, 16 MiB by default
--
-- Integers stay integers, null is iflow.json.null, arrays are marked (iflow.json.is_array), so that
-- an empty one is written as [] again. Text that is not UTF-8 is refused.

local core = require "iflow.core"
local errors = require "iflow.error"
local options = require "iflow.options"
local stream = require "iflow.stream"

local decode = core.json.decode

local known = {
  lines = { "boolean", default = false },
  numbers = options.one_of({ "exact", "string", "float" }, "exact"),
  duplicates = options.one_of({ "error", "first", "last" }, "error"),
  depth = options.integer(1, 1000, 128),
  max_record = options.integer(1, 2 ^ 30 | 0, 2 ^ 24 | 0),
}

local json = { name = "json" }
json.__index = json

local function invalid(err)
  return errors { code = "transform.invalid", message = err.message, hint = err.hint, cause = err }
end

-- Each line on its own; where it is in the input is said by the message.
local function run_lines(self, message, emit)
  local reader = core.lines.reader { max_line = self.options.max_record }
  local record = 0
  return stream.each(message, reader, function(text, line, err)
    if text and not text:find "[^ \t]" then return end
    record = record + 1
    local data
    if text then data, err = decode(text, self.decoding) end
    if data == nil then
      if err.code ~= "transform.invalid" then err = invalid(err) end
      err.message = err.message:gsub("^JSON, line 1, ", "JSON, ")
      emit(message:with { body = text or "", line = line, record = record, id = false }, err)
    else
      emit(message:with { data = data, line = line, record = record, id = false })
    end
  end)
end

function json:run(message, emit)
  if self.options.lines then return run_lines(self, message, emit) end
  local text, err = message:text(self.options.max_record)
  if not text then return nil, err end
  local data
  data, err = decode(text, self.decoding)
  if data == nil then return nil, invalid(err) end
  emit(message:with { data = data })
end

return function(given)
  local o = options.check(given, known)
  local decoding = { numbers = o.numbers, duplicates = o.duplicates, depth = o.depth }
  return setmetatable({ options = o, decoding = decoding }, json)
end
