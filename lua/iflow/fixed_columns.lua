--- The columns of fixed-width records: what was written, checked. Internal; for fixed_width and
-- to_fixed_width.
--
--   columns = { { "id", 10 }, { "qty", 6, type = "integer" },
--               { name = "price", from = 40, width = 8, type = "number", decimals = 2 } }
--   columns = { "id", "qty" }, widths = { 10, 6 }          or widths alone, without names
--
--   name, width  [1] and [2] are short for them
--   from         the first character, from 1; by default where the column before it ends
--   type         "string" (default), "integer", "number"
--   decimals     of a number without a point: 0001234 with decimals = 2 is 12.34
--   trim         (reading) "both" (default), "left", "right", "none"
--   align, fill  (writing) "left" (default of texts) or "right" (of numbers); " " or what fills up

local suggest = require "iflow.suggest"

local WIDTH_MAX = 1000000

local columns = {}

local keys = { "name", "from", "width", "type", "decimals", "trim", "align", "fill" }
local words = {
  type = { string = true, integer = true, number = true },
  trim = { both = true, left = true, right = true, none = true },
  align = { left = true, right = true },
}

local function is_count(value, least, most)
  return math.type(value) == "integer" and value >= least and value <= most
end

local function check_words(column, at, level)
  for key, set in pairs(words) do
    local value = column[key]
    if value ~= nil and not set[value] then
      local known = {}
      for word in pairs(set) do known[#known + 1] = '"' .. word .. '"' end
      table.sort(known)
      error(("column %d: '%s' is %s"):format(at, key, table.concat(known, ", ")), level + 1)
    end
  end
end

local function check_column(column, at, level)
  local function fail(text) error(("column %d: %s"):format(at, text), level + 2) end
  check_words(column, at, level + 1)
  if column.name ~= nil and (type(column.name) ~= "string" or column.name == "") then
    fail "'name' is a text"
  end
  if not is_count(column.from, 1, WIDTH_MAX) then fail "'from' is a place, counted from 1" end
  if not is_count(column.width, 1, WIDTH_MAX + 1 - column.from) then
    fail "'width' is a number of characters, at least 1"
  end
  local decimals = column.decimals
  if decimals ~= nil and (column.type ~= "number" or not is_count(decimals, 0, 15)) then
    fail "'decimals' is from 0 to 15, and for type = \"number\""
  end
  if column.fill ~= nil and (type(column.fill) ~= "string" or #column.fill ~= 1) then
    fail "'fill' is one character of ASCII"
  end
end

-- One column as { name =, from =, width =, … }; `place` is where the one before it ended.
local function normal(given, width, place, at, level)
  if type(given) ~= "table" then given = { name = given } end
  suggest.check_keys(given, keys, level + 1)
  local column = { name = given.name or given[1], width = given.width or given[2] or width }
  for _, key in ipairs(keys) do
    if column[key] == nil then column[key] = given[key] end
  end
  column.from, column.type = column.from or place, column.type or "string"
  check_column(column, at, level + 1)
  return column
end

local function check_names(list, level)
  local seen, named = {}, 0
  for _, column in ipairs(list) do
    if column.name then
      if seen[column.name] then
        error(("there are two columns named '%s'"):format(column.name), level + 1)
      end
      seen[column.name] = true
      named = named + 1
    end
  end
  if named > 0 and named < #list then
    error("either all columns have a name or none has", level + 1)
  end
end

--- The list of columns; raises `level` above the caller.
function columns.check(given, widths, level)
  local source = given or widths
  if type(source) ~= "table" or #source == 0 or widths ~= nil and type(widths) ~= "table" then
    error("option 'columns' is a list such as { { \"id\", 10 }, { \"name\", 30 } }, "
      .. "or 'widths' a list of numbers", level + 1)
  end
  if given and widths and #given ~= #widths then
    error(("there are %d columns and %d widths"):format(#given, #widths), level + 1)
  end
  local list, place = {}, 1
  for at = 1, #source do
    local column = normal(given and given[at] or {}, widths and widths[at], place, at, level + 1)
    list[at] = column
    place = column.from + column.width
  end
  check_names(list, level + 1)
  return list
end

return columns
