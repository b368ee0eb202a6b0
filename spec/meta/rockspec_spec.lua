-- The rock, CMake and the header say the same about the project.
local process = require "spec.support.process"

local function rockspec()
  local env = {}
  assert(load(assert(process.read "rocks/iflow-scm-1.rockspec"), "rockspec", "t", env))()
  return env
end

describe("the rockspec", function()
  it("is named after its package and version", function()
    local spec = rockspec()
    assert.equal("iflow", spec.package)
    assert.equal("scm-1", spec.version)
  end)

  it("wants Lua 5.4 and nothing else", function()
    local spec = rockspec()
    assert.same({ "lua >= 5.4, < 5.5" }, spec.dependencies)
    assert.is_nil(spec.external_dependencies)
  end)

  it("sets only variables that CMakeLists.txt knows", function()
    local cmake = assert(process.read "CMakeLists.txt")
    for name in pairs(rockspec().build.variables) do
      if not name:find "^CMAKE_" then
        assert.is_truthy(cmake:find("[%(]" .. name .. " "), name .. " is unknown to CMake")
      end
    end
  end)

  it("installs every Lua file: CMake takes the whole directory", function()
    local cmake = assert(process.read "CMakeLists.txt")
    assert.is_truthy(cmake:find("install(DIRECTORY lua/ DESTINATION ${IFLOW_LUADIR}", 1, true))
  end)
end)

describe("the version", function()
  local function version_of(path, pattern)
    return assert(process.read(path)):match(pattern)
  end

  it("is the same in iflow.h, CMakeLists.txt and the changelog", function()
    local version = version_of("src/iflow.h", '#define IFLOW_VERSION "(%d+%.%d+%.%d+)"')
    assert.is_truthy(version)
    assert.equal(version, version_of("CMakeLists.txt", "project%(iflow VERSION (%d+%.%d+%.%d+)"))
    assert.equal(version, version_of("CHANGELOG.md", "\n## [^\n]-(%d+%.%d+%.%d+)"))
  end)

  it("is what the loaded module says", function()
    local version = version_of("src/iflow.h", '#define IFLOW_VERSION "(%d+%.%d+%.%d+)"')
    assert.equal(version, require("iflow.core").version)
  end)
end)
