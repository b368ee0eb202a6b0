-- The client against HAProxy: answers of its own, and what it passes on from Node.
local process = require "spec.support.process"
local world = require "spec.support.world"

local function fields()
  local lines = {}
  for i = 1, 66 do
    lines[i] = ("  http-after-response set-header X-%d %s if { var(txn.many) -m bool }"):format(i,
      ("%d"):format(i % 10):rep(1000))
  end
  return table.concat(lines, "\n")
end

world.describe("HAProxy", {
  start = function(root)
    local node, origin = world.node(root)
    local ports = world.ports { "main", "brief", "closing" }
    local conf = world.configure(root, "haproxy.cfg", {
      main = ports.main, brief = ports.brief, closing = ports.closing,
      upstream = origin.plain, headers = fields(),
    })
    local helper = process.start { "haproxy", "-db", "-f", conf }
    process.wait_port(ports.brief, helper)
    return { ports = ports, helpers = { helper, node },
             log = function() return helper.dir:read "out" end }
  end,
  can = {
    length = "/text", chunked = "/chunked", trailers = "/trailers", until_close = "/until-close",
    head = { "/text", "/chunked", "/zipped/text" }, empty = "/empty", not_modified = "/text",
    interim = "/hinted", gzip = "/zipped/chunked", deflate = "/deflated/chunked",
    raw_deflate = "/raw-deflate", headers = "/headers", slow = { path = "/slow", bytes = 20 },
    keep_alive = "/text", parallel = "/up/", close = "closing:/text",
    idle_close = { get = "brief:/text", put = "brief:/up/" },
    upload = "/up/", continue = "/up/",
    continue_refused = { [413] = "/early/413", [401] = "/early/401", [503] = "/early/503" },
    expectation_failed = "/417/", continue_ignored = { "/ignored/", "/late/" },
    early = { { 413, "/early/413" }, { 401, "/early/401" }, { 503, "/early/503" },
              { 413, "/node/early/413" }, { 503, "/node/early/503" } },
    large_head = { path = "/text", status = 400 }, large = { up = "/up/", down = "/big" },
  },
  cannot = {
    extensions = "it writes none, and drops those of a server",
    cut = "it says close_notify",
    split = "its answers go out in pieces of its own choice",
    drip = "its answers go out in pieces of its own choice",
    old = "it answers with HTTP/1.1 only",
    limit = "it has no such limit",
    announced = "it sends no Keep-Alive",
    early_success_cut = "when its server goes away, it is chance whether it passes the answer on",
    early_success = "it stops passing a body on when the server has answered",
    close_unsaid = "it keeps connections, or says close",
  },
})
