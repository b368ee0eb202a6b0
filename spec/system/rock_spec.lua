-- The rock: installed from the files of the project into an empty tree, then used by a ten-line
-- program in stock lua5.4, which gets a token and makes a call. The tag keeps it out of sanitizer
-- runs: nothing in it is built with them.
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

-- By the command that README.md gives, with a home directory of its own.
local function install(dir)
  local command = assert(process.read "README.md"):match "\n(luarocks [^\n]+)\n"
  local result = process.run {
    "bash", "-c", command, dir = copy_project(dir), timeout = 300,
    env = { CMAKE_GENERATOR = "Ninja", HOME = dir.path, CC = quick_compiler(dir) },
  }
  assert(result.code == 0, result.out .. result.err)
end

describe("the rock #stock", function()
  it("installs into an empty tree and works in stock lua5.4", async(function()
    local land <close> = landscape.open { csrf = true }
    install(land.dir)
    local root = land.dir:file ".luarocks"
    local run = process.run {
      "lua5.4", land.dir:write("program.lua", program), land:key "secret".path, land.cacert,
      dir = "/", env = {
        LUA_PATH = root .. "/share/lua/5.4/?.lua;" .. root .. "/share/lua/5.4/?/init.lua",
        LUA_CPATH = root .. "/lib/lua/5.4/?.so",
      },
    }
    assert.equal("delivered\t200\n", run.out, run.err)
    assert.equal(0, run.code)
  end, { limit = 400 }))
end)
