local core = require "iflow.core"
local csv = require "iflow.transform.csv"
local transforms = require "spec.support.transforms"

local null = core.json.null

-- The records, and { code, line, record } of the rejected ones; the same in pieces of any size.
local function read(options, text)
  local records, bad, messages = transforms.same_in_pieces({ csv(options) }, text)
  local codes = {}
  for at, one in ipairs(bad) do codes[at] = { one.code, one.line, one.record } end
  return records, codes, messages, bad
end

local function lists(options, text)
  options.header = false
  return read(options, text)
end

describe("csv", function()
  it("gives a record a message, by the names of the first record", function()
    local records, bad, messages = read({}, "id,name\r\n1,Ada\r\n2,Bob\r\n")
    assert.same({ { id = "1", name = "Ada" }, { id = "2", name = "Bob" } }, records)
    assert.same({}, bad)
    assert.same({ file = "input", line = 3, record = 2 }, messages[2].source)
  end)

  it("takes names of one's own", function()
    assert.same({ { a = "1", b = "2" } }, read({ header = { "a", "b" } }, "1,2\n"))
    assert.same({ { a = "1", b = "2" } }, read({ header = { "a", "b" }, skip = 1 }, "x,y\n1,2\n"))
  end)

  it("gives lists without a header, of any length", function()
    assert.same({ { "1", "2" }, { "3" }, { "", "", "" } }, lists({}, "1,2\n3\n,,\n"))
  end)

  it("ends lines with LF, CRLF and CR, also the last one without", function()
    local expected = { { "a", "b" }, { "c", "d" }, { "e", "f" } }
    assert.same(expected, lists({}, "a,b\nc,d\ne,f"))
    assert.same(expected, lists({}, "a,b\r\nc,d\r\ne,f\r\n"))
    assert.same(expected, lists({}, "a,b\rc,d\re,f\r"))
    assert.same(expected, lists({}, "a,b\rc,d\r\ne,f\n"))
  end)

  it("keeps what is in quotes: delimiters, quotes, line breaks", function()
    assert.same({ { 'a,"b"', "c\r\nd", "" }, { "x", "y", "z" } },
      lists({}, '"a,""b""","c\r\nd",""\n"x","y",z\n'))
    assert.same({ { '""', '"' } }, lists({}, '"""""",""""'))
  end)

  it("counts the lines within quotes", function()
    local _, _, messages = lists({}, '"a\nb\r\nc\rd"\ne\r\n\r\nf')
    assert.same({ 1, 5, 7 }, { messages[1].source.line, messages[2].source.line,
      messages[3].source.line })
  end)

  it("takes a quote inside a plain field as data", function()
    assert.same({ { '5" pipe', 'a"b"' } }, lists({}, '5" pipe,a"b"\n'))
  end)

  it("leaves out a byte order mark and empty lines", function()
    assert.same({ { id = "1" }, { id = "2" } }, read({}, "\xef\xbb\xbfid\n\n1\n\r\n\n2\n\n\n"))
    assert.same({}, read({}, "\xef\xbb\xbf"))
    assert.same({}, read({}, ""))
    assert.same({ { "" } }, lists({}, '""\n'))
  end)

  it("knows other delimiters and quotes, and none", function()
    assert.same({ { "a", "b;c" } }, lists({ delimiter = ";" }, 'a;"b;c"\n'))
    assert.same({ { "a", "b\tc" } }, lists({ delimiter = "\t", quote = "'" }, "a\t'b\tc'\n"))
    assert.same({ { '"a', 'b"' } }, lists({ quote = false }, '"a,b"\n'))
  end)

  it("trims blanks around fields on request", function()
    assert.same({ { "a b", " c ", "" }, { "x" } },
      lists({ trim = true }, ' a b ,\t" c " , \n  \nx\n'))
    assert.same({ { " a", "b " } }, lists({}, " a,b \n"))
  end)

  it("gives null for a text without quotes", function()
    assert.same({ { null, "", "NULL" } }, lists({ null = "" }, ',"",NULL\n'))
    assert.same({ { "", null, "NULL" } }, lists({ null = "NULL" }, ',NULL,"NULL"\n'))
  end)

  it("rejects a record with too many or too few fields, and goes on", function()
    local records, bad = read({}, "a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert.same({ { a = "1", b = "2" }, { a = "7", b = "8" } }, records)
    assert.same({ { "transform.invalid", 3, 2 }, { "transform.invalid", 4, 3 } }, bad)
  end)

  it("rejects text behind a closing quote, and goes on", function()
    local records, bad = lists({}, 'a,b\n"c"d,"e"\nf,g\n')
    assert.same({ { "a", "b" }, { "f", "g" } }, records)
    assert.same({ { "transform.invalid", 2, 2 } }, bad)
  end)

  it("rejects a quote that is never closed, by the line of its record", function()
    local records, bad = lists({}, 'a,b\nc,"d\ne,f\n')
    assert.same({ { "a", "b" } }, records)
    assert.same({ { "transform.invalid", 2, 2 } }, bad)
  end)

  it("rejects a record that is too long, keeps none of it, and goes on", function()
    local long = ("x"):rep(300000)
    local out, bad = transforms.run({ csv { max_record = 10 } },
      transforms.in_pieces("a,b\n1,2\n" .. long .. ',"' .. long .. '\n"\n3,4\n', 50000))
    assert.same({ { a = "1", b = "2" }, { a = "3", b = "4" } }, transforms.data(out))
    assert.same({ "limit.exceeded", 3, 2 }, { bad[1].code, bad[1].line, bad[1].record })
    assert.equal(5, out[2].source.line)
  end)

  it("takes a record as long as allowed", function()
    assert.same({ { "123,45" }, { "6" } }, lists({ max_record = 8 }, '"123,45"\n6\n'))
    local _, bad = lists({ max_record = 8 }, '"123,456"\n6\n')
    assert.same({ { "limit.exceeded", 1, 1 } }, bad)
  end)

  it("rejects a record of too many fields", function()
    local out, bad = transforms.run({ csv { header = false } }, ("x,"):rep(20000) .. "\ny\n")
    assert.same({ { "y" } }, transforms.data(out))
    assert.equal("limit.exceeded", bad[1].code)
    out = transforms.run({ csv { header = false } }, ("x,"):rep(16383) .. "x\n")
    assert.equal(16384, #out[1].data)
  end)

  it("rejects the input when a name of the header is empty or there twice", function()
    for _, text in ipairs { "a,b,a\n1,2,3\n", "a,\n1,2\n", '"a"b,c\n1,2\n' } do
      local records, bad = read({}, text)
      assert.same({}, records)
      assert.equal(1, #bad)
      assert.equal("transform.invalid", bad[1][1])
    end
  end)

  it("gives a bad record so that it can be mended and sent again", function()
    local _, _, _, bad = read({ delimiter = ";", skip = 1 }, 'report\na;"b;c"\n1;2\n"3";\n4\n')
    assert.equal(1, #bad)
    local text = bad[1].message.body
    assert.same({ { a = "4", ["b;c"] = "5" } },
      (read({ delimiter = ";", skip = 1 }, (text:gsub("4", "4;5")))))
  end)

  it("drops the id: one message became many", function()
    local message = require "iflow.message"
    local out = transforms.run({ csv {} }, message.new { id = "x", body = "a\n1\n" })
    assert.is_nil(out[1].id)
  end)

  it("needs a body", function()
    local _, bad = transforms.run({ csv {} }, { some = "data" })
    assert.equal("transform.invalid", bad[1].code)
  end)

  it("raises on wrong options, at the caller's line", function()
    local function wrong(options, pattern)
      local ok, err = pcall(function() csv(options) end)
      assert.is_false(ok)
      assert.matches("csv_spec", err)
      assert.matches(pattern, err)
    end
    wrong({ delimeter = ";" }, "did you mean 'delimiter'")
    wrong({ delimiter = ",," }, "'delimiter'")
    wrong({ delimiter = "\n" }, "'delimiter'")
    wrong({ delimiter = '"' }, "differ")
    wrong({ quote = true }, "'quote'")
    wrong({ header = {} }, "'header'")
    wrong({ header = { "a", "a" } }, "'header'")
    wrong({ header = "a" }, "'header'")
    wrong({ null = false }, "'null'")
    wrong({ skip = -1 }, "'skip'")
    wrong({ max_record = 1.5 }, "'max_record'")
    wrong("a", "table of options")
  end)
end)

describe("core.csv.reader", function()
  it("wants a piece used up before the next one", function()
    local reader = core.csv.reader {}
    reader:feed "a\n"
    assert.error_matches(function() reader:feed "b\n" end, "until it returns nil")
    assert.is_nil(reader:next())
    reader:finish()
    assert.error_matches(function() reader:feed "b\n" end, "has ended")
  end)

  it("keeps little memory, however long the input", function()
    local piece = ("12345,abcdef,\"x\"\"y\"\n"):rep(3000)
    local reader = core.csv.reader { header = false }
    local function pass()
      reader:feed(piece)
      local n = 0
      while reader:next() do n = n + 1 end
      return n
    end
    pass()
    collectgarbage()
    local before, records = collectgarbage "count", 0
    for _ = 1, 50 do records = records + pass() end
    collectgarbage()
    assert.equal(150000, records)
    assert.is_true(collectgarbage "count" - before < 100)
  end)
end)
