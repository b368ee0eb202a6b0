-- lua/iflow/sandbox/keys.lua in processes of their own, since it reads the environment.
local process = require "spec.support.process"

local PROGRAM = [[
local core, keys = require "iflow.core", require "iflow.sandbox.keys"
require "iflow".run(function()
  for _, dir in ipairs(arg) do
    local key = assert(keys.rsa(dir, 2048))
    print(core.crypto.sha256(key:public_pem()))
  end
end)
]]

describe("RSA keys of a sandbox", function()
  local dir
  before_each(function()
    dir = process.tempdir()
    assert(os.execute(("mkdir %s %s"):format(dir:file "one", dir:file "two")))
  end)
  after_each(function() dir:close() end)

  -- The keys that sandboxes in these directories take, one after the other.
  local function taken(pool, ...)
    local words = { process.lua, dir:write("program.lua", PROGRAM),
      env = { IFLOW_SANDBOX_KEYS = pool, LUA_PATH = package.path, LUA_CPATH = package.cpath } }
    for _, name in ipairs { ... } do words[#words + 1] = dir:file(name) end
    local result = process.run(words)
    assert.equal(0, result.code, result.err)
    local list = {}
    for line in result.out:gmatch "[^\n]+" do list[#list + 1] = line end
    return table.unpack(list)
  end

  it("are those of earlier sandboxes, and no key twice in one sandbox", function()
    local pool = dir:file "a/pool"
    local first, second, again = taken(pool, "one", "one", "two")
    assert.not_equal(first, second)
    assert.equal(first, again)
    local third, other = taken(pool, "one", "two") -- after a restart of both
    assert.equal(second, other)
    assert.is_true(third ~= first and third ~= second)
    local modes = process.run { "sh", "-c", [[stat -c %a "$1"/*]], "sh", pool }
    assert.equal("600\n600\n600\n", modes.out)
  end)

  it("are new ones where no place for keys is named", function()
    local first, other = taken("", "one", "two")
    assert.not_equal(first, other)
    assert.equal("", process.run({ "ls", dir:file "one" }).out)
  end)
end)
