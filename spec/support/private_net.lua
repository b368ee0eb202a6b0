-- private_net.lua -- requests in a network of their own, whose hosts file, name server and servers
-- a spec describes (private_net.py does the work). Needs root.
--   local net = private_net.run {
--     zone = { ["two.example"] = { A = { "127.0.0.2", "127.0.0.3" } }, ["x.example"] = "silent" },
--     hosts = "…", options = "timeout:1", servers = { { host = "127.0.0.3", port = 8080 } },
--     deaf = { { "127.0.0.2", 8080 } }, calls = { { url = "http://two.example:8080/" } } }
--   net[1].status, net[1].body, net[1].code, net[1].took       of the first call
--   net.queries["two.example"]                                 how often it was asked for
local core = require "iflow.core"
local process = require "spec.support.process"

local private_net = {}

local function list(t) return core.json.array(t or {}) end

local function counted(text)
  local counts = {}
  for name in text:gmatch "[^\n]+" do counts[name] = (counts[name] or 0) + 1 end
  return counts
end

function private_net.run(world)
  local dir <close> = process.tempdir()
  local job = {
    dir = dir.path, hosts = world.hosts or "127.0.0.1 localhost\n::1 localhost\n",
    options = world.options or "timeout:5", zone = core.json.object(world.zone or {}),
    deaf = list(world.deaf), queries = dir:write("queries", ""),
    servers = list(world.servers), calls = list(world.calls),
  }
  local path = dir:write("job.json", assert(core.json.encode(job)))
  local result = process.run { "unshare", "-nm", "python3", "spec/support/private_net.py", path,
    process.lua, "spec/support/private_client.lua", path, dir:file "results" }
  if result.code ~= 0 or result.err ~= "" then error(result.err .. result.out, 2) end
  local results = assert(core.json.decode(dir:read "results"))
  results.queries = counted(dir:read "queries")
  return results
end

return private_net
