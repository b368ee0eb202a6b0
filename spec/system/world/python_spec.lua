-- The client against Python's http.server over TLS.
local world = require "spec.support.world"

world.describe("Python's http.server", {
  start = function(root)
    local helper, ports = world.origin(root, "python3", "origin.py")
    return { ports = ports, helpers = { helper },
             log = function() return helper.dir:read "out" end }
  end,
  can = {
    length = "/text", chunked = "/chunked", trailers = "/trailers", extensions = "/extensions",
    until_close = "/until-close", cut = "/cut", head = { "/text" }, empty = "/empty",
    not_modified = "/text", interim = "/interim", gzip = "/gzip", deflate = "/deflate",
    raw_deflate = "/raw-deflate", headers = "/headers", split = "/split/", drip = "/drip",
    slow = { path = "/slow", bytes = 20 }, old = "old:/text",
    keep_alive = "/text", parallel = "/up/", close = "/close", limit = "limited:/text",
    idle_close = { get = "brief:/text", put = "brief:/up/" },
    upload = "/up/", continue = "/up/",
    continue_refused = { [413] = "/early/413", [401] = "/early/401", [503] = "/early/503/close" },
    expectation_failed = "/417/", continue_ignored = { "/ignored/", "/late/" },
    early = { { 413, "/early/413" }, { 413, "/early/413/close" }, { 401, "/early/401" },
              { 401, "/early/401/close" }, { 503, "/early/503" }, { 503, "/early/503/close" } },
    early_success = "/at-once/", early_success_cut = "/early/200/close",
    large_head = { path = "/text", status = 431 }, large = { up = "/up/", down = "/big" },
  },
  cannot = {
    announced = "it sends no Keep-Alive",
    close_unsaid = "it keeps connections, or says close",
  },
})
