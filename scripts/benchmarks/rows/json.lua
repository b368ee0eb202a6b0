-- json.lua -- JSON between text and Lua tables: MB a second of CPU, documents of about 1 KiB.
-- jq's figures are those of `jq empty` (reads) and of `jq -c .` without it (writes).
local transforms = require "scripts.benchmarks.lib.transforms"

local function library(bench, name, operation, path)
  return transforms.printed(bench, { "lua5.4", bench.file "peers/json_lib.lua", name, operation,
    path, bench:size(1, 0.3, 0.02) })
end

local function jq(bench, operation, path, bytes)
  if operation == "decode" then return transforms.timed(bench, { "jq", "empty", path }, bytes) end
  return transforms.timed(bench, { "jq", "-c", ".", path }, bytes, { "jq", "empty", path })
end

local function row(operation)
  local id = "json." .. operation
  return { id = id, run = function(bench)
    local path, bytes = transforms.json_lines(bench)
    local peers = { { name = "jq", missing = not bench:has "jq",
      run = jq(bench, operation, path, bytes) } }
    for i, name in ipairs { "cjson", "dkjson" } do
      table.insert(peers, i, { name = name == "cjson" and "lua-cjson" or name,
        missing = not bench.succeeds(("lua5.4 -e 'require %q'"):format(name)),
        run = library(bench, name, operation, path) })
    end
    bench:versus { id = id, unit = "MB/s", ours = library(bench, "iflow", operation, path),
      peers = peers, goals = { ["lua-cjson"] = { at_least = 1 }, dkjson = { at_least = 1 },
        jq = { at_least = 1 } } }
  end }
end

return { row "encode", row "decode" }
