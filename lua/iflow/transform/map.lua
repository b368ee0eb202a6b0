--- iflow.transform.map { … }: the fields of a record, by plain data.
--
--   map {
--     rename  = { Kunde = "customer.id", Menge = "qty" },       old name = new name
--     pick    = { "customer", "qty", "price" },                 only these stay
--     drop    = { "internal" },                                 all but these stay
--     default = { currency = "EUR" },                           where a field is missing or null
--     convert = { qty = "integer", price = { "number", decimal = "," } },
--   }
--
-- It is done in this order, so that all but `rename` use the new names. A name may be a path,
-- "address.city". A default is a value or a function of the data.
--
-- convert, of fields that are there and not null, to
--   "integer"   from " 0012 ", "12-" (as SAP writes negative numbers), 12.0
--   "number"    from "12.50", "-1e3"; whole numbers stay integers
--   "string"    of numbers (exactly) and booleans
--   "boolean"   from "true", "yes", "1" and "false", "no", "0"
--   { "number", decimal = ",", thousands = "." }, { "boolean", yes = { "X" }, no = { "" } }
--   a function(value, data): returns the new value, nil to remove the field, or nil, err
-- empty = "drop" removes fields with an empty text first, so that they count as missing.
-- All fields that cannot be converted are named in one error.

local core = require "iflow.core"
local errors = require "iflow.error"
local fields = require "iflow.fields"
local options = require "iflow.options"
local suggest = require "iflow.suggest"

-- Conversions: each makes of a value the new one, or nil and what is wrong. ----------------------

-- The text of a number with a point and without separators of thousands, minus in front.
local function plain_number(text, how)
  text = text:match "^%s*(.-)%s*$"
  if how.thousands then
    local whole, rest = text:match("^([^" .. how.decimal_class .. "]*)(.*)$")
    text = whole:gsub(how.thousands_class, "") .. rest
  end
  if how.decimal ~= "." then
    if text:find(".", 1, true) then return nil end
    text = text:gsub(how.decimal_class, ".", 1)
  end
  local before = text:match "^(%d.*)%-$"
  text = before and "-" .. before or text
  return text:find "^[+-]?%d+%.?%d*$" and text or text:match "^[+-]?%d+%.?%d*[eE][+-]?%d+$"
end

local function to_number(value, how)
  if type(value) == "number" then return value end
  if type(value) ~= "string" then return nil, "is a " .. type(value) .. ", no number" end
  if how.plain and value:find "^%-?%d+%.?%d*$" then return tonumber(value) end -- most are so
  local text = plain_number(value, how)
  local number = text and tonumber((text:gsub("^%+", "")))
  if not number then return nil, ("is '%s', no number"):format(value:sub(1, 40)) end
  return number
end

local function to_integer(value, how)
  local number, problem = to_number(value, how)
  if not number then return nil, problem and problem:gsub("no number$", "no whole number") end
  local integer = math.tointeger(number)
  local rounded = math.type(number) == "float" and math.abs(number) >= 2 ^ 53 -- not exact any more
  if not integer or rounded then return nil, ("is %s, no whole number of 64 bits"):format(value) end
  return integer
end

local function to_string(value)
  if type(value) == "string" then return value end
  if type(value) ~= "number" and type(value) ~= "boolean" then
    return nil, "is a " .. type(value) .. ", no text"
  end
  local text = core.json.encode(value)
  if not text then return nil, "is no finite number" end
  return text
end

local function to_boolean(value, how)
  if type(value) == "boolean" then return value end
  local found = how.words[type(value) == "string" and value:lower() or tostring(value)]
  if found == nil then
    return nil, ("is '%s', neither yes nor no"):format(tostring(value):sub(1, 40))
  end
  return found
end

local kinds = { integer = to_integer, number = to_number, string = to_string, boolean = to_boolean }
local kind_names = { "integer", "number", "string", "boolean" }

local function words_of(how)
  local words = {}
  for _, word in ipairs(how.yes or { "true", "yes", "1" }) do words[word:lower()] = true end
  for _, word in ipairs(how.no or { "false", "no", "0" }) do words[word:lower()] = false end
  return words
end

local converter_options = {
  decimal = { "string", default = ".", fine = function(value) return value:find "^[.,]$" end,
              text = '"." or ","' },
  thousands = { "string", fine = function(value) return #value == 1 end, text = "one byte" },
  yes = options.texts(),
  no = options.texts(),
}

-- function(value, data) of what stands at `name` in convert.
local function converter(name, how, level)
  if type(how) == "function" then return how end
  local kind = type(how) == "table" and how[1] or how
  if not kinds[kind] then
    local text = ("option 'convert': '%s' becomes one of \"%s\", or a function makes it")
      :format(name, table.concat(kind_names, '", "'))
    error(suggest.message(text, kind, kind_names), level + 1)
  end
  local given = {}
  for key, value in pairs(type(how) == "table" and how or {}) do
    if key ~= 1 then given[key] = value end
  end
  local o = options.check(given, converter_options, level + 1)
  o.decimal_class, o.thousands_class = "%" .. o.decimal, o.thousands and "%" .. o.thousands
  if o.thousands and o.thousands:find "%w" then
    error("option 'thousands' must be no letter and no digit", level + 1)
  end
  o.plain = o.decimal == "." and not o.thousands
  o.words = words_of(o)
  local convert = kinds[kind]
  return function(value) return convert(value, o) end
end

-- The steps --------------------------------------------------------------------------------------

local map = { name = "map" }
map.__index = map

local function drop_empty(edit)
  for name, value in next, edit.data do
    if value == "" then edit.data[name] = nil end
  end
end

function map:rename(edit)
  local found = {}
  for at, pair in ipairs(self.renames) do found[at] = fields.get(edit.data, pair.from) end
  for at, pair in ipairs(self.renames) do
    if found[at] ~= nil then edit:set(pair.from, nil) end
  end
  for at, pair in ipairs(self.renames) do
    if found[at] ~= nil then
      if fields.get(edit.data, pair.to) ~= nil or not edit:set(pair.to, found[at]) then
        return ("field '%s' cannot become '%s': something is there")
          :format(pair.from.name, pair.to.name)
      end
    end
  end
  edit:reorder(self.renamed)
end

function map:pick_from(edit)
  local old, new = edit.data, fields.edit(setmetatable({}, getmetatable(edit.data) or nil))
  for _, path in ipairs(self.pick) do
    local value = fields.get(old, path)
    if value ~= nil then new:set(path, value) end
  end
  return new
end

function map:fill(edit)
  for _, one in ipairs(self.defaults) do
    if fields.is_missing(fields.get(edit.data, one.path)) then
      local value = one.value
      if type(value) == "function" then value = value(edit.data) end
      edit:set(one.path, value)
    end
  end
end

function map:convert_in(edit)
  local problems = {}
  for _, one in ipairs(self.conversions) do
    local value = fields.get(edit.data, one.path)
    if not fields.is_missing(value) then
      local new, problem = one.convert(value, edit.data)
      if new == nil and problem ~= nil then
        problem = errors.is(problem) and problem.message or problem
        problems[#problems + 1] = ("field '%s' %s"):format(one.path.name, tostring(problem))
      else
        edit:set(one.path, new)
      end
    end
  end
  return problems[1] and table.concat(problems, "; ")
end

function map:run(message, emit)
  local data = message.data
  if type(data) ~= "table" then
    local what = data == nil and "no data" or "a " .. type(data)
    return nil, errors { code = "transform.invalid",
      message = "map needs a record, the message has " .. what }
  end
  local edit = fields.edit(data)
  if self.empty == "drop" then drop_empty(edit) end
  local problem = self.renames and self:rename(edit)
  if not problem then
    if self.pick then edit = self:pick_from(edit) end
    for _, path in ipairs(self.drop) do edit:set(path, nil) end
    self:fill(edit)
    problem = self:convert_in(edit)
  end
  if problem then
    return nil, errors { code = "transform.invalid", message = "map: " .. problem }
  end
  emit(message:with { data = edit.data })
end

-- The constructor --------------------------------------------------------------------------------

local function is_names(value, of_texts)
  for name, other in pairs(value) do
    if type(name) ~= "string" or of_texts and type(other) ~= "string" then return false end
  end
  return true
end

local known = {
  rename = { "table", text = "a table { old = new }",
             fine = function(value) return is_names(value, true) end },
  pick = options.texts(),
  drop = options.texts(),
  default = { "table", fine = is_names, text = "a table { name = value }" },
  convert = { "table", fine = is_names, text = "a table { name = what it becomes }" },
  empty = options.one_of({ "keep", "drop" }, "keep"),
}

local function paths(names)
  local list = {}
  for at, name in ipairs(names) do list[at] = fields.path(name) end
  return list
end

-- The keys of a table, in the same order each time.
local function sorted(names)
  local list = {}
  for name in pairs(names or {}) do list[#list + 1] = name end
  table.sort(list)
  return list
end

return function(given)
  local o = options.check(given, known)
  local self = { empty = o.empty, pick = o.pick and paths(o.pick), drop = paths(o.drop or {}),
    renamed = o.rename, defaults = {}, conversions = {} }
  for at, name in ipairs(sorted(o.rename)) do
    self.renames = self.renames or {}
    self.renames[at] = { from = fields.path(name), to = fields.path(o.rename[name]) }
  end
  for at, name in ipairs(sorted(o.default)) do
    self.defaults[at] = { path = fields.path(name), value = o.default[name] }
  end
  for at, name in ipairs(sorted(o.convert)) do
    local convert = converter(name, o.convert[name], 2)
    self.conversions[at] = { path = fields.path(name), convert = convert }
  end
  return setmetatable(self, map)
end
