-- A build with libcurl within it (IFLOW_STATIC): what it is linked with, and what it says where
-- that libcurl is missing. To build libcurl takes half a minute and Debian's archives: that, and
-- calls with it, at size "full".
local process = require "spec.support.process"
local size = require "spec.support.size"

local function succeeds(command)
  local result = process.run(command)
  assert.equal(0, result.code, result.out .. result.err)
  return result.out
end

local function configure(build, libcurl)
  return { "cmake", "-G", "Ninja", "-B", build, "-DCMAKE_BUILD_TYPE=Release", "-DIFLOW_STATIC=ON",
    "-DIFLOW_STATIC_DIR=" .. libcurl, "." }
end

local function needed(file)
  local list = {}
  for name in succeeds({ "objdump", "-p", file }):gmatch "NEEDED%s+(%S-)%.so" do
    list[name] = true
  end
  return list
end

describe("IFLOW_STATIC #stock", function()
  it("says what builds the libcurl that is missing", function()
    local dir <close> = process.tempdir()
    local result = process.run(configure(dir:file "build", dir:file "nothing"))
    assert.equal(1, result.code)
    assert.is_truthy(result.err:find("scripts/setup --static", 1, true), result.err)
  end)

  it("links the archive, not the shared library", function()
    local dir <close> = process.tempdir()
    local archive = dir:file "curl/lib/libcurl.a"
    succeeds { "mkdir", "-p", dir:file "curl/lib", dir:file "curl/include" }
    process.write(archive, "")
    succeeds(configure(dir:file "build", dir:file "curl"))
    for _, target in ipairs { "bin/iflow", "iflow/core.so" } do
      local last = succeeds({ "ninja", "-C", dir:file "build", "-t", "commands", target })
        :match ".*\n([^\n]+)\n$"
      assert.is_truthy(last:find(" " .. archive, 1, true), last)
      assert.is_nil(last:find("libcurl.so", 1, true), last)
    end
  end)

  if size.full then
    it("builds libcurl and a program that sends with it", function()
      local dir <close> = process.tempdir()
      local build = dir:file "build"
      succeeds { "scripts/package/static_curl", dir:file "curl", timeout = 600 }
      succeeds(configure(build, dir:file "curl"))
      succeeds { "ninja", "-C", build, timeout = 600 }
      for _, file in ipairs { "/bin/iflow", "/iflow/core.so" } do
        local libraries = needed(build .. file)
        assert.is_true(libraries.libssl and libraries.libcrypto)
        assert.is_nil(libraries.libcurl)
      end
      local env = { IFLOW_BUILD = build, IFLOW_BIN = build .. "/bin/iflow",
        LUA_CPATH = build .. "/?.so;;" }
      succeeds { "lua5.4", "/usr/bin/busted", "spec/system/call_sandbox_spec.lua",
        "spec/unit/net/proxy_spec.lua", env = env, timeout = 600 }
    end)
  end
end)
