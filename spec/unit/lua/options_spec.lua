local options = require "iflow.options"

local known = {
  name = { "string", needed = true },
  size = options.integer(1, 10, 5),
  mode = options.one_of({ "fast", "small" }, "fast"),
  list = options.texts(),
  flag = { "boolean", "string", default = false },
}

local function constructor(given)
  local checked = options.check(given, known) -- no tail call: the level would be lost
  return checked
end

describe("options.check", function()
  it("gives a copy with the defaults", function()
    local given = { name = "x", mode = "small" }
    local checked = constructor(given)
    assert.same({ name = "x", mode = "small", size = 5, flag = false }, checked)
    assert.same({ name = "x", mode = "small" }, given)
  end)

  it("takes nil for an empty table", function()
    assert.same({ a = 1 }, options.check(nil, { a = { "number", default = 1 } }))
  end)

  it("takes one of several types, and integers that are floats by no means", function()
    assert.equal("yes", constructor({ name = "x", flag = "yes" }).flag)
    assert.equal(10, constructor({ name = "x", size = 10 }).size)
    assert.error(function() constructor { name = "x", size = 5.0 } end)
  end)

  it("raises at the line that calls the constructor", function()
    local function wrong(given, pattern)
      local ok, err = pcall(function() constructor(given) end)
      assert.is_false(ok)
      assert.matches("^spec/unit/lua/options_spec%.lua:%d+: ", err)
      assert.matches(pattern, err)
    end
    wrong("x", "table of options")
    wrong({}, "'name' is missing")
    wrong({ name = 1 }, "'name' must be string, got number")
    wrong({ nam = "x" }, "did you mean 'name'")
    wrong({ name = "x", "y" }, "options have names")
    wrong({ name = "x", size = 11 }, "from 1 to 10")
    wrong({ name = "x", mode = "slow" }, '"fast" or "small"')
    wrong({ name = "x", list = {} }, "list of texts")
    wrong({ name = "x", list = { 1 } }, "list of texts")
    wrong({ name = "x", flag = 1 }, "'flag' must be boolean or string, got number")
  end)
end)
