--- iflow.transform.to_fixed_width { … }: a record, or a list of records, into lines with columns at
-- fixed places.
--
--   to_fixed_width { columns = { { "id", 10 }, { "qty", 6, type = "integer", fill = "0" } } }
--
--   columns   see lua/iflow/fixed_columns.lua; or
--   widths    a list of widths, for records that are lists
--   cut       true: a text that is too long is cut off; by default the record is rejected
--   line_end  "\n" by default; "\r\n"; "" for none
--
-- A column with decimals is written without a point: 12.34 with decimals = 2 is 1234. Widths count
-- characters of UTF-8; nil and json.null are blanks. A number that is too long is never cut.

local core = require "iflow.core"
local errors = require "iflow.error"
local fixed_columns = require "iflow.fixed_columns"
local options = require "iflow.options"

local known = {
  columns = { "table" },
  widths = { "table" },
  cut = { "boolean", default = false },
  line_end = options.one_of({ "\n", "\r\n", "" }, "\n"),
}

local function number_text(value, column)
  local number = tonumber(value)
  if not number or number ~= number or number == math.huge or number == -math.huge then
    return nil, "no number"
  end
  if column.decimals then
    return (("%." .. column.decimals .. "f"):format(number):gsub("%.", ""))
  end
  if column.type == "integer" then
    number = math.tointeger(number)
    if not number then return nil, "no integer" end
  end
  return type(value) == "string" and value or core.json.encode(number)
end

-- The text of a value, its length in characters, and how many of them fill the column up.
local function text_of(value, column)
  if value == nil or value == core.json.null then return "", 0 end
  local text, wrong = value, nil
  if column.type ~= "string" then
    text, wrong = number_text(value, column)
  elseif type(value) == "number" or type(value) == "boolean" then
    text = type(value) == "number" and core.json.encode(value) or tostring(value)
  elseif type(value) ~= "string" then
    wrong = "a " .. type(value)
  end
  if not text or wrong then return nil, wrong or "no finite number" end
  local length = utf8.len(text)
  if not length then return nil, "not UTF-8" end
  if text:find "[\r\n]" then return nil, "a text with a line break" end
  return text, length
end

-- Zeros come between the sign and the digits.
local function filled(text, missing, column)
  local fill = (column.fill or " "):rep(missing)
  local right = column.align == "right" or column.align == nil and column.type ~= "string"
  if not right then return text .. fill end
  if column.fill == "0" and text:find "^[+-]" then return text:sub(1, 1) .. fill .. text:sub(2) end
  return fill .. text
end

local function field(value, column, cut)
  local text, length = text_of(value, column)
  if not text then return nil, length end
  local missing = column.width - length
  if missing >= 0 then
    if text == "" then return (" "):rep(missing) end
    return filled(text, missing, column)
  end
  if not cut or column.type ~= "string" then
    return nil, ("%d characters, %d too many"):format(length, -missing)
  end
  return text:sub(1, utf8.offset(text, column.width + 1) - 1)
end

local to_fixed_width = { name = "to_fixed_width" }
to_fixed_width.__index = to_fixed_width

-- The fields in the order of their places, with blanks where no column is.
local function line_of(self, record)
  local list, place = {}, 1
  for _, column in ipairs(self.sorted) do
    local text, wrong = field(record[column.key], column, self.cut)
    if not text then
      return nil, errors { code = "transform.invalid",
        message = ("to_fixed_width: column '%s' is %s"):format(column.key, wrong) }
    end
    list[#list + 1] = (" "):rep(column.from - place)
    list[#list + 1] = text
    place = column.from + column.width
  end
  list[#list + 1] = self.line_end
  return table.concat(list)
end

function to_fixed_width:run(message, emit)
  local data = message.data
  if type(data) ~= "table" then
    return nil, errors { code = "transform.invalid",
      message = "to_fixed_width needs a record, the message has " ..
        (data == nil and "no data" or "a " .. type(data)) }
  end
  local lines = {}
  for at, record in ipairs(type(data[1]) == "table" and data or { data }) do
    local line, err = line_of(self, record)
    if not line then return nil, err end
    lines[at] = line
  end
  emit(message:with_bytes(table.concat(lines), "text/plain"))
end

return function(given)
  local o = options.check(given, known)
  local list, sorted = fixed_columns.check(o.columns, o.widths, 2), {}
  for at, column in ipairs(list) do
    column.key = column.name or at
    sorted[at] = column
  end
  table.sort(sorted, function(a, b) return a.from < b.from end)
  for at = 2, #sorted do
    if sorted[at].from < sorted[at - 1].from + sorted[at - 1].width then
      error(("columns '%s' and '%s' overlap"):format(sorted[at - 1].key, sorted[at].key), 2)
    end
  end
  return setmetatable({ sorted = sorted, cut = o.cut, line_end = o.line_end }, to_fixed_width)
end
