-- Lua 5.4 only; nothing of the project is a global.
std = "lua54"
max_line_length = 100
codes = true
exclude_files = { "build*/" }

files["spec"] = { std = "+busted" }
-- Annotations for editors: declarations without bodies.
files["lua/iflow/meta"] = { ignore = { "212", "241", "331", "411", "431" } }
files["scripts/benchmarks/peers/wrk.lua"] = { globals = { "init", "done", "wrk" } }
