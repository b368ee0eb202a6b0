-- Sizes that keep the code readable (DESIGN, section 5), and what must not be left lying about.
local tree = require "spec.support.tree"

local function report(list) return table.concat(list, "\n") end

local function long_functions(texts, functions_of)
  local found = {}
  for _, path in ipairs(tree.sorted(texts)) do
    for _, f in ipairs(functions_of(texts[path])) do
      if f.lines > 60 then
        found[#found + 1] = ("%s:%d %s: %d lines"):format(path, f.line, f.name or "", f.lines)
      end
    end
  end
  return found
end

local function repeated(line, n) return (line .. "\n"):rep(n) end

describe("no function is longer than 60 lines", function()
  it("in C", function()
    assert.equal("", report(long_functions(tree.texts("^src/.*%.c$", "^spec/.*%.c$"),
      tree.c_functions)))
  end)

  it("in Lua", function()
    local texts = tree.texts("^lua/", "^scripts/.*%.lua$", "^spec/support/.*%.lua$")
    assert.equal("", report(long_functions(texts, tree.lua_functions)))
  end)

  it("and a longer one is found", function()
    local c = "static int\nlong_one(int a,\n         int b)\n{\n" .. repeated("  a++;", 60) .. "}\n"
    assert.same({ { name = "long_one", line = 2, lines = 64 } }, tree.c_functions(c))
    local lua = "local f = function()\n" .. repeated("  if x then y() elseif z then w() end", 60) ..
      "  while a do b() end\n  repeat local s = 'end' until [[end]]\n  -- end\nend\n"
    assert.same({ { line = 1, lines = 65 } }, tree.lua_functions(lua))
  end)

  it("counting every function once", function()
    local c = "static const struct x y = {\n  1\n};\n\nint a(void)\n{\n  return 1;\n}\n" ..
      "\nint b(int (*f)(void))\n{\n  return f();\n}\n"
    assert.equal(2, #tree.c_functions(c))
  end)
end)

describe("a file", function()
  local texts = tree.texts("%.[ch]$", "%.lua$", "^scripts/[^/]*$", "%.rockspec$", "%.cmake$")

  it("has at most 700 lines", function()
    local found = {}
    for _, path in ipairs(tree.sorted(texts)) do
      local lines = tree.lines(texts[path])
      if lines > 700 then found[#found + 1] = path .. ": " .. lines end
    end
    assert.equal("", report(found))
  end)

  it("of C starts with a comment that says what it is for", function()
    local found = {}
    for path, text in pairs(tree.texts("^src/.*%.[ch]$", "^src/.*%.def$", "^spec/.*%.[ch]$")) do
      if not text:find "^/%*" then found[#found + 1] = path end
    end
    assert.equal("", report(found))
  end)

  it("of Lua starts with a comment that says what it is for", function()
    local found = {}
    for path, text in pairs(tree.texts("^lua/.*%.lua$", "^scripts/senders/.*%.lua$",
      "^spec/support/.*%.lua$")) do
      if not text:find "^%-%-" then found[#found + 1] = path end
    end
    assert.equal("", report(found))
  end)

  it("leaves nothing for later", function()
    local marks = { "TO" .. "DO", "FIX" .. "ME", "XX" .. "X" }
    local found = {}
    for _, path in ipairs(tree.sorted(texts)) do
      local number = 0
      for line in texts[path]:gmatch "([^\n]*)\n" do
        number = number + 1
        local bad = line:find "%f[%w_]pending%s*%(" or line:find "%f[%w_]xit%s*%("
        for _, mark in ipairs(marks) do
          bad = bad or line:find("%f[%w]" .. mark .. "%f[%W]")
        end
        if bad then found[#found + 1] = ("%s:%d: %s"):format(path, number, line) end
      end
    end
    assert.equal("", report(found))
  end)
end)
