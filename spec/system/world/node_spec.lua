-- The client against Node's https.
local world = require "spec.support.world"

world.describe("Node", {
  start = function(root)
    local helper, ports = world.node(root)
    return { ports = ports, helpers = { helper },
             log = function() return helper.dir:read "out" end }
  end,
  can = {
    length = "/text", chunked = "/chunked", trailers = "/trailers", extensions = "raw:/extensions",
    until_close = "/until-close", head = { "/text", "/chunked", "/gzip" }, empty = "/empty",
    not_modified = "/text", interim = "/interim", gzip = "/gzip", deflate = "/deflate",
    raw_deflate = "/raw-deflate",
    headers = "/headers", split = "raw:/split/", drip = "raw:/drip",
    slow = { path = "/slow", bytes = 20 },
    keep_alive = "/text", parallel = "/up/", close = "/close", limit = "limited:/text",
    announced = "announced:/text", idle_close = { get = "brief:/text", put = "brief:/up/" },
    upload = "/up/", continue = "/up/",
    continue_refused = { [413] = "/early/413", [401] = "/early/401", [503] = "/early/503/close" },
    expectation_failed = "/417/", continue_ignored = { "/ignored/", "/late/" },
    early = { { 413, "/early/413" }, { 413, "/early/413/close" }, { 401, "/early/401" },
              { 401, "/early/401/close" }, { 503, "/early/503" }, { 503, "/early/503/close" } },
    early_success = "/at-once/", early_success_cut = "/early/200/close",
    large_head = { path = "/text", status = 431 }, large = { up = "/up/", down = "/big" },
  },
  cannot = {
    cut = "it says close_notify whenever it ends an answer",
    old = "it answers with HTTP/1.1 only",
    close_unsaid = "it keeps connections, or says close",
  },
})
