--- iflow.transform.to_csv { … }: a record, or a list of records, into CSV (RFC 4180).
--
--   to_csv { columns = { "id", "qty" } }
--
--   columns    the names of the fields, in their order; without: all of the first record, sorted
--   header     true: a first line with the names; by default when there are names
--   delimiter  "," by default; one byte
--   quote      '"' by default; false: never quotes, a field that needs them is refused
--   quote_all  true: quotes around every field
--   null       what stands for nil and json.null, "" by default; when it is given, a text like it
--              is written in quotes
--   line_end   "\r\n" by default
--
-- A record is a table name -> value, or a list of values; values are texts, numbers and booleans.
-- What csv {} reads from the result is the same again, numbers and booleans as texts.

local core = require "iflow.core"
local errors = require "iflow.error"
local options = require "iflow.options"

local function is_byte(value) return #value == 1 and not value:find "[\r\n]" end

local known = {
  columns = options.texts(),
  header = { "boolean" },
  delimiter = { "string", default = ",", fine = is_byte, text = "one byte, no line break" },
  quote = { "string", "boolean", default = '"', text = "one byte, or false", fine = function(value)
    return value == false or value ~= true and is_byte(value)
  end },
  quote_all = { "boolean", default = false },
  null = { "string" },
  line_end = options.one_of({ "\r\n", "\n" }, "\r\n"),
}

local to_csv = { name = "to_csv" }
to_csv.__index = to_csv

local function invalid(text) return nil, errors { code = "transform.invalid", message = text } end

-- The names in the record, sorted; nil for a list of values.
local function names_of(record)
  if type(record) ~= "table" or #record > 0 then return nil end
  local names = {}
  for name in pairs(record) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  return #names > 0 and names or nil
end

local function records_of(data)
  local is_list = core.json.is_array(data) and #data == 0 or type(data[1]) == "table"
  return is_list and data or { data }
end

-- The writer for the columns (or none); the one before is most often the right one.
local function writer_for(self, columns)
  local key = columns and table.concat(columns, "\0") or false
  if self.writer and self.key == key then return self.writer end
  local o = self.options
  self.key, self.writer = key, core.csv.writer { delimiter = o.delimiter, quote = o.quote,
    null = o.null, quote_all = o.quote_all, null_value = core.json.null, line_end = o.line_end,
    columns = columns }
  return self.writer
end

local function write(self, records)
  local columns = self.options.columns or names_of(records[1])
  local writer = writer_for(self, columns)
  local header = self.options.header
  if header == nil then header = columns ~= nil end
  if header and not columns then return invalid "to_csv: a header needs the option columns" end
  local lines = {}
  if header then
    local line, err = writer:header()
    if not line then return nil, err end
    lines[1] = line
  end
  for at, record in ipairs(records) do
    if type(record) ~= "table" then
      return invalid(("to_csv: record %d is a %s"):format(at, type(record)))
    end
    local line, err = writer:line(record)
    if not line then return nil, err end
    lines[#lines + 1] = line
  end
  return table.concat(lines)
end

function to_csv:run(message, emit)
  local data = message.data
  if type(data) ~= "table" then
    return invalid("to_csv needs a record, the message has "
      .. (data == nil and "no data" or "a " .. type(data)))
  end
  local text, err = write(self, records_of(data))
  if not text then return nil, err end
  emit(message:with_bytes(text, "text/csv"))
end

return function(given)
  local o = options.check(given, known)
  if o.delimiter == o.quote then error("options 'delimiter' and 'quote' must differ", 2) end
  return setmetatable({ options = o }, to_csv)
end
