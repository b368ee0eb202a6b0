-- The rock: installed without a network from the files of the project into an empty tree, then used
-- by a ten-line program in stock lua5.4, which gets a token and makes a call, and by the command
-- that it brings. The tag keeps it out of sanitizer runs: nothing in it is built with them.
local async = require "spec.support.async"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"
local tree = require "spec.support.tree"

local program = [[
local iflow = require "iflow"
iflow.run(function()
  local tenant = assert(iflow.tenant { service_key = arg[1], cacert = arg[2], token_cache = false })
  local token = assert(tenant:token())
  assert(token.expires_at > os.time())
  local answer = assert(tenant:call { to = "/http/orders", body = "an order" })
  print(answer.outcome, answer.status)
  tenant:close()
end)
]]

-- Only what belongs to the project is copied: the rock must not live on leftovers of a build.
local function copy_project(dir)
  local target = dir:file "project"
  local list = dir:write("files", table.concat(tree.files(), "\n") .. "\n")
  local result = process.run { "sh", "-c", 'mkdir "$1" && tar -c -T "$2" | tar -x -C "$1"', "sh",
                               target, list }
  assert(result.code == 0, result.err)
  return target
end

-- A compiler that does not optimize, since what its optimizations make is what all other specs run.
local function quick_compiler(dir)
  local path = dir:write("quick-cc", '#!/bin/sh\nexec cc "$@" -O0\n')
  assert(os.execute("chmod 755 " .. path))
  return path
end

-- By the command that README.md gives, with a home directory of its own: the tree's path.
local function install(dir)
  local command = assert(process.read "README.md"):match "\n(luarocks [^\n]+)\n"
  local result = process.run {
    "unshare", "--net", "bash", "-c", command, dir = copy_project(dir), timeout = 300,
    env = { CMAKE_GENERATOR = "Ninja", HOME = dir.path, CC = quick_compiler(dir) },
  }
  assert(result.code == 0, result.out .. result.err)
  return dir:file ".luarocks"
end

-- The paths of the files below a directory, sorted.
local function files_below(path)
  local list = {}
  for name in process.run({ "find", path, "-type", "f", "-printf", "%P\n" }).out:gmatch "[^\n]+" do
    list[#list + 1] = name
  end
  table.sort(list)
  return list
end

local function assert_files(root)
  local expected = {}
  for _, path in ipairs(tree.files()) do expected[#expected + 1] = path:match "^lua/(.*)$" end
  table.sort(expected)
  assert.same(expected, files_below(root .. "/share/lua/5.4"))
  assert.same({ "iflow/core.so" }, files_below(root .. "/lib/lua/5.4"))
  assert.same({ "iflow" }, files_below(root .. "/bin"))
end

local function assert_program(root, land)
  local run = process.run {
    "lua5.4", land.dir:write("program.lua", program), land:key "secret".path, land.cacert,
    dir = "/", env = {
      LUA_PATH = root .. "/share/lua/5.4/?.lua;" .. root .. "/share/lua/5.4/?/init.lua",
      LUA_CPATH = root .. "/lib/lua/5.4/?.so",
    },
  }
  assert.equal("delivered\t200\n", run.out, run.err)
  assert.equal(0, run.code)
end

-- The command, in a directory that is not ours: what it says to standard output.
local function command(root, land, code, ...)
  local result = process.run { root .. "/bin/iflow", dir = land.dir.path, env = {
    HOME = land.dir.path, LUA_PATH = ";;", LUA_CPATH = ";;",
    IFLOW_SERVICE_KEY = land:key "secret".path, IFLOW_CACERT = land.cacert }, ... }
  assert.equal(code, result.code, result.out .. result.err)
  return result.out
end

local script = [[
local iflow = require "iflow"
iflow.sender "orders" { to = "/http/orders" }
]]

local function assert_command(root, land)
  local version = require "iflow".version
  assert.equal("iflow " .. version .. "\n", command(root, land, 0, "--version"))
  assert.matches("\n  serve ", command(root, land, 0, "--help"))
  assert.matches("^{.*an order", command(root, land, 0, "call", "/http/orders", "-d", "an order"))
  local path = land.dir:write("orders.lua", script)
  local input = land.dir:write("in", "an order")
  assert.matches("^orders: 1 delivered, ",
    command(root, land, 0, "run", path, "--sender", "orders", "--input", input))
  command(root, land, 7, "run", land.dir:write("seven.lua", "require 'iflow'.sleep(0) return 7"))
  command(root, land, 2, "run", land.dir:write("typo.lua", "return undeclared"))
  command(root, land, 2, "nonsense")
end

-- It starts itself again, and ends by a signal as the binary does.
local function assert_service(root, land)
  local dir = land.dir:file "tenant"
  command(root, land, 0, "sandbox", "start", "--dir", dir, "--detach")
  command(root, land, 0, "sandbox", "stop", "--dir", dir)
  local path = land.dir:write("waits.lua", [[
    local mark <close> = setmetatable({}, { __close = function() print "closed" end })
    io.stderr:write "ready\n"
    require "iflow".sleep(3600)
  ]])
  local waiting <close> = process.start { root .. "/bin/iflow", "run", path, dir = land.dir.path }
  process.wait_for("the script", function() return waiting:output():find "ready" end)
  waiting:signal "TERM"
  local result = waiting:wait()
  assert.equal(143, result.code)
  assert.equal("closed\n", result.out)
end

describe("the rock #stock", function()
  it("installs the files of the tree, a module for stock lua5.4 and the command", async(function()
    local land <close> = landscape.open { csrf = true }
    local root = install(land.dir)
    assert_files(root)
    assert_program(root, land)
    assert_command(root, land)
    assert_service(root, land)
  end, { limit = 400 }))
end)
