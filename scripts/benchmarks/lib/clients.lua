-- clients.lua -- programs that post the same message many times, with the same interface: command,
-- a function (count, width, mode) that returns what to run, and missing, true when not installed.
local clients = {}

local function quoted(text) return ('"%s"'):format((text:gsub('[\\"]', "\\%0"))) end

-- The directory with the npm package: where scripts/setup put it, or $BENCH_PEERS.
local function node_package(bench, name)
  if not bench:has "node" then return nil end
  for _, dir in ipairs { "build/undici", "build/cloud-sdk", "build/newman",
    os.getenv "BENCH_PEERS" } do
    local pipe <close> = io.popen(("realpath -e %s/node_modules/%s/../.. 2>/dev/null"):format(dir,
      name))
    local found = pipe:read "l"
    if found then return found:gsub("/node_modules$", ""), nil end
  end
end

-- The interpreter for lua-http, which Debian packs for Lua 5.1 to 5.3.
local function lua_for(bench, module)
  for _, lua in ipairs { "lua5.4", "lua5.3", "luajit", "lua5.1" } do
    if bench:has(lua) and bench.succeeds(("%s -e 'require %q'"):format(lua, module)) then
      return lua
    end
  end
end

-- A Python that has the module; the distribution's first.
local function python_with(bench, module)
  for _, python in ipairs { "/usr/bin/python3", "python3" } do
    if bench:has(python) and bench.succeeds(("%s -c 'import %s'"):format(python, module)) then
      return python
    end
  end
end
clients.python_with, clients.lua_for = python_with, lua_for

function clients.iflow(bench)
  local to = bench:endpoint()
  return { name = "iflow", command = function(count, width, mode)
    return { bench:iflow(), "run", "--service-key", to.key, "--cacert", to.cacert, "--token-cache",
      "off", bench.file "peers/iflow_send.lua", "--", count, width, mode, to.body }
  end }
end

--- wrk counts what it did in some seconds: seconds instead of a number of messages.
function clients.wrk(bench)
  local to = bench:endpoint()
  return { name = "wrk", missing = not bench:has "wrk", command = function(seconds, width)
    return { "wrk", "-t1", "-c" .. width, ("-d%ds"):format(seconds), "-s",
      bench.file "peers/wrk.lua", to.url .. "/http/orders", "--", to.body, to.dir .. "/token" }
  end }
end

local function environment(to, more)
  local env = { CACERT = to.cacert, BODY = to.body, TOKEN = to.dir .. "/token" }
  for name, value in pairs(more or {}) do env[name] = value end
  return env
end

--- Builds peers/NAME.go once, as the program NAME in the work directory.
function clients.build_go(bench, name)
  local program = ("%s/%s"):format(bench.work, name)
  if bench.succeeds("test -x " .. program) then return end
  local line = ("GOCACHE=%s/go-cache GO111MODULE=off go build -o %s %s"):format(bench.work, program,
    bench.file(("peers/%s.go"):format(name)))
  assert(bench.succeeds(line), line)
end

function clients.go(bench)
  local to, program = bench:endpoint(), bench.work .. "/nethttp"
  if bench:has "go" then clients.build_go(bench, "nethttp") end
  local function command(count, width, mode)
    return { program, to.url .. "/http/orders", count, width, mode, env = environment(to) }
  end
  return { name = "Go net/http", missing = not bench:has "go", command = command }
end

local function of_node(bench, name, library, package)
  local to, peers = bench:endpoint(), node_package(bench, package)
  return { name = name, missing = not peers, command = function(count, width, mode)
    return { "node", bench.file "peers/node.mjs", library, to.url .. "/http/orders", count, width,
      mode, env = environment(to, { PEERS = peers }) }
  end }
end

function clients.undici(bench) return of_node(bench, "undici", "undici", "undici") end

function clients.sap(bench)
  return of_node(bench, "SAP Cloud SDK", "sap", "@sap-cloud-sdk/http-client")
end

function clients.requests(bench)
  local to, python = bench:endpoint(), python_with(bench, "requests")
  return { name = "python requests", missing = not python, command = function(count, width, mode)
    return { python, bench.file "peers/requests_post.py", to.url .. "/http/orders", count, width,
      mode, env = environment(to) }
  end }
end

function clients.lua_http(bench)
  local to, lua = bench:endpoint(), lua_for(bench, "http.client")
  return { name = "lua-http", missing = not lua, command = function(count, width)
    return { lua, bench.file "peers/lua_http.lua", to.port, count, width, env = environment(to) }
  end }
end

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
  return path
end

--- What curl's configuration file says of the request: headers, body, root.
function clients.curl_config(bench)
  local to, lines = bench:endpoint(), { "silent", "show-error", "fail", "output = /dev/null" }
  lines[#lines + 1] = "cacert = " .. quoted(to.cacert)
  lines[#lines + 1] = "data-binary = " .. quoted("@" .. to.body)
  for _, header in ipairs { "Authorization: Bearer " .. to.token, "Content-Type: application/json",
    "Accept: application/json", "SAP_ApplicationID: 01890a5d-ac96-774b-bcce-b302099a8057" } do
    lines[#lines + 1] = "header = " .. quoted(header)
  end
  return write(bench.work .. "/curl.conf", table.concat(lines, "\n") .. "\n")
end

function clients.curl(bench)
  local to, config = bench:endpoint(), clients.curl_config(bench)
  return { name = "curl -Z", missing = not bench:has "curl", command = function(count, width)
    return { "curl", "-K", config, "-Z", "--parallel-max", width,
      ("%s/http/orders?n=[1-%d]"):format(to.url, count) }
  end }
end

local COLLECTION = [[{"info":{"name":"b","schema":
"https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},"item":[{"name":"post",
"request":{"method":"POST","url":%s,"header":[{"key":"Authorization","value":%s},
{"key":"Content-Type","value":"application/json"},{"key":"Accept","value":"application/json"},
{"key":"SAP_ApplicationID","value":"01890a5d-ac96-774b-bcce-b302099a8057"}],
"body":{"mode":"raw","raw":%s}}}]}]]

--- newman sends one message after the other, which is all that it can.
function clients.newman(bench)
  local core = require "iflow.core"
  local to, peers = bench:endpoint(), node_package(bench, "newman")
  local file = io.open(to.body, "rb")
  local collection = write(bench.work .. "/collection.json", COLLECTION:format(
    core.json.encode(to.url .. "/http/orders"), core.json.encode("Bearer " .. to.token),
    core.json.encode(file:read "a")))
  file:close()
  return { name = "newman", missing = not peers, command = function(count)
    return { "node", peers .. "/node_modules/newman/bin/newman.js", "run", collection, "-n", count,
      "--ssl-extra-ca-certs", to.cacert, "--silent" }
  end }
end

return clients
