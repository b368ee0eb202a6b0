-- What the binary says it is made of.
local core = require "iflow.core"

describe("build.info", function()
  it("has the versions of everything that is linked", function()
    local info = core.build.info()
    assert.equal(core.version, info.version)
    assert.is_true(#info.compiler > 0)
    assert.is_boolean(info.sanitized)
    for _, name in ipairs { "Lua", "libcurl", "libuv", "OpenSSL", "llhttp", "cJSON", "expat",
      "zlib", "SQLite" } do
      assert.is_truthy((info.libraries[name] or ""):find "%d+%.%d+", name)
    end
    assert.equal("Lua " .. info.libraries.Lua:match "^%d+%.%d+", _VERSION)
  end)
end)
