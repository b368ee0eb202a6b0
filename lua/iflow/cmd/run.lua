-- run.lua -- iflow run SCRIPT: executes a Lua script inside iflow.run, with strict globals. The
-- exit code is what the script returns (an integer; nothing or true is 0, false is 1), or that of
-- the error it returned as `nil, err` or did not catch.
local errors = require "iflow.error"
local strict = require "iflow.strict"
local tenants = require "iflow.cli.tenant"

local function failed(text, ...)
  return nil, errors { code = "script.failed", message = text:format(...) }
end

local function load_script(path, words)
  local file, why = io.open(path, "rb")
  if not file then return nil, errors { code = "file.not_found", message = why } end
  file:close()
  words[0] = path
  local chunk
  chunk, why = loadfile(path, "t", strict.environment { arg = words })
  if not chunk then return failed("%s", why) end
  return chunk
end

-- Beside the usual places, require() finds what lies in the script's own directory.
local function set_paths(path)
  local dir = path:match "^(.*)/" or "."
  package.path = ("%s;%s/?.lua;%s/?/init.lua"):format(package.path, dir, dir)
end

-- What the script returned -> exit code, or nil, err.
local function result_of(first, second)
  if first == nil and second ~= nil then return nil, errors.wrap(second, "script.failed") end
  if first == nil or first == true then return 0 end
  if first == false then return 1 end
  if math.type(first) == "integer" and first >= 0 and first <= 255 then return first end
  return failed("the script returned %s; its result is an exit code: an integer from 0 to 255",
    math.type(first) and tostring(first) or "a " .. type(first))
end

local function run(args, out)
  local chunk, err = load_script(args.script, args.arg)
  if not chunk then return nil, err end
  set_paths(args.script)
  require "iflow.tenant".defaults = tenants.settings(args, out)
  return result_of(chunk(table.unpack(args.arg)))
end

return {
  name = "run",
  summary = "run a Lua script once",
  description = "Runs SCRIPT, a plain Lua 5.4 script that may wait: iflow.tenant and its calls, "
    .. "iflow.sleep and so on work without further ado. Undeclared globals are errors. What the "
    .. "script does not tell iflow.tenant itself comes from the tenant options. The exit code is "
    .. "the integer the script returns, or that of the error it ends with.",
  arguments = { { "script", help = "the Lua file" } },
  rest = { "arg", owner = "the script", help = "arguments of the script, its table arg" },
  options = tenants.with {},
  error_code = "script.failed",
  run = run,
}
