-- The client against nginx: its own files and uploads, and what it passes on from Node.
local process = require "spec.support.process"
local world = require "spec.support.world"

local function fields()
  local lines = {}
  for i = 1, 66 do lines[i] = ("add_header X-%d %s;"):format(i, ("%d"):format(i % 10):rep(1000)) end
  return table.concat(lines, "\n")
end

world.describe("nginx", {
  start = function(root)
    local node, origin = world.node(root)
    local ports = world.ports { "main", "brief", "limited" }
    local conf = world.configure(root, "nginx.conf", {
      main = ports.main, brief = ports.brief, limited = ports.limited, upstream = origin.plain,
      headers = fields(),
    })
    local helper = process.start { "nginx", "-p", root.dir.path, "-e", "stderr", "-c", conf }
    process.wait_port(ports.limited, helper)
    return { ports = ports, helpers = { helper, node },
             log = function() return root.dir:read "access.log" end }
  end,
  can = {
    length = "/text", chunked = "/node/chunked", trailers = "/trailers/text",
    until_close = "/until-close", head = { "/text", "/zipped/text", "/node/chunked" },
    empty = "/empty", not_modified = "/text", gzip = "/zipped/text", deflate = "/node/deflate",
    raw_deflate = "/node/raw-deflate", headers = "/headers/text",
    slow = { path = "/slow", bytes = 6000 },
    keep_alive = "/text", parallel = "/up/", close = "/close/text", limit = "limited:/text",
    announced = "/announced/text", idle_close = { get = "brief:/text", put = "brief:/up/" },
    upload = "/up/", continue = "/up/",
    continue_refused = { [413] = "/early/413", [401] = "/early/401", [503] = "/early/503" },
    expectation_failed = "/417/",
    early = { { 413, "/early/413" }, { 401, "/early/401" }, { 401, "/early/401/close" },
              { 503, "/early/503" }, { 503, "/early/503/close" },
              { 413, "/node/early/413" }, { 401, "/node/early/401" } },
    large_head = { path = "/text", status = 400 }, large = { up = "/up/", down = "/big" },
  },
  cannot = {
    extensions = "it writes none, and drops those of an upstream",
    cut = "it says close_notify",
    interim = "it drops those of an upstream, and sends 100 only when asked for it",
    split = "its answers go out in pieces of its own choice",
    drip = "its answers go out in pieces of its own choice",
    old = "it answers with HTTP/1.1 only",
    continue_ignored = "it grants or refuses every Expect",
    early_success = "it stops passing a body on when the upstream has answered",
    early_success_cut = "it reads on after an answer of its own, within lingering_time",
    close_unsaid = "it keeps connections, or says close",
  },
})
