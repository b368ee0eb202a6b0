--- Options that are checked at once, at the line that writes them. Internal; transforms use it:
--
--   local known = {
--     delimiter = { "string", default = ",", fine = is_byte, text = "one byte" },
--     trim      = { "boolean", default = false },
--   }
--   return function(given)
--     local o = options.check(given, known)      -- a copy with the defaults in it
--
-- A row: the type (or several), "integer" besides Lua's own; default; fine(value) -> whether the
-- value will do; text: what is accepted, for the error.

local suggest = require "iflow.suggest"

local options = {}

local function is_type(value, row)
  for _, name in ipairs(row) do
    if name == type(value) or name == math.type(value) then return true end
  end
  return false
end

local function check_one(name, value, row, level)
  if is_type(value, row) and (not row.fine or row.fine(value)) then return end
  local text = row.text or table.concat(row, " or ")
  local got = is_type(value, row) and "" or ", got " .. type(value)
  error(("option '%s' must be %s%s"):format(name, text, got), level + 1)
end

--- The options of a table, checked, with defaults; nil counts as an empty table. Raises `level`
-- above the caller; the default 2 is the caller of the constructor that calls this.
function options.check(given, known, level)
  level = level or 2
  if given == nil then given = {} end
  if type(given) ~= "table" then
    error("a table of options is expected, got " .. type(given), level + 1)
  end
  local names, checked = {}, {}
  for name in pairs(known) do names[#names + 1] = name end
  table.sort(names)
  suggest.check_keys(given, names, level + 1)
  for key in pairs(given) do
    if type(key) ~= "string" then error("options have names: { name = value }", level + 1) end
  end
  for _, name in ipairs(names) do
    local value, row = given[name], known[name]
    if value == nil then value = row.default else check_one(name, value, row, level + 1) end
    if value == nil and row.needed then error("option '" .. name .. "' is missing", level + 1) end
    checked[name] = value
  end
  return checked
end

--- fine: one of the words.
function options.one_of(words, default)
  local set = {}
  for _, word in ipairs(words) do set[word] = true end
  return { "string", default = default, fine = function(value) return set[value] end,
           text = '"' .. table.concat(words, '" or "') .. '"' }
end

--- A whole number in a range.
function options.integer(least, most, default)
  return {
    "integer", default = default, text = ("a whole number from %d to %d"):format(least, most),
    fine = function(value) return value >= least and value <= most end,
  }
end

--- A list of at least one text.
function options.texts(default)
  return { "table", default = default, text = "a list of texts", fine = function(list)
    for _, text in ipairs(list) do
      if type(text) ~= "string" then return false end
    end
    return #list > 0
  end }
end

return options
