-- Lua 5.4 only; nothing of the project is a global.
std = "lua54"
max_line_length = 100
codes = true
exclude_files = { "build*/" }

files["spec"] = { std = "+busted" }
