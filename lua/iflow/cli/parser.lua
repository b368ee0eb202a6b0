-- parser.lua -- turns the one option table of a command into parsed arguments and into --help.
-- argparse takes the words apart and lays out the help; types, choices, environment variables and
-- defaults are handled here, so that they work alike for a word and for a variable.
--
-- A command: { summary =, description =, arguments = { row… }, options = { row… }, rest = row }
-- An argument row: { "to", help =, args = 1 | "?" | "*", choices =, type =, default = }
-- An option row:   { "-o --output", value = "FILE", help =, key =, env =, default =, choices =,
--                    type =, multiple =, required =, flag =, dash =, convert = }
--   type      "number", "integer" or "duration"
--   convert   function(value, from_variable) -> value | nil, what is wrong; after type
--   multiple  may be repeated; the value is a list, and options may share a key
--   dash      the value may begin with "-" (data, as in curl)
--   env       the variable that gives it, IFLOW_<NAME> by default; false: none
-- `rest` names what follows "--" (a list).
local errors = require "iflow.error"
local suggest = require "iflow.suggest"

local parser = {}

local common = {
  { "--json", flag = true, help = "machine-readable output on standard output" },
  { "--log-level", value = "LEVEL", choices = { "error", "warn", "info", "debug", "trace" },
    default = "warn", help = "what is logged on standard error" },
  { "-h --help", flag = true, env = false, help = "show this help" },
}

-- Rows -------------------------------------------------------------------------------------------

local function names_of(row)
  local names = {}
  for name in row[1]:gmatch "%S+" do names[#names + 1] = name end
  return names
end

local function long_name(row)
  for _, name in ipairs(names_of(row)) do
    if name:sub(1, 2) == "--" then return name end
  end
  return row[1]:match "%S+"
end

local function key_of(row)
  return row.key or (long_name(row):gsub("^%-+", ""):gsub("%-", "_"))
end

local function variable_of(row)
  if row.env == false then return nil end
  return row.env or "IFLOW_" .. long_name(row):gsub("^%-+", ""):gsub("%-", "_"):upper()
end

local function is_list(row)
  return row.multiple or row.args == "*" or (math.type(row.args) ~= nil and row.args > 1)
end

local function options_of(command)
  local rows = {}
  for _, list in ipairs { command.options or {}, common } do
    for _, row in ipairs(list) do rows[#rows + 1] = row end
  end
  return rows
end

-- Words that curl's users type -------------------------------------------------------------------

local function usage_error(name, text, hint)
  return nil, errors.new { code = "usage.invalid", message = text,
    hint = hint or ("see: %s --help"):format(name) }
end

local json_hint = "here --json asks for machine-readable output; curl's --json DATA is "
  .. "-d DATA -H 'Content-Type: application/json'"

local function misused_json(words)
  for i, word in ipairs(words) do
    if word:find "^%-%-json=" then return true end
    if word == "--json" and (words[i + 1] or ""):find "^[%[{\"@]" then return true end
  end
  return false
end

-- A value that begins with "-" is tied to its option, since argparse would take it for another one.
local function tie_dashes(words, rows)
  local ties, tied, i = {}, {}, 1
  for _, row in ipairs(rows) do
    for _, name in ipairs(row.dash and names_of(row) or {}) do
      ties[name] = #name == 2 and name or name .. "="
    end
  end
  while i <= #words do
    local word, value = words[i], words[i + 1]
    if ties[word] and value and value:find "^%-." then
      word, i = ties[word] .. value, i + 1
    end
    tied[#tied + 1], i = word, i + 1
  end
  return tied
end

-- Everything up to "--", and what follows it.
local function split(words)
  local before, after = {}, {}
  local list = before
  for _, word in ipairs(words) do
    if word == "--" and list == before then list = after else list[#list + 1] = word end
  end
  return before, after
end

-- Values -----------------------------------------------------------------------------------------

local types = {}

function types.number(word)
  return tonumber(word), "is not a number"
end

function types.integer(word)
  return word:find "^[+-]?%d+$" and math.tointeger(tonumber(word)), "is not a whole number"
end

function types.duration(word)
  if tonumber(word) then return tonumber(word) >= 0 and tonumber(word), "is negative" end
  local unit = word:match "^%d+%.?%d*(%a+)$"
  local known = ({ ms = true, s = true, m = true, h = true, d = true })[unit]
  return known and word, "is not a duration (seconds, or a number with ms, s, m, h or d)"
end

local function contains(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

local function typed(row, word)
  if not row.type then return word end
  local value, why = types[row.type](word)
  if value then return value end
  return nil, why
end

-- The value of one word, or nil and what is wrong with it.
local function value_of(row, word, from_variable)
  if row.choices and not contains(row.choices, word) then
    local near = suggest.nearest(word, row.choices)
    return nil, ("is not one of %s%s"):format(table.concat(row.choices, ", "),
      near and ("; did you mean '%s'?"):format(near) or "")
  end
  local value, why = typed(row, word)
  if value == nil then return nil, why end
  if row.convert then return row.convert(value, from_variable) end
  return value
end

local yes = { ["1"] = true, ["true"] = true, yes = true, on = true }
local no = { ["0"] = true, ["false"] = true, no = true, off = true }

local function flag_of_variable(word)
  word = word:lower()
  if yes[word] then return true end
  if no[word] then return false end
  return nil, "is neither 1 nor 0"
end

local function words_of_variable(row, text)
  if not is_list(row) then return { text } end
  local words = {}
  for line in text:gmatch "[^\r\n]+" do words[#words + 1] = line end
  return words
end

-- What was given -------------------------------------------------------------------------------

local given = {}
given.__index = given

function given:put(row, value)
  local key = key_of(row)
  self.seen[row] = true
  if is_list(row) then
    self.args[key] = self.args[key] or {}
    table.insert(self.args[key], value)
  else
    self.args[key] = value
  end
end

-- source: "--max-time" or "IFLOW_MAX_TIME", for the message.
function given:take(row, word, source, from_variable)
  if row.flag then return self:put(row, true) end
  local value, why = value_of(row, word, from_variable)
  if value == nil then
    self.problem = self.problem or ("%s: '%s' %s"):format(source, word, why)
  else
    self:put(row, value)
  end
end

function given:take_variable(row, getenv)
  local variable = variable_of(row)
  local text = variable and getenv(variable)
  if not text or text == "" then return end
  if row.flag then
    local value, why = flag_of_variable(text)
    if value == nil then self.problem = ("%s: '%s' %s"):format(variable, text, why) end
    return self:put(row, value or false)
  end
  for _, word in ipairs(words_of_variable(row, text)) do self:take(row, word, variable, true) end
end

local function default_of(row)
  if row.default ~= nil then return row.default end
  if row.flag then return false end
  return is_list(row) and {} or nil
end

function given:complete(rows, getenv)
  for _, row in ipairs(rows) do
    if not self.seen[row] then self:take_variable(row, getenv) end
  end
  for _, row in ipairs(rows) do
    local key = key_of(row)
    if self.args[key] == nil then self.args[key] = default_of(row) end
    if row.required and self.args[key] == nil then
      self.problem = self.problem or ("missing option '%s %s'%s"):format(long_name(row),
        row.value, variable_of(row) and (" (or the variable %s)"):format(variable_of(row)) or "")
    end
  end
end

-- argparse ---------------------------------------------------------------------------------------

local function argparse()
  local ok, module = pcall(require, "argparse")
  if ok then return module end
  -- LUA_PATH may hide the place where the distribution puts it.
  local path = package.searchpath("argparse", "/usr/share/lua/5.4/?.lua")
  if path then return dofile(path) end
  return nil, errors.new { code = "usage.invalid",
    message = "the Lua module argparse is missing",
    hint = "install the package lua-argparse (apt-get install lua-argparse)" }
end

local function usage_of(name, command)
  local words = { "Usage:", name, "[OPTION…]" }
  for _, row in ipairs(command.options or {}) do
    if row.required then words[#words + 1] = long_name(row) .. " " .. row.value end
  end
  for _, row in ipairs(command.arguments or {}) do
    local shape = ({ ["?"] = "[%s]", ["*"] = "[%s…]" })[row.args] or "%s"
    words[#words + 1] = shape:format(row[1]:upper())
  end
  if command.commands then words[#words + 1] = "COMMAND" end
  if command.rest then words[#words + 1] = ("[-- %s…]"):format(command.rest[1]:upper()) end
  return table.concat(words, " ")
end

local function help_of(row)
  local text = row.help or ""
  if row.choices then text = text .. (" (%s)"):format(table.concat(row.choices, ", ")) end
  if row.default ~= nil then text = text .. (" (default: %s)"):format(tostring(row.default)) end
  if variable_of(row) then text = text .. (" [%s]"):format(variable_of(row)) end
  return text
end

local function add_argument(p, row, take)
  p:argument(row[1]):args(row.args or 1):description(row.help):action(function(_, _, words)
    if type(words) == "string" then words = { words } end
    for _, word in ipairs(words or {}) do take(row, word, row[1]:upper()) end
  end)
end

local function add_option(p, row, take)
  local option = p:option(row[1]):description(help_of(row)):count "*":target(key_of(row))
  option:args(row.flag and 0 or 1)
  if not row.flag then option:argname(row.value or "VALUE") end
  option:action(function(_, _, word) take(row, word, long_name(row)) end)
end

-- take(row, word, source) is called for every argument and option, in order.
local function build(name, command, take)
  local new, err = argparse()
  if not new then return nil, err end
  local p = new(name, command.description or command.summary, command.epilog)
  p:add_help(false):usage(usage_of(name, command))
  p:help_max_width(96):help_description_margin(32):help_usage_margin(2)
  for _, row in ipairs(command.arguments or {}) do add_argument(p, row, take) end
  for _, row in ipairs(options_of(command)) do add_option(p, row, take) end
  for _, sub in ipairs(command.commands or {}) do
    p:command(sub.name):description(sub.summary):summary(sub.summary)
  end
  return p
end

-- argparse's complaint in our words.
local function explain(name, command, rows, words, text)
  text = text:match "^[^\n]*"
  local option = text:match "^unknown option '(.-)'"
  if option then
    local names = {}
    for _, row in ipairs(rows) do
      for _, known in ipairs(names_of(row)) do names[#names + 1] = known end
    end
    local near = suggest.nearest(option, names)
    if near then text = text .. (", did you mean '%s'?"):format(near) end
  elseif text == "too many arguments" then
    for i, word in ipairs(words) do
      if word == "--json" and not (words[i + 1] or "-"):find "^%-" then
        return usage_error(name, text, json_hint)
      end
    end
    if command.rest then
      return usage_error(name, text, ("what is meant for %s comes after --"):format(
        command.rest.owner))
    end
  end
  return usage_error(name, text)
end

-- Public -----------------------------------------------------------------------------------------

--- The text of --help, from the command's table.
function parser.help(name, command)
  local p, err = build(name, command, function() end)
  if not p then return nil, err end
  return p:get_help()
end

--- Whether the words ask for help.
function parser.wants_help(words)
  local before = split(words)
  return contains(before, "--help") or contains(before, "-h")
end

--- words -> args, a table by key, or nil and a usage error. getenv is os.getenv.
function parser.parse(name, command, words, getenv)
  local rows = options_of(command)
  local before, after = split(words)
  if misused_json(before) then return usage_error(name, "--json takes no value", json_hint) end
  local found = setmetatable({ args = {}, seen = {} }, given)
  local p, err = build(name, command, function(...) found:take(...) end)
  if not p then return nil, err end
  local input = tie_dashes(before, rows)
  if command.rest then
    found.args[command.rest.key or command.rest[1]] = after
  elseif #after > 0 then
    input[#input + 1] = "--"
    table.move(after, 1, #after, #input + 1, input)
  end
  local ok, text = p:pparse(input)
  if not ok then return explain(name, command, rows, before, text) end
  for _, row in ipairs(command.arguments or {}) do
    local key = key_of(row)
    if found.args[key] == nil then found.args[key] = default_of(row) end
  end
  found:complete(rows, getenv)
  if found.problem then return usage_error(name, found.problem) end
  return found.args
end

return parser
