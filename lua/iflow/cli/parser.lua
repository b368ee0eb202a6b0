-- parser.lua -- turns the words of a command line into the arguments of a command, by its table of
-- options (rows.lua). argparse takes the words apart; types, choices, environment variables and
-- defaults are handled here, so that they work alike for a word and for a variable.
local errors = require "iflow.error"
local rows = require "iflow.cli.rows"
local suggest = require "iflow.suggest"

local parser = {}

local function usage_error(name, text, hint)
  return nil, errors { code = "usage.invalid", message = text,
    hint = hint or ("see: %s --help"):format(name) }
end

local function contains(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

-- Words that curl's users type -------------------------------------------------------------------

local json_hint = "here --json asks for machine-readable output; curl's --json DATA is "
  .. "-d DATA -H 'Content-Type: application/json'"

local function misused_json(words)
  for i, word in ipairs(words) do
    if word:find "^%-%-json=" then return true end
    if word == "--json" and (words[i + 1] or ""):find "^[%[{\"@]" then return true end
  end
  return false
end

-- What curl can and iflow will not, and what to do instead.
local curl_hints = {
  insecure = "the server's certificate is always checked; name the root to trust with --cacert",
  location = "a redirect is not followed, since it would carry the token elsewhere; call the new "
    .. "address",
  user = "the credential comes from the service key; --auth basic sends its client id and secret",
}
curl_hints.k, curl_hints.L, curl_hints.u = curl_hints.insecure, curl_hints.location, curl_hints.user

-- A value that begins with "-" is tied to its option, since argparse would take it for another one.
local function tie_dashes(words, options)
  local ties, tied, i = {}, {}, 1
  for _, row in ipairs(options) do
    for _, name in ipairs(row.dash and rows.names(row) or {}) do
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
  return word:find "^[+-]?%d+$" and math.tointeger(tonumber(word)) or nil, "is not a whole number"
end

local seconds_in = { [""] = 1, ms = 0.001, s = 1, m = 60, h = 3600, d = 86400 }
local longest = 100 * 365 * 86400 -- what a timeout can be

function types.duration(word)
  local number, unit = word:match "^(%d+%.?%d*)(%a*)$"
  local factor = seconds_in[unit]
  if not factor then
    return nil, "is not a duration (seconds, or a number with ms, s, m, h or d)"
  end
  if tonumber(number) * factor > longest then return nil, "is longer than 100 years" end
  return unit == "" and tonumber(word) or word
end

-- The value of one word, or nil and what is wrong with it.
local function value_of(row, word, from_variable)
  if row.choices and not contains(row.choices, word) then
    local text = "is not one of " .. table.concat(row.choices, ", ")
    return nil, suggest.message(text, word, row.choices)
  end
  if row.type then
    local value, why = types[row.type](word)
    if value == nil then return nil, why end
    word = value
  end
  if row.convert then return row.convert(word, from_variable) end
  return word
end

local switch = { ["1"] = true, ["true"] = true, yes = true, on = true,
  ["0"] = false, ["false"] = false, no = false, off = false }

-- What was given -------------------------------------------------------------------------------

local given = {}
given.__index = given

function given:put(row, value)
  local key = rows.key(row)
  self.seen[row] = true
  if rows.is_list(row) then
    self.args[key] = self.args[key] or {}
    table.insert(self.args[key], value)
  else
    self.args[key] = value
  end
end

function given:complain(text) self.problem = self.problem or text end

-- source: "--max-time" or "IFLOW_MAX_TIME", for the message.
function given:take(row, word, source, from_variable)
  if row.flag then return self:put(row, true) end
  local value, why = value_of(row, word, from_variable)
  if value == nil then
    self:complain((row.private and source or ("%s: '%s'"):format(source, word)) .. " " .. why)
  else
    self:put(row, value)
  end
end

-- A variable gives one value, or for what may be repeated one a line; numbers may also be separated
-- by commas.
function given:take_variable(row, getenv)
  local variable = rows.variable(row)
  local text = variable and getenv(variable)
  if not text or text == "" then return end
  if row.flag then
    local value = switch[text:lower()]
    if value == nil then self:complain(("%s: '%s' is neither 1 nor 0"):format(variable, text)) end
    self:put(row, value)
  elseif rows.is_list(row) then
    for word in text:gmatch(rows.is_number(row) and "[^%s,]+" or "[^\r\n]+") do
      self:take(row, word, variable, true)
    end
  else
    self:take(row, text, variable, true)
  end
end

function given:fill_in(list, getenv)
  for _, row in ipairs(list) do
    if not self.seen[row] then self:take_variable(row, getenv) end
  end
  for _, row in ipairs(list) do
    local key = rows.key(row)
    if self.args[key] == nil then self.args[key] = rows.default(row) end
    if row.required and self.args[key] == nil then
      self:complain(("missing option '%s %s'%s"):format(rows.long_name(row), row.value,
        rows.variable(row) and (" (or the variable %s)"):format(rows.variable(row)) or ""))
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
  return nil, errors { code = "usage.invalid", message = "the Lua module argparse is missing",
    hint = "install the package lua-argparse (apt-get install lua-argparse), or the rock argparse" }
end

-- The options that the words may name, as a set: "--file" of "--file=x", "-v" and "-f" of "-vf".
local function named_in(words)
  local set = {}
  for _, word in ipairs(words) do
    set[word:match "^[^=]*"] = true
    for letter in (word:match "^%-([^-].*)" or ""):gmatch "." do set["-" .. letter] = true end
  end
  return set
end

local function is_named(row, set)
  for _, name in ipairs(rows.names(row)) do
    if set[name] then return true end
  end
  return false
end

-- found:take is called for every argument and option, in their order. Of the options argparse is
-- told of the first, from which it knows what options look like, and of those that may be named:
-- each one costs as much as loading a module.
local function build(name, command, options, given_words, found)
  local new, err = argparse()
  if not new then return nil, err end
  local p = new(name):add_help(false)
  for _, row in ipairs(command.arguments or {}) do
    p:argument(row[1]):args(row.args or 1):action(function(_, _, words)
      if type(words) == "string" then words = { words } end
      for _, word in ipairs(words or {}) do found:take(row, word, row[1]:upper()) end
    end)
  end
  local named = named_in(given_words)
  for i, row in ipairs(options) do
    if i == 1 or is_named(row, named) then
      p:option(row[1]):count "*":args(row.flag and 0 or 1):action(function(_, _, word)
        found:take(row, word, rows.long_name(row))
      end)
    end
  end
  return p
end

-- argparse's complaint in our words.
local function explain(name, command, options, words, text)
  text = text:match "^[^\n]*"
  local unknown = text:match "^unknown option '(.-)'"
  if unknown then
    local names = {} -- not those of one letter: every other one would be near
    for _, row in ipairs(options) do
      for _, known in ipairs(rows.names(row)) do
        if #known > 2 then names[#names + 1] = known end
      end
    end
    return usage_error(name, suggest.message(text, unknown, names),
      curl_hints[unknown:match "^%-+(.*)"])
  end
  local missing = text:match "^missing argument '(.-)'"
  for _, row in ipairs(missing and command.arguments or {}) do
    if row[1] == missing then
      text = ("the argument %s is missing%s"):format(missing:upper(),
        row.help and ": " .. row.help or "")
    end
  end
  local hint
  if text == "too many arguments" then
    for i, word in ipairs(words) do
      if word == "--json" and not (words[i + 1] or "-"):find "^%-" then hint = json_hint end
    end
    if command.rest and not hint then
      hint = ("what is meant for %s comes after --"):format(command.rest.owner)
    end
  end
  return usage_error(name, text, hint)
end

-- Public -----------------------------------------------------------------------------------------

--- Whether the words ask for help.
function parser.wants_help(words)
  local before = split(words)
  return contains(before, "--help") or contains(before, "-h")
end

--- words -> args, a table by key, or nil and a usage error. getenv is os.getenv.
function parser.parse(name, command, words, getenv)
  local options = rows.options(command)
  local before, after = split(words)
  if misused_json(before) then return usage_error(name, "--json takes no value", json_hint) end
  local found = setmetatable({ args = {}, seen = {} }, given)
  local input = tie_dashes(before, options)
  local p, err = build(name, command, options, input, found)
  if not p then return nil, err end
  if command.rest then
    found.args[rows.key(command.rest)] = after
  elseif #after > 0 then
    input[#input + 1] = "--"
    table.move(after, 1, #after, #input + 1, input)
  end
  local ok, text = p:pparse(input)
  if not ok then return explain(name, command, options, before, text) end
  found:fill_in(command.arguments or {}, getenv)
  found:fill_in(options, getenv)
  if found.problem then return usage_error(name, found.problem) end
  return found.args
end

return parser
