local charset = require "iflow.transform.charset"
local core = require "iflow.core"
local message = require "iflow.message"
local transforms = require "spec.support.transforms"

-- The text converted, whole and in small pieces; or nil and the code.
local function convert(options, text)
  local out, bad = transforms.run({ charset(options) }, text)
  if bad[1] then return nil, bad[1].code, bad[1].err.message end
  for n = 1, 5 do
    local again = transforms.run({ charset(options) }, transforms.in_pieces(text, n))
    assert.equal(out[1].body, again[1]:text())
  end
  return out[1].body
end

describe("charset", function()
  it("makes UTF-8 of what old systems write", function()
    assert.equal("Größe 5 €", convert({ from = "CP1252" }, "Gr\xf6\xdfe 5 \x80"))
    assert.equal("Größe", convert({ from = "ISO-8859-1" }, "Gr\xf6\xdfe"))
    assert.equal("Hello, world", convert({ from = "IBM037" },
      "\xc8\x85\x93\x93\x96\x6b\x40\xa6\x96\x99\x93\x84"))
    assert.equal("äöü", convert({ from = "IBM273" }, "\xc0\x6a\xd0"))
    assert.equal("日本", convert({ from = "SHIFT_JIS" }, "\x93\xfa\x96\x7b"))
    assert.equal("a€𝄞", convert({ from = "UTF-16BE" }, "\0a\x20\xac\xd8\x34\xdd\x1e"))
    assert.equal("ab", convert({ from = "UTF-16" }, "\xfe\xff\0a\0b"))
  end)

  it("goes the other way, and from one to another", function()
    assert.equal("Gr\xf6\xdfe 5 \x80", convert({ to = "CP1252" }, "Größe 5 €"))
    assert.equal("\x99", convert({ from = "CP1252", to = "CP850" }, "\xd6"))
    assert.equal("\27$BF|K\\\27(B!", convert({ to = "ISO-2022-JP" }, "日本!"))
    assert.equal("\27$BF|K\\\27(B", convert({ to = "ISO-2022-JP" }, "日本"))
  end)

  it("makes line feeds of the line ends of EBCDIC on request", function()
    local text = "\xc1\x15\xc2\x25\xc3\x0d\x15"
    assert.equal("A\u{85}B\nC\r\u{85}", convert({ from = "IBM037" }, text))
    assert.equal("A\nB\nC\r\n", convert({ from = "IBM037", nel = true }, text))
    assert.error_matches(function() charset { to = "CP1252", nel = true } end, "'nel'")
  end)

  it("keeps the empty body", function()
    assert.equal("", convert({ from = "CP1252" }, ""))
  end)

  it("rejects what is not valid, and names the byte", function()
    local _, code, text = convert({ from = "CP1252" }, "abc\x81d")
    assert.equal("transform.invalid", code)
    assert.matches("byte 4 ", text)
    _, code, text = convert({}, ("ä"):rep(50000) .. "\xff")
    assert.equal("transform.invalid", code)
    assert.matches("byte 100001 ", text)
  end)

  it("rejects what does not exist in the target, and names the byte", function()
    local _, code, text = convert({ to = "ISO-8859-1" }, "aä€")
    assert.equal("transform.invalid", code)
    assert.matches("byte 4 ", text)
  end)

  it("rejects UTF-8 beyond the last character, which iconv would take", function()
    for _, text in ipairs { "ab\xf4\x90\x80\x80c", "ab\xf7\x98\xb6\x83" } do
      local body, code, why = convert({}, text)
      assert.is_nil(body)
      assert.equal("transform.invalid", code)
      assert.matches("byte 3 ", why)
    end
    assert.equal("ab\u{10ffff}", convert({}, "ab\u{10ffff}"))
    assert.equal("ab????c", convert({ to = "CP1252", invalid = "replace" }, "ab\xf4\x90\x80\x80c"))
  end)

  it("rejects data that ends within a character", function()
    local _, code = convert({ to = "UTF-16LE" }, "a\xe2\x82")
    assert.equal("transform.invalid", code)
    _, code = convert({ from = "UTF-16LE" }, "a\0b")
    assert.equal("transform.invalid", code)
  end)

  it("replaces on request", function()
    local function replaced(options, text)
      options.invalid = "replace"
      return convert(options, text)
    end
    assert.equal("a\u{fffd}b", replaced({ from = "CP1252" }, "a\x81b"))
    assert.equal("a\u{fffd}\u{fffd}b\u{fffd}", replaced({}, "a\xff\xfeb\xe2\x82"))
    assert.equal("a??\xe4?", replaced({ to = "ISO-8859-1" }, "a漢€ä\xff"))
    assert.equal("\xff\xfea\0\xfd\xffb\0", replaced({ to = "UTF-16" }, "a\xffb"))
    assert.equal("\x81\x6f", replaced({ to = "IBM037" }, "a漢"))
  end)

  it("tells how many it replaced", function()
    local converter = core.charset.converter { to = "CP1252", replace = true }
    converter:feed "a漢\xffb"
    assert.equal("a??b", converter:next())
    assert.equal(2, converter:replaced())
  end)

  it("keeps a short string a string, and streams what is long", function()
    local out = transforms.run({ charset { from = "CP1252" } }, ("\xe4"):rep(1000))
    assert.equal("string", type(out[1].body))
    out = transforms.run({ charset { from = "CP1252" } }, ("\xe4"):rep(3000000))
    assert.equal("function", type(out[1].body))
    assert.equal(("ä"):rep(3000000), out[1]:text(1 << 30))
    out = transforms.run({ charset { from = "CP1252" } }, transforms.in_pieces("\xe4", 1))
    assert.equal("function", type(out[1].body))
    assert.equal("ä", out[1]:text())
  end)

  it("raises what is wrong in a stream where it is read", function()
    local out = transforms.run({ charset {} }, transforms.in_pieces("abc\xffd", 2))
    local ok, err = pcall(out[1].text, out[1])
    assert.is_false(ok)
    assert.equal("transform.invalid", err.code)
    local _, bad = transforms.run({ charset {}, require "iflow.transform.lines" {} },
      transforms.in_pieces("ab\nc\xffd\n", 2))
    assert.equal("transform.invalid", bad[1].code)
  end)

  it("corrects the charset of the content type", function()
    local msg = message.new { body = "x",
      content_type = "text/csv; charset=ISO-8859-1; header=present" }
    local out = transforms.run({ charset { from = "ISO-8859-1" } }, msg)
    assert.equal("text/csv; charset=UTF-8; header=present", out[1].content_type)
  end)

  it("raises on a set that does not exist", function()
    assert.error_matches(function() charset { from = "CP12" } end, "CP12")
    assert.error_matches(function() charset { to = "CP12" } end, "CP12")
    assert.error_matches(function() charset { to = "ASCII//TRANSLIT" } end, "TRANSLIT")
    assert.error_matches(function() charset { from = "" } end, "character set ''")
    assert.error_matches(function() charset { from = ("x"):rep(100) } end, "character set")
    assert.error_matches(function() charset { from = "ebcdic" } end, "IBM273")
    assert.error_matches(function() charset { invalid = "ignore" } end, "'invalid'")
    assert.error_matches(function() charset { form = "CP1252" } end, "did you mean 'from'")
    local options = { to = "ISO-2022-JP", invalid = "replace" }
    assert.error_matches(function() charset(options) end, "shift")
  end)
end)
