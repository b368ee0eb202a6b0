--- iflow.transform.fixed_width { … }: records with columns at fixed places into one message each.
--
--   transform = { charset { from = "CP1252" },
--                 fixed_width { columns = { { "id", 10 }, { "name", 30 },
--                                           { "price", 9, type = "number", decimals = 2 } } } }
--
--   columns        see lua/iflow/fixed_columns.lua; or
--   widths         a list of widths: msg.data is then a list
--   record_length  for input without line breaks: characters of a record
--   short          "reject" (default) or "pad": what becomes of a line that ends before its columns
--   unit           "characters" (of UTF-8, default) or "bytes"
--   skip_empty     true by default: empty lines are no records
--   max_line       bytes of a line, 16 MiB by default
--
-- Blanks around values do not belong to them (trim). An integer or a number may have its sign on
-- either side; one that is all blanks is left out. A record that does not fit is rejected alone,
-- with its line; its message has the record as body.

local core = require "iflow.core"
local errors = require "iflow.error"
local fixed_columns = require "iflow.fixed_columns"
local options = require "iflow.options"
local stream = require "iflow.stream"

local known = {
  columns = { "table" },
  widths = { "table" },
  record_length = options.integer(1, 1000000),
  short = options.one_of({ "reject", "pad" }, "reject"),
  unit = options.one_of({ "characters", "bytes" }, "characters"),
  skip_empty = { "boolean", default = true },
  max_line = options.integer(1, 2 ^ 30 | 0, 2 ^ 24 | 0),
}

-- Sign and digits; the sign may stand behind them, as old programs write it.
local function parts(text)
  local before, digits, after = text:match "^%s*([+-]?)%s*([%d.]+)%s*([+-]?)%s*$"
  if not digits or before ~= "" and after ~= "" then return nil end
  return (before == "-" or after == "-") and "-" or "", digits
end

local function to_integer(text)
  local sign, digits = parts(text)
  if not digits or digits:find(".", 1, true) then return nil, "no integer" end
  local value = math.tointeger(tonumber(sign .. digits))
  if not value then return nil, "beyond 64 bits" end
  return value
end

local function to_number(text, decimals)
  local sign, digits = parts(text)
  if not digits then return nil, "no number" end
  if decimals and decimals > 0 and not digits:find(".", 1, true) then
    digits = ("0"):rep(decimals + 1 - #digits) .. digits
    digits = digits:sub(1, -decimals - 1) .. "." .. digits:sub(-decimals)
  end
  local value = tonumber(sign .. digits)
  if not value then return nil, "no number" end
  return value
end

local converters = { integer = to_integer, number = to_number }

-- The columns that are not texts: { { key =, convert =, column = }, … }.
local function typed(list)
  local found = {}
  for at, column in ipairs(list) do
    local convert = converters[column.type]
    if convert then
      found[#found + 1] = { key = column.name or at, convert = convert, column = column }
    end
  end
  return found
end

local fixed_width = { name = "fixed_width" }
fixed_width.__index = fixed_width

-- Texts into numbers, in place; an error when one is none.
local function convert(self, record)
  for _, one in ipairs(self.typed) do
    local text, value, wrong = record[one.key], self.blank, nil
    if text:find "%S" then value, wrong = one.convert(text, one.column.decimals) end
    if wrong then
      return errors { code = "transform.invalid", message = ("column '%s' (%d-%d) is %s"):format(
        one.key, one.column.from, one.column.from + one.column.width - 1, wrong) }
    end
    record[one.key] = value
  end
end

function fixed_width:run(message, emit)
  local reader = core.fixed_width.reader(self.reader)
  local line_end = self.reader.record_length and "" or "\n"
  return stream.each(message, reader, function(record, line, number, err, text)
    if record then
      err = convert(self, record)
      text = err and reader:text()
    end
    if err then
      return emit(message:with { body = (text or "") .. line_end, line = line, record = number,
        id = false }, err)
    end
    emit(message:with { data = record, line = line, record = number, id = false })
  end)
end

return function(given)
  local o = options.check(given, known)
  local list = fixed_columns.check(o.columns, o.widths, 2)
  local for_core = {}
  for at, column in ipairs(list) do
    for_core[at] = { name = column.name, from = column.from, width = column.width,
                     trim = column.trim }
  end
  return setmetatable({
    typed = typed(list),
    blank = not list[1].name and core.json.null or nil, -- a list must have no holes
    reader = { columns = for_core, record_length = o.record_length, bytes = o.unit == "bytes",
               pad = o.short == "pad", skip_empty = o.skip_empty, max_line = o.max_line },
  }, fixed_width)
end
