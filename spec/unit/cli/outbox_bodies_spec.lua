local async = require "spec.support.async"
local bodies = require "iflow.cli.outbox_bodies"
local process = require "spec.support.process"

local PIECE = 192 * 1024

describe("outbox_bodies", function()
  local dir

  before_each(function() dir = process.tempdir() end)
  after_each(function() dir:close() end)

  it("never cuts a character", function()
    for _, character in ipairs { "é", "€", "𝄞" } do
      for before = 1, #character do
        local text = ("x"):rep(PIECE - before) .. character:rep(10)
        local path, list = dir:write("text", text), {}
        for piece in bodies.characters(path) do
          assert.is_truthy(utf8.len(piece))
          list[#list + 1] = piece
        end
        assert.equal(text, table.concat(list))
        assert.is_true(bodies.is_utf8(path))
      end
    end
  end)

  it("gives every byte of what is no UTF-8", function()
    for _, tail in ipairs { "\xff", "\xe2\x82", "\x82\x82\x82\x82", "\xf0\x9d" } do
      local text = ("x"):rep(PIECE - 1) .. tail
      local path, list = dir:write("text", text), {}
      for piece in bodies.characters(path) do list[#list + 1] = piece end
      assert.equal(text, table.concat(list))
      assert.is_false(bodies.is_utf8(path))
    end
  end)

  it("takes an empty file as text", function()
    assert.is_true(bodies.is_utf8(dir:write("empty", "")))
  end)

  it("saves a body to a new private file only", async(function()
    local path = dir:file "copy"
    assert.is_true(bodies.save("one\0", path))
    assert.equal("one\0", process.read(path))
    assert.equal("600\n", process.run({ "stat", "-c", "%a", path }).out)
    local ok, err = bodies.save("two", path)
    assert.is_nil(ok)
    assert.equal("file.exists", err.code)
    assert.equal("one\0", process.read(path))
    assert.is_true(bodies.save({ file = path }, dir:file "second"))
    assert.equal("one\0", dir:read "second")
    assert.equal("file.not_found", select(2, bodies.save("x", dir:file "no/where")).code)
  end))
end)
