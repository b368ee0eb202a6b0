-- rows.lua -- the option table of a command, and what its rows say. The parser and the help read it
-- through these functions, so that there is one place for every option.
--
-- A command: { summary =, description =, arguments = { row… }, options = { row… }, rest = row,
--              defaults = { log_level = "info" } }
-- An argument row: { "to", help =, args = 1 | "?" | "*" | "+", choices =, type =, default = }
-- An option row:   { "-o --output", value = "FILE", help =, key =, env =, default =, choices =,
--                    type =, multiple =, required =, flag =, dash =, private =, convert =,
--                    group =, complete = }
--   type      "number", "integer" or "duration"
--   convert   function(value, from_variable) -> value | nil, what is wrong; after type
--   multiple  may be repeated; the value is a list, and options may share a key
--   private   the word is not shown in messages
--   dash      the value may begin with "-" (data, as in curl)
--   env       the variable that gives it, IFLOW_<NAME> by default; false: none
--   group     the heading of --help under which it stands
--   complete  what a shell offers for the value: a list of words, or "file", "directory", "sender"
--             or "job" (of the script that the other words name); by default the choices, and files
--             or directories where the value is called so (FILE, SCRIPT, DIR)
-- `rest` names what follows "--": { "arg", help =, owner = "the script" }; a list.
local logging = require "iflow.cli.logging"

local rows = {}

local common = {
  { "--json", flag = true, group = "General options",
    help = "machine-readable output on standard output" },
  { "--log-level", value = "LEVEL", convert = logging.check, default = "warn",
    complete = { "error", "warn", "info", "debug", "trace" },
    group = "General options", help = "what is logged on standard error: error, warn, info, debug "
      .. "or trace, and MODULE=LEVEL for a module, such as info,http=debug" },
  { "--log-format", value = "FORMAT", choices = { "auto", "text", "json" }, default = "text",
    group = "General options",
    help = "the log as text, as a JSON object a line, or as text on a terminal only (auto)" },
  { "-h --help", flag = true, env = false, group = "General options", help = "show this help" },
}

--- All option rows of a command, those that every command has at the end; `defaults` of the command
--- may give these other defaults, by key.
function rows.options(command)
  local list = table.move(command.options or {}, 1, #(command.options or {}), 1, {})
  for _, row in ipairs(common) do
    local default = (command.defaults or {})[rows.key(row)]
    list[#list + 1] = default == nil and row
      or setmetatable({ default = default }, { __index = row })
  end
  return list
end

--- The same under their headings: { { title = "Options", rows… }, … }, each in its order.
function rows.groups(command)
  local groups = {}
  for _, row in ipairs(rows.options(command)) do
    local title = row.group or "Options"
    if not groups[title] then
      groups[title] = { title = title }
      groups[#groups + 1] = groups[title]
    end
    table.insert(groups[title], row)
  end
  return groups
end

--- { "-o", "--output" }
function rows.names(row)
  local names = {}
  for name in row[1]:gmatch "%S+" do names[#names + 1] = name end
  return names
end

--- "--output"; for an argument its name.
function rows.long_name(row)
  return row[1]:match "%-%-%S+" or row[1]:match "%S+"
end

local function stem(row)
  return (rows.long_name(row):gsub("^%-+", ""):gsub("%-", "_"))
end

--- Where the value goes in the parsed arguments.
function rows.key(row) return row.key or stem(row) end

--- The environment variable that gives the same, or nil.
function rows.variable(row)
  if row.env == false or row[1]:sub(1, 1) ~= "-" then return nil end
  return row.env or "IFLOW_" .. stem(row):upper()
end

--- Whether the value is a number, or each one of the list.
function rows.is_number(row) return row.type == "integer" or row.type == "number" end

--- Whether the value is a list.
function rows.is_list(row)
  if row.multiple or row.args == "*" or row.args == "+" then return true end
  return math.type(row.args) ~= nil and row.args > 1
end

--- The value when neither a word nor a variable gave one.
function rows.default(row)
  if row.default ~= nil then return row.default end
  if row.flag then return false end
  return rows.is_list(row) and {} or nil
end

--- What the help says of an option, without its variable.
function rows.explanation(row)
  local text = row.help or ""
  if row.choices then text = text .. ": " .. table.concat(row.choices, ", ") end
  if row.default ~= nil then text = text .. (" (default: %s)"):format(tostring(row.default)) end
  if row.multiple then text = text .. "; may be repeated" end
  return text
end

local places = { FILE = "file", KEYFILE = "file", SCRIPT = "file", DIR = "directory" }

--- What a shell offers for the value: a list of words, "file", "directory", "sender", "job" or nil.
function rows.completion(row)
  return row.complete or row.choices or places[row.value or row[1]:upper()]
end

return rows
