local strict = require "iflow.strict"

local function run(text, env)
  return pcall(assert(load(text, "@script.lua", "t", env or strict.environment())))
end

local function error_of(text, env)
  local ok, err = run(text, env)
  assert.is_false(ok)
  return err
end

describe("strict.environment", function()
  it("reports an undeclared read with file and line, and the nearest name", function()
    assert.equal("script.lua:2: variable 'pritn' is not declared, did you mean 'print'?",
      error_of "\npritn 'x'")
    assert.equal("script.lua:1: variable 'zzzzzz' is not declared", error_of "return zzzzzz")
  end)

  it("reports an undeclared write", function()
    assert.matches("^script.lua:3: variable 'total' is not declared: write 'local total'",
      error_of "local a = 1\na = 2\ntotal = 3")
    assert.matches("'helper' is not declared", error_of "function helper() end")
  end)

  it("reports it in functions that run later", function()
    local _, fn = run "return function()\n  return undeclared\nend"
    assert.matches("^script.lua:2: variable 'undeclared'", select(2, pcall(fn)))
  end)

  it("lets the standard library and what the host gives through", function()
    local env = strict.environment { arg = { "x" } }
    assert.same({ true, "x" }, { run("return arg[1]", env) })
    assert.same({ true, "function" }, { run "return type(require)" })
    assert.same({ true, 3 }, { run "return math.floor(3.7)" })
    assert.same({ true, true }, { run "return string.format == ('').format" })
  end)

  it("takes declarations by rawset", function()
    assert.same({ true, 2 }, { run "rawset(_G, 'n', 1) n = n + 1 return n" })
  end)

  it("is its script's own _G", function()
    assert.same({ true, true }, { run "return _G._G == _G" })
    assert.matches("'nothing' is not declared", error_of "return _G.nothing")
    assert.matches("'nothing' is not declared", error_of "_G.nothing = 1")
  end)

  it("leaves the process's globals alone", function()
    local before = getmetatable(_G)
    run "rawset(_G, 'leak', 1)"
    assert.is_nil(rawget(_G, "leak"))
    assert.equal(before, getmetatable(_G))
    assert.is_nil(rawget(_G, "undeclared"))
  end)

  it("cannot be opened by the script", function()
    assert.matches("protected metatable", error_of "setmetatable(_G, nil)")
  end)

  it("shows a module's global that came later", function()
    rawset(_G, "late_global", 5)
    local ok, value = run "return late_global"
    rawset(_G, "late_global", nil)
    assert.is_true(ok)
    assert.equal(5, value)
  end)
end)
