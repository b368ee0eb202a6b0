-- The rocks, CMake, the header and the changelog say the same about the project. That an installed
-- rock has the files of the tree is shown by spec/system/rock_spec.lua.
local process = require "spec.support.process"
local tree = require "spec.support.tree"

local function read(path) return assert(process.read(path), path) end

local function version_of(path, pattern) return read(path):match(pattern) end

local version = version_of("src/iflow.h", '#define IFLOW_VERSION "(%d+%.%d+%.%d+)"')
local release = ("rocks/iflow-%s-1.rockspec"):format(version)

local function rockspec(path)
  local env = {}
  assert(load(read(path), "@" .. path, "t", env))()
  return env
end

for _, path in ipairs { "rocks/iflow-scm-1.rockspec", release } do
  describe(path, function()
    it("is named after its package and version", function()
      local spec = rockspec(path)
      assert.equal("iflow", spec.package)
      assert.equal(("rocks/%s-%s.rockspec"):format(spec.package, spec.version), path)
    end)

    it("wants Lua 5.4 and nothing else", function()
      local spec = rockspec(path)
      assert.same({ "lua >= 5.4, < 5.5" }, spec.dependencies)
      assert.is_nil(spec.external_dependencies)
      assert.is_nil(spec.build_dependencies)
      assert.equal("cmake", spec.build.type)
    end)

    it("sets only variables that CMakeLists.txt knows, and builds no host", function()
      local cmake = read "CMakeLists.txt"
      local variables = rockspec(path).build.variables
      for name in pairs(variables) do
        if not name:find "^CMAKE_" then
          assert.is_truthy(cmake:find("[%(]" .. name .. " "), name .. " is unknown to CMake")
        end
      end
      assert.equal("OFF", variables.IFLOW_HOST)
    end)

    it("installs the command, a script of Lua 5.4", function()
      local bin = rockspec(path).build.install.bin
      assert.same({ iflow = "rocks/iflow" }, bin)
      assert.matches("^#!/usr/bin/env lua5.4\n", read(bin.iflow)) -- so LuaRocks wraps it
      assert.equal(0, process.run({ "test", "-x", bin.iflow }).code)
    end)
  end)
end

describe("the rockspecs", function()
  it("are those of the checkout and of this release, and differ in nothing else", function()
    local found = {}
    for path in pairs(tree.texts "^rocks/.*%.rockspec$") do found[#found + 1] = path end
    table.sort(found)
    assert.same({ release, "rocks/iflow-scm-1.rockspec" }, found)
    local ours, released = rockspec "rocks/iflow-scm-1.rockspec", rockspec(release)
    assert.equal("v" .. version, released.source.tag)
    ours.version, ours.source, released.version, released.source = nil, nil, nil, nil
    assert.same(ours, released)
  end)

  it("have CMake install every Lua file: it takes the whole directory", function()
    local line = "install(DIRECTORY lua/ DESTINATION ${IFLOW_LUADIR} "
      .. 'FILES_MATCHING PATTERN "*.lua")'
    assert.is_truthy(read "CMakeLists.txt":find(line, 1, true))
    for path in pairs(tree.texts "^lua/") do assert.matches("%.lua$", path) end
  end)
end)

describe("the version", function()
  it("is the same in iflow.h, CMakeLists.txt and the changelog", function()
    assert.is_truthy(version)
    assert.equal(version, version_of("CMakeLists.txt", "project%(iflow VERSION (%d+%.%d+%.%d+)"))
    assert.equal(version, version_of("CHANGELOG.md", "\n## [^\n]-(%d+%.%d+%.%d+)"))
  end)

  it("is what the loaded module says", function()
    assert.equal(version, require("iflow.core").version)
  end)
end)
