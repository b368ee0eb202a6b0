-- main.lua -- scripts/bench: picks the rows, runs them one after the other, and writes what was
-- measured.
local bench = require "scripts.benchmarks.lib.bench"
local report = require "scripts.benchmarks.lib.report"

local USAGE = [[
usage: scripts/bench [--quick] [--json FILE] [--plot FILE] [--markdown] [--list] [ROW…]

  (nothing)      every row, in less than 15 minutes on 2 processors
  ROW…           only the rows with these ids, or whose ids begin so: sustained, cold.run
  --quick        fewer rounds and smaller sizes, in less than 3 minutes
  --json FILE    writes a list of {"id", "value", "unit", "ratio_to", "ratio"}
  --plot FILE    draws the ratios as SVG
  --markdown     prints the table for README
  --list         prints the ids of the rows

A ratio is iflow's figure to the other's: below 1 is better where the unit is a cost, above 1 where
it is something per second. What is not installed is said to be; scripts/setup --bench installs it.
Say IFLOW_BUILD=DIR to measure that build instead of building, and IFLOW_STATIC_BUILD=DIR for the
rows of a build with -DIFLOW_STATIC=ON.
]]

-- In the order of the table.
local FILES = { "sustained", "cold", "memory", "latency", "outbox", "pipeline",
  "json", "csv", "xml", "token", "growth", "sandbox" }

local function usage(problem)
  io.stderr:write("scripts/bench: ", problem, "\n", USAGE)
  os.exit(2)
end

local function parse(args)
  local options, i = { rows = {} }, 1
  while args[i] do
    local name = args[i]:match "^%-%-(.+)$"
    if name == "help" or args[i] == "-h" then
      io.write(USAGE)
      os.exit(0)
    elseif name == "quick" or name == "tiny" or name == "markdown" or name == "list" then
      options[name] = true
    elseif name == "json" or name == "plot" then
      i = i + 1
      options[name] = args[i] or usage(("--%s needs a file"):format(name))
    elseif args[i]:sub(1, 1) == "-" then
      usage("no such option: " .. args[i])
    else
      options.rows[#options.rows + 1] = args[i]
    end
    i = i + 1
  end
  return options
end

-- Whether the id was asked for, by itself or by what it begins with.
local function wanted(id, rows)
  for _, row in ipairs(rows) do
    if id == row or id:sub(1, #row + 1) == row .. "." then return true end
  end
  return #rows == 0
end

-- { id =, run = function(bench) } of every row that was asked for.
local function rows_of(options)
  local list, known = {}, {}
  for _, file in ipairs(FILES) do
    for _, row in ipairs(require("scripts.benchmarks.rows." .. file)) do
      if wanted(row.id, options.rows) then list[#list + 1] = row end
      known[#known + 1] = row.id
    end
  end
  if #list == 0 then usage("no such row; there are " .. table.concat(known, ", ")) end
  return list
end

local function save(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

local function write(options, entries)
  if options.json then save(options.json, report.json(entries)) end
  if options.plot then save(options.plot, report.svg(entries)) end
  io.write(options.markdown and report.markdown(entries) or report.text(entries))
end

local options = parse(arg)
local rows = rows_of(options)
if options.list then
  for _, row in ipairs(rows) do print(row.id) end
  os.exit(0)
end

local run, failed = bench.new(options), false
for _, row in ipairs(rows) do
  local began = os.time()
  io.stderr:write(row.id, "\n")
  local ok, err = xpcall(row.run, debug.traceback, run)
  if not ok then
    failed = true
    io.stderr:write("scripts/bench: ", row.id, ": ", tostring(err), "\n")
  end
  io.stderr:write(("  (%d s)\n"):format(os.time() - began))
end
write(options, run.entries)
os.exit(failed and 1 or 0)
