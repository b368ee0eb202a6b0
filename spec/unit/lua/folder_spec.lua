-- Modules that are found because their file lies in a folder: in stock Lua and in the program.
local folder = require "iflow.folder"
local process = require "spec.support.process"

local TEXT = "return { help = 'x', serve = function(_, _, _, serve) return serve() end }\n"

describe("the modules of a folder", function()
  it("are its files, sorted, and not those of folders below it", function()
    local names = folder.names "iflow.cmd"
    local sorted = table.move(names, 1, #names, 1, {})
    table.sort(sorted)
    assert.same(sorted, names)
    local set = {}
    for _, name in ipairs(names) do set[name] = true end
    assert.is_true(set["service-key"] and set.cert)
    assert.is_nil(set.roots) -- cmd/cert/roots.lua
    assert.is_nil(set["cert/roots"])
  end)

  it("are none where there is no folder", function()
    assert.same({}, folder.names "iflow.nowhere")
  end)

  it("are those of the program and of IFLOW_LUADIR, and a new file is one of them", function()
    local dir <close> = process.tempdir()
    local function help(luadir)
      local result = process.run { process.iflow, "sandbox", "fault", "--help",
                                   env = { IFLOW_LUADIR = luadir } }
      assert.equal(0, result.code, result.err)
      return result.out
    end
    assert.equal(0, process.run({ "mkdir", "-p", dir:file "iflow/sandbox/fault" }).code)
    local before = help(dir.path)
    dir:write("iflow/sandbox/fault/brandnew.lua", TEXT)
    local after = help(dir.path)
    for _, name in ipairs(folder.names "iflow.sandbox.fault") do
      assert.is_truthy(before:find("\n%s*" .. name .. "[:%[]"), name)
      assert.is_truthy(after:find("\n%s*" .. name .. "[:%[]"), name)
    end
    assert.is_nil(before:find "brandnew")
    assert.is_truthy(after:find "\n%s*brandnew: x")
  end)
end)
