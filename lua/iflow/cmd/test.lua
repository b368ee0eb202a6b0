-- test.lua -- iflow test SCRIPT: runs the tests that stand next to a script's senders, against an
-- embedded sandbox tenant.
local core = require "iflow.core"
local errors = require "iflow.error"
local junit = require "iflow.test.junit"
local registry = require "iflow.registry"
local runner = require "iflow.test.runner"
local scripts = require "iflow.cli.script"

-- Runs the script with a registry of its own, which it returns; raises what is wrong with it.
local function loader(args, values)
  return function()
    local defined = registry.new(values)
    registry.install(defined)
    local chunk, err = scripts.load(args.script, table.move(args.arg, 1, #args.arg, 1, {}))
    if not chunk then error(err, 0) end
    chunk(table.unpack(args.arg))
    return defined
  end
end

local function chosen(tests, filter)
  local list = {}
  for i, test in ipairs(tests) do
    if not filter or test.name:find(filter, 1, true) then list[#list + 1] = i end
  end
  return list
end

local function show_failures(out, results)
  for _, result in ipairs(results) do
    if result.failure then
      out:print(("\nFailure -> %s @ %d\n%s\n%s"):format(result.file, result.line, result.name,
        result.failure.text))
      if result.log ~= "" then out:print("log:\n" .. result.log:gsub("\n$", "")) end
    end
  end
end

local function values_of(results)
  local list = {}
  for i, result in ipairs(results) do
    list[i] = { name = result.name, file = result.file, line = result.line,
      seconds = result.seconds, passed = result.failure == nil,
      failure = result.failure and result.failure.text }
  end
  return list
end

local function count_failed(results)
  local failed = 0
  for _, result in ipairs(results) do failed = failed + (result.failure and 1 or 0) end
  return failed
end

local function report(args, out, results)
  local failed = count_failed(results)
  out:result(function()
    io.stdout:write "\n"
    out:print(("%d successes / %d failures"):format(#results - failed, failed))
    show_failures(out, results)
  end, { tests = core.json.array(values_of(results)), failed = failed })
  if args.junit then
    local ok, err = core.file.write(args.junit, junit(args.script, results), "0644")
    if not ok then return nil, err end
  end
  return failed > 0 and 1 or 0
end

-- Tells, when something ends the whole run, what is known by then.
local function last_words(out, results, names)
  return setmetatable({}, { __close = function()
    if #results == #names then return end
    if not out.json_mode then
      io.stdout:write "\n"
      show_failures(out, results)
    end
    out:note(("the run ended within the test '%s', after %d of %d tests"):format(
      names[#results + 1], #results, #names))
  end })
end

local function run_all(load, tests, numbers, out)
  local running <close>, err = runner.open()
  if not running then return nil, err end
  local results, names = {}, {}
  for i, number in ipairs(numbers) do names[i] = tests[number].name end
  local _ <close> = last_words(out, results, names)
  for i, number in ipairs(numbers) do
    results[i] = running:run(load, number)
    if not out.json_mode then
      io.stdout:write(results[i].failure and "-" or "+")
      io.stdout:flush()
    end
  end
  return results
end

local function run(args, out)
  local values, err = scripts.values(args.set)
  if not values then return nil, err end
  scripts.set_paths(args.script)
  local load = loader(args, values)
  local ok, defined = pcall(load)
  if not ok then return nil, errors.wrap(defined, "script.failed") end
  local numbers = chosen(defined.tests, args.filter)
  if #numbers == 0 then
    return nil, errors { code = "usage.invalid",
      message = args.filter and ("no test of the script has '%s' in its name"):format(args.filter)
        or "the script has no tests",
      hint = "write them next to its senders: iflow.test(\"name\", function(t) … end)" }
  end
  local results
  results, err = run_all(load, defined.tests, numbers, out)
  if not results then return nil, err end
  return report(args, out, results)
end

return {
  name = "test",
  summary = "run the tests of a script against the sandbox",
  description = "Runs the tests that stand in SCRIPT, iflow.test(\"name\", function(t) … end), "
    .. "each with a fresh copy of the script and an empty sandbox tenant, which all senders go to, "
    .. "whatever service key they name. Waits of retries, rates and pauses cost no time. Prints a "
    .. "+ or a - for each test, and what a failed one logged; the exit code is 1 when one failed.",
  arguments = { { "script", help = "the Lua file" } },
  rest = { "arg", owner = "the script", help = "arguments of the script, its table arg" },
  options = {
    { "--filter", value = "TEXT", help = "only tests with this text in their names" },
    { "--junit", value = "FILE", help = "write the results as JUnit XML, too" },
    { "--set", value = "NAME=VALUE", multiple = true,
      help = "a value for the script, its iflow.args.NAME" },
  },
  error_code = "script.failed",
  run = run,
}
