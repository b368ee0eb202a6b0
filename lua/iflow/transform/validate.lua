--- iflow.transform.validate { … }: rejects records that do not fit a schema, with everything that
-- is wrong with a record in one error.
--
--   validate { fields = {
--     id     = { type = "integer", required = true, min = 1 },
--     sku    = { type = "string", pattern = "^%u%d+$", max_length = 18 },
--     state  = { enum = { "open", "closed" } },
--     owner  = { fields = { name = { type = "string", required = true } } },
--     items  = { min_length = 1, list = { fields = { qty = { type = "number", min = 0 } } } },
--   }, extra = "refuse" }
--
-- The schema is a rule for the data; a rule has
--   type        "string", "number", "integer", "boolean", "table" (with names), "list"
--   required    true: the field must be there (null counts as missing)
--   enum        a list of the values that are allowed
--   pattern     a Lua pattern that a text must match
--   min, max    of a number
--   min_length, max_length    of a text in characters, of a list in items
--   fields      rules for the fields of a table, by name;  extra = "refuse": no others may be there
--   list        the rule for each item of a list
--   check       function(value, data) -> true, or false and what is wrong
-- A field that is missing and not required is fine, whatever else its rule says. The error has the
-- list of what is wrong as err.problems, too.

local core = require "iflow.core"
local errors = require "iflow.error"
local fields = require "iflow.fields"
local options = require "iflow.options"

local json = core.json
local SHOWN = 20 -- problems in the message of an error

local types = { "string", "number", "integer", "boolean", "table", "list" }

local rule_options = {
  type = options.one_of(types),
  required = { "boolean", default = false },
  enum = { "table", fine = function(value) return #value > 0 end, text = "a list of values" },
  pattern = { "string", fine = function(value) return pcall(string.find, "", value) end,
              text = "a Lua pattern" },
  min = { "number" },
  max = { "number" },
  min_length = options.integer(0, 2 ^ 31 | 0),
  max_length = options.integer(0, 2 ^ 31 | 0),
  fields = { "table", text = "a table { name = rule }" },
  extra = options.one_of({ "allow", "refuse" }, "allow"),
  list = { "table", text = "a rule" },
  check = { "function" },
}

-- What is wrong, collected -----------------------------------------------------------------------

local function add(found, path, text, ...)
  local what = select("#", ...) > 0 and text:format(...) or text
  found[#found + 1] = ("%s %s"):format(path == "" and "the data" or "field '" .. path .. "'", what)
end

local function is_list(value)
  return type(value) == "table" and (#value > 0 or json.is_array(value) or next(value) == nil)
end

local function is_type(value, name)
  if name == "integer" then return math.type(value) == "integer" end
  if name == "list" then return is_list(value) end
  if name == "table" then
    return type(value) == "table" and #value == 0 and not json.is_array(value)
  end
  return type(value) == name
end

local articles = { integer = "a whole number", table = "a table with names", string = "a text" }

local function show(value)
  if type(value) == "string" then
    return ("'%s'"):format(#value > 40 and value:sub(1, 40) .. "…" or value)
  end
  return type(value) == "table" and "a table" or tostring(value)
end

-- The checks of a rule: each looks only when it is asked for and the value is of its kind. -------

local function length_of(value)
  if type(value) == "string" then return utf8.len(value) or #value, "characters" end
  if is_list(value) then return #value, "items" end
end

local function check_length(rule, value, path, found)
  local length, unit = length_of(value)
  if not length then return end
  if rule.min_length and length < rule.min_length then
    add(found, path, "has %d %s, at least %d are needed", length, unit, rule.min_length)
  end
  if rule.max_length and length > rule.max_length then
    add(found, path, "has %d %s, at most %d are allowed", length, unit, rule.max_length)
  end
end

local function check_range(rule, value, path, found)
  if not rule.min and not rule.max then return end
  if type(value) ~= "number" then
    return add(found, path, "is %s, not a number", show(value))
  end
  if value ~= value then return add(found, path, "is not a number") end
  if rule.min and value < rule.min then
    add(found, path, "is %s, less than %s", value, rule.min)
  end
  if rule.max and value > rule.max then
    add(found, path, "is %s, more than %s", value, rule.max)
  end
end

local function check_values(rule, value, path, found)
  if rule.enum and not rule.allowed[value] then
    add(found, path, "is %s, not one of %s", show(value), rule.shown)
  end
  if rule.pattern then
    if type(value) ~= "string" then
      add(found, path, "is %s, not a text", show(value))
    elseif not value:find(rule.pattern) then
      add(found, path, "is %s, which does not match %s", show(value), rule.pattern)
    end
  end
end

local check_rule

local function check_fields(rule, value, path, found, data)
  if type(value) ~= "table" then return add(found, path, "is %s, not a table", show(value)) end
  local prefix = path == "" and "" or path .. "."
  for _, name in ipairs(rule.names) do
    check_rule(rule.fields[name], value[name], prefix .. name, found, data)
  end
  if rule.extra == "allow" then return end
  local extra = {}
  for name in next, value do
    if rule.fields[name] == nil then extra[#extra + 1] = tostring(name) end
  end
  table.sort(extra)
  for _, name in ipairs(extra) do add(found, prefix .. name, "is not in the schema") end
end

local function check_items(rule, value, path, found, data)
  if not is_list(value) then return add(found, path, "is %s, not a list", show(value)) end
  for at, item in ipairs(value) do
    check_rule(rule.list, item, ("%s[%d]"):format(path, at), found, data)
  end
end

function check_rule(rule, value, path, found, data)
  if fields.is_missing(value) then
    if rule.required then add(found, path, "is missing") end
    return
  end
  if rule.type and not is_type(value, rule.type) then
    return add(found, path, "is %s, not %s", show(value), articles[rule.type] or "a " .. rule.type)
  end
  check_values(rule, value, path, found)
  check_range(rule, value, path, found)
  check_length(rule, value, path, found)
  if rule.fields then check_fields(rule, value, path, found, data) end
  if rule.list then check_items(rule, value, path, found, data) end
  if rule.check then
    local fine, why = rule.check(value, data)
    if not fine then add(found, path, "%s", why or "is refused by its check") end
  end
end

-- The transform ----------------------------------------------------------------------------------

local validate = { name = "validate" }
validate.__index = validate

local function failure(found)
  local text = table.concat(found, "; ", 1, math.min(#found, SHOWN))
  if #found > SHOWN then text = ("%s; and %d more"):format(text, #found - SHOWN) end
  return errors { code = "transform.invalid", message = "validate: " .. text, problems = found }
end

function validate:run(message, emit)
  if message.data == nil then
    return nil, errors { code = "transform.invalid", message = "validate needs data, not a body" }
  end
  local found = {}
  check_rule(self.rule, message.data, "", found, message.data)
  if found[1] then return nil, failure(found) end
  emit(message)
end

-- A checked copy of the rule for a path.
local function compile(given, path, level)
  local where = path == "" and "the schema" or "the rule of '" .. path .. "'"
  local fine, rule = pcall(options.check, given, rule_options, 1)
  if not fine then error(where .. ": " .. tostring(rule), level + 1) end
  if rule.enum then
    local shown = {}
    rule.allowed = {}
    for at, value in ipairs(rule.enum) do rule.allowed[value], shown[at] = true, show(value) end
    rule.shown = table.concat(shown, ", ")
  end
  if rule.fields then
    local compiled, names, prefix = {}, {}, path == "" and "" or path .. "."
    for name, inner in pairs(rule.fields) do
      if type(name) ~= "string" then
        error(where .. ": option 'fields' must be a table { name = rule }", level + 1)
      end
      compiled[name] = compile(inner, prefix .. name, level + 1)
      names[#names + 1] = name
    end
    table.sort(names)
    rule.fields, rule.names = compiled, names
  end
  if rule.list then rule.list = compile(rule.list, path .. "[]", level + 1) end
  return rule
end

return function(given)
  return setmetatable({ rule = compile(given, "", 2) }, validate)
end
