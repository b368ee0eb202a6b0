-- csv.lua -- CSV into records: MB a second of CPU. With names (a table of ten fields a record), and
-- as lists.
local clients = require "scripts.benchmarks.lib.clients"
local transforms = require "scripts.benchmarks.lib.transforms"

local function row(kind, names)
  local id = "csv." .. kind
  return { id = id, run = function(bench)
    local path, bytes = transforms.csv(bench, bench:size(50000, 20000, 1000))
    local seconds = bench:size(1, 0.3, 0.02)
    local python = clients.python_with(bench, "csv")
    local peers = { { name = kind == "names" and "python DictReader" or "python csv.reader",
      missing = not python, run = python and transforms.printed(bench, { python,
        bench.file "peers/python_lib.py", kind, path, seconds }) } }
    if names then
      peers[2] = { name = "Miller", missing = not bench:has "mlr",
        run = transforms.timed(bench, { "mlr", "--icsv", "--ojson", "nothing", path }, bytes) }
    end
    bench:versus { id = id, unit = "MB/s", peers = peers, ours = transforms.printed(bench,
      { "lua5.4", bench.file "peers/csv_lib.lua", kind, path, seconds }),
      goals = { [peers[1].name] = { at_least = 1 }, Miller = { at_least = 1 } } }
  end }
end

return { row("names", true), row("lists", false) }
