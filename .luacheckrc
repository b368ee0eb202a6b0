-- Lua 5.4 only; nothing of the project is a global.
std = "lua54"
max_line_length = 100
codes = true
exclude_files = { "build*/", "spec/support/tree/" }

files["spec"] = { std = "+busted" }
-- `iflow run` gives a script strict globals and `arg`.
files["scripts/senders"] = { read_globals = { "arg" } }
