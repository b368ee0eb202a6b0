local glob = require "iflow.service.glob"

local function fits(pattern, ...)
  local matches, found = assert(glob.compile(pattern)), {}
  for _, name in ipairs { ... } do
    if matches(name) then found[#found + 1] = name end
  end
  return found
end

describe("glob.compile", function()
  it("knows stars", function()
    assert.same({ "a.csv", "ab.csv.csv", "x y.csv" },
      fits("*.csv", "a.csv", "a.csv~", "a.CSV", "ab.csv.csv", "x y.csv", "csv"))
    assert.same({ "", "a" }, fits("*", "", "a"))
    assert.same({ "abc", "aXbYc" }, fits("a*b*c", "abc", "aXbYc", "acb", "abcd"))
    assert.same({ "a", "aa" }, fits("a**", "a", "aa", "b"))
    assert.same({ "abba", "abxba" }, fits("ab*ba", "aba", "abba", "abxba"))
    assert.same({ "ab" }, fits("a*", "ab", "ba", "."))
  end)

  it("takes characters, not bytes, for question marks", function()
    assert.same({ "aä", "ab" }, fits("a?", "a", "aä", "ab", "abc"))
    assert.same({ "a\xE4" }, fits("a?", "a\xE4"))
  end)

  it("knows sets and ranges", function()
    assert.same({ "f1", "f9" }, fits("f[0-9]", "f1", "f9", "fx", "f"))
    assert.same({ "fx" }, fits("f[!0-9]", "f1", "fx", "f"))
    assert.same({ "f]", "f-" }, fits("f[]-]", "f]", "f-", "fa"))
    assert.same({ "fä" }, fits("f[äö]", "fä", "fü"))
  end)

  it("takes an escaped character and others of Lua's patterns as they are", function()
    assert.same({ "a*" }, fits("a\\*", "a*", "ab"))
    assert.same({ "100%-(x).csv" }, fits("100%-(x).csv", "100%-(x).csv", "100%-xxcsv"))
  end)

  it("leaves hidden files alone", function()
    assert.same({}, fits("*", ".a", ".csv"))
    assert.same({}, fits(".*", ".a"))
  end)

  it("needs no long time for many stars", function()
    assert.same({}, fits(("a*"):rep(50) .. "b", ("a"):rep(250)))
  end)

  it("tells what is wrong", function()
    for _, pattern in ipairs { "a[b", "a\\", "[", "[!" } do
      local matches, why = glob.compile(pattern)
      assert.is_nil(matches)
      assert.is_string(why)
    end
  end)
end)

describe("glob.split", function()
  it("parts folder and names", function()
    assert.same({ "inbox", "*.csv" }, { glob.split "inbox/*.csv" })
    assert.same({ "a/b", "*" }, { glob.split "a/b/*" })
    assert.same({ ".", "*.csv" }, { glob.split "*.csv" })
    assert.same({ "/", "*.csv" }, { glob.split "/*.csv" })
    assert.same({ "/in", "x" }, { glob.split "/in/x" })
  end)

  it("refuses what it cannot watch", function()
    for _, path in ipairs { "inbox/", "in*/a.csv", "", "a[1]/*" } do
      assert.is_nil((glob.split(path)))
    end
  end)
end)
