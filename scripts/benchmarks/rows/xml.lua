-- xml.lua -- XML into Lua tables: MB a second of CPU, against LuaExpat's tree (lxp.lom) and
-- Python's ElementTree.
local clients = require "scripts.benchmarks.lib.clients"
local transforms = require "scripts.benchmarks.lib.transforms"

return { { id = "xml.decode", run = function(bench)
  local path = transforms.xml(bench)
  local seconds = bench:size(1, 0.3, 0.02)
  local function library(name)
    return transforms.printed(bench, { "lua5.4", bench.file "peers/xml_lib.lua", name, path,
      seconds })
  end
  local python = clients.python_with(bench, "xml.etree.ElementTree")
  bench:versus { id = "xml.decode", unit = "MB/s", ours = library "iflow", peers = {
    { name = "LuaExpat", missing = not bench.succeeds "lua5.4 -e 'require \"lxp.lom\"'",
      run = library "lxp" },
    { name = "python ElementTree", missing = not python, run = python and transforms.printed(bench,
      { python, bench.file "peers/python_lib.py", "xml", path, seconds }) },
  }, goals = { LuaExpat = { at_least = 1 }, ["python ElementTree"] = { at_least = 1 } } }
end } }
