--- iflow.transform.csv { … }: CSV (RFC 4180) into one message a record.
--
--   csv {}                                    the first record has the names
--   csv { header = { "id", "qty" } }          the input has none; with skip = 1 instead of its own
--   csv { header = false, delimiter = ";" }   records are lists: msg.data[1]
--
--   header      true (default), a list of names, or false
--   delimiter   "," by default; one byte, also "\t"
--   quote       '"' by default; false: quotes are data
--   trim        true: blanks around fields do not belong to them
--   null        a text, such as "NULL" or "": a field with just this and no quotes is json.null
--   skip        lines before the header or the first record
--   max_record  bytes of a record, 16 MiB by default
--
-- msg.data is the record, name -> text; its line and its number are in msg.source. Lines end with
-- LF, CRLF or CR, a byte order mark is left out, empty lines are no records. A record with too many
-- or too few fields, or with text behind a closing quote, is rejected alone; its message has the
-- record (and the header) as body, so that it can be mended and sent again. A header with a name
-- that is empty or there twice rejects the whole input.

local core = require "iflow.core"
local options = require "iflow.options"
local stream = require "iflow.stream"

local function is_byte(value) return #value == 1 and not value:find "[\r\n]" end

local function is_header(value)
  if type(value) == "boolean" then return true end
  local seen = {}
  for _, name in ipairs(value) do
    if type(name) ~= "string" or name == "" or seen[name] then return false end
    seen[name] = true
  end
  return #value > 0
end

local known = {
  header = { "boolean", "table", default = true, fine = is_header,
             text = "true, false, or a list of different names" },
  delimiter = { "string", default = ",", fine = is_byte, text = "one byte, no line break" },
  quote = { "string", "boolean", default = '"', text = "one byte, or false", fine = function(value)
    return value == false or value ~= true and is_byte(value)
  end },
  trim = { "boolean", default = false },
  null = { "string" },
  skip = options.integer(0, 2 ^ 31 - 1 | 0, 0),
  max_record = options.integer(1, 2 ^ 30 | 0, 2 ^ 24 | 0),
}

-- The bad record as an input of its own, to be mended and sent again.
local function repairable(o, reader, text)
  if not text then return "" end
  local head = ("\n"):rep(o.skip)
  if o.header == true then
    local writer = core.csv.writer { delimiter = o.delimiter, quote = o.quote,
      columns = reader:header() }
    head = head .. writer:header()
  end
  return head .. text .. "\r\n"
end

local csv = { name = "csv" }
csv.__index = csv

function csv:run(message, emit)
  local reader = core.csv.reader(self.options)
  return stream.each(message, reader, function(record, line, number, err, text)
    if record then
      emit(message:with { data = record, line = line, record = number, id = false })
    else
      emit(message:with { body = repairable(self.options, reader, text), line = line,
        record = number, id = false }, err)
    end
  end)
end

return function(given)
  local o = options.check(given, known)
  if o.delimiter == o.quote then error("options 'delimiter' and 'quote' must differ", 2) end
  o.null_value = core.json.null
  return setmetatable({ options = o }, csv)
end
