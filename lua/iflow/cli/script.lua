-- script.lua -- loads a user's script as `iflow run`, `iflow test` and `iflow serve` do: strict
-- globals, its own directory the first of the places of require.
local errors = require "iflow.error"
local strict = require "iflow.strict"

local script = {}

local function failed(text, ...)
  return nil, errors { code = "script.failed", message = text:format(...) }
end

-- The file as a function with these globals, or nil, err.
local function load_with(env, path)
  local file, why = io.open(path, "rb")
  if not file then return nil, errors { code = "file.not_found", message = why } end
  local text, unreadable = file:read "a" -- once, for it may be a pipe
  file:close()
  if not text then
    return nil, errors { code = "usage.invalid", message = ("%s: %s"):format(path, unreadable),
      hint = "name the file of a script" }
  end
  local chunk
  text = text:gsub("^\u{FEFF}", ""):gsub("^#[^\n]*", "") -- as loadfile does
  chunk, why = load(text, "@" .. path, "t", env)
  if not chunk then return failed("%s", why) end
  return chunk
end

--- A function that runs the file with fresh globals, or nil, err. words: the script's table arg;
-- more: further globals.
function script.load(path, words, more)
  words[0] = path
  local declared = { arg = words }
  for name, value in pairs(more or {}) do declared[name] = value end
  return load_with(strict.environment(declared), path)
end

--- The same with the globals of the process, as the stock interpreter runs a file.
function script.load_plain(path, words)
  words[0] = path
  rawset(_G, "arg", words)
  return load_with(_G, path)
end

--- The directory of a script.
function script.dir(path) return path:match "^(.*)/" or "." end

--- Before the usual places, require() looks into the script's own directory.
function script.set_paths(path)
  local dir = script.dir(path)
  package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(dir, dir, package.path)
end

--- What a script returned -> exit code (nothing or true is 0, false is 1), or nil, err.
function script.result(first, second)
  if first == nil and second ~= nil then return nil, errors.wrap(second, "script.failed") end
  if first == nil or first == true then return 0 end
  if first == false then return 1 end
  if math.type(first) == "integer" and first >= 0 and first <= 255 then return first end
  return failed("the script returned %s; its result is an exit code: an integer from 0 to 255",
    math.type(first) and tostring(first) or "a " .. type(first))
end

--- name=value words -> a table, or nil, err: what --set gives.
function script.values(words)
  local values = {}
  for _, word in ipairs(words or {}) do
    local name, value = word:match "^([%a_][%w_%-]*)=(.*)$"
    if not name then
      return nil, errors { code = "usage.invalid", message = ("--set takes NAME=VALUE, got '%s'")
        :format(word) }
    end
    values[name] = value
  end
  return values
end

return script
