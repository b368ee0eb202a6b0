--- The options of a drop folder: checked when it is defined, at the line that defines it. Internal;
-- what they mean stands in lua/iflow/files.lua.

local duration = require "iflow.duration"
local glob = require "iflow.service.glob"
local options = require "iflow.options"
local target = require "iflow.service.target"

local definition = {}

local SETTLE_MAX, RESCAN_MIN, RESCAN_MAX = 3600, 0.1, 86400

local function is_path(value) return value ~= "" and not value:find("\0", 1, true) end

local known = {
  done   = { "string", needed = true, fine = is_path, text = "the path of a directory" },
  failed = { "string", needed = true, fine = is_path, text = "the path of a directory" },
  sender = { "string", "function" },
  run    = { "function" },
  name   = { "string" },
  settle = { "number", "string", default = "2s" },
  rescan = { "number", "string", default = "30s" },
}

-- A path without what does not matter, to compare with others.
local function plain(path)
  path = path:gsub("/+", "/"):gsub("/%./", "/"):gsub("^%./", ""):gsub("/%.$", ""):gsub("/$", "")
  return path == "" and "." or path
end

local function check_pattern(text, level)
  if type(text) ~= "string" then
    error("a pattern of files is a text such as \"inbox/*.csv\", got " .. type(text), level + 1)
  end
  local folder, pattern = glob.split(text)
  local matches, why
  if folder then matches, why = glob.compile(pattern) else why = pattern end
  if not matches or text:find("\0", 1, true) then
    error(("pattern '%s': %s"):format(text, why or "it has a NUL"), level + 1)
  end
  return { text = text, folder = folder, matches = matches }
end

local function check_patterns(given, level)
  local patterns = {}
  for i, text in ipairs(given) do patterns[i] = check_pattern(text, level + 1) end
  if #patterns == 0 then
    error('which files? iflow.files { "inbox/*.csv", done = "archive/", … }', level + 1)
  end
  return patterns
end

-- A file that was moved there would be taken again.
local function check_apart(checked, level)
  for _, pattern in ipairs(checked.patterns) do
    for _, name in ipairs { "done", "failed" } do
      if plain(pattern.folder) == plain(checked[name]) then
        error(("option '%s' is the directory of the pattern '%s'; files would be taken again")
          :format(name, pattern.text), level + 1)
      end
    end
  end
end

local function seconds(checked, name, least, most, level)
  local value = duration.check(checked[name], name, level + 1)
  if value < least or value > most then
    error(("option '%s' is from %s to %s"):format(name, duration.text(least), duration.text(most)),
      level + 1)
  end
  return value
end

local function name_of(pattern)
  local name = pattern.text:gsub("[^%w_%-]+", "-"):gsub("^[%-_]+", ""):gsub("%-+$", "")
  return name == "" and "files" or name:sub(-64):gsub("^[%-_]+", "")
end

--- The checked options, with `patterns`: { text, folder, matches(name) }. Raises `level` above the
-- caller.
function definition.check(given, level)
  if type(given) ~= "table" then
    error('a table is expected: iflow.files { "inbox/*.csv", done = "archive/", … }', level + 1)
  end
  local named = {}
  for key, value in pairs(given) do
    if math.type(key) ~= "integer" then named[key] = value end
  end
  local checked = options.check(named, known, level + 1)
  checked.patterns = check_patterns(given, level + 1)
  target.check(checked, level + 1)
  check_apart(checked, level + 1)
  checked.settle = seconds(checked, "settle", 0, SETTLE_MAX, level + 1)
  checked.rescan = seconds(checked, "rescan", RESCAN_MIN, RESCAN_MAX, level + 1)
  checked.name = checked.name or name_of(checked.patterns[1])
  target.check_name(checked.name, level + 1)
  return checked
end

return definition
