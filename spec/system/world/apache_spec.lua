-- The client against Apache httpd: files, WebDAV for uploads, CGI for bodies without a length.
local process = require "spec.support.process"
local world = require "spec.support.world"

local MODULES = "/usr/lib/apache2/modules"

local function fields()
  local lines = {}
  for i = 1, 66 do
    lines[i] = ("Header set X-%d %s"):format(i, ("%d"):format(i % 10):rep(1000))
  end
  return table.concat(lines, "\n")
end

--- A script without a length; that it also flushes in between makes chunks.
local function add_script(root)
  local path = root.dir:write("cgi/text", ("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n" ..
    "head -c 5000 %s\nsleep 0.02\ntail -c +5001 %s\n"):format(root.dir:file "www/text",
    root.dir:file "www/text"))
  assert(os.execute("chmod 755 " .. process.quote(path)))
end

--- Started by root it goes on as somebody else, and must be told as whom.
local function user_of()
  local root = process.run({ "id", "-u" }).out == "0\n"
  return root and "User www-data\nGroup www-data" or ""
end

world.describe("Apache", {
  start = function(root)
    add_script(root)
    local ports = world.ports { "main", "brief", "limited" }
    local conf = world.configure(root, "apache.conf", {
      main = ports.main, brief = ports.brief, limited = ports.limited, modules = MODULES,
      user = user_of(), headers = fields(),
    })
    local helper = process.start { "apache2", "-DFOREGROUND", "-f", conf }
    process.wait_port(ports.limited, helper)
    return { ports = ports, helpers = { helper },
             log = function() return root.dir:read "access.log" end }
  end,
  can = {
    length = "/text", chunked = "/cgi/text", until_close = "/until-close",
    head = { "/text", "/zipped/text", "/cgi/text" }, empty = "/empty", not_modified = "/text",
    gzip = "/zipped/text", headers = "/headers/text", slow = { path = "/slow/slow", bytes = 6000 },
    keep_alive = "/text", parallel = "/up/", close = "/close", limit = "limited:/text",
    idle_close = { get = "brief:/text", put = "brief:/up/" },
    upload = "/up/", continue = "/up/",
    continue_refused = { [413] = "/early/413/x", [401] = "/early/401/x", [503] = "/early/503" },
    expectation_failed = "/417/",
    early = { { 413, "/early/413/x" }, { 413, "/early/413/close" } }, -- others it sends late
    large_head = { path = "/text", status = 400 }, large = { up = "/up/", down = "/big" },
  },
  cannot = {
    trailers = "it writes none of its own over HTTP/1.1",
    extensions = "it writes none",
    cut = "it says close_notify",
    interim = "it sends 100 only when asked for it, and hints over HTTP/2 alone",
    deflate = "its mod_deflate speaks gzip",
    raw_deflate = "its mod_deflate speaks gzip",
    old = "it answers with HTTP/1.1 only",
    split = "its answers go out in pieces of its own choice",
    drip = "its answers go out in pieces of its own choice",
    announced = "it announces to who says Connection: keep-alive, which HTTP/1.1 need not",
    continue_ignored = "it grants or refuses every Expect",
    early_success = "it gives a script the whole body before it reads its answer",
    early_success_cut = "it gives a script the whole body before it reads its answer",
    close_unsaid = "it keeps connections, or says close",
  },
})
