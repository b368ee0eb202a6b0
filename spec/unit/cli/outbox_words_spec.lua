local words = require "iflow.cli.outbox_words"

describe("outbox_words", function()
  it("says ages in one unit", function()
    local ages = {}
    for i, seconds in ipairs { -3, 0.4, 59.9, 60, 3599, 3600, 7384, 172799, 172800, 1e7 } do
      ages[i] = words.age(seconds)
    end
    assert.same({ "0 s", "0 s", "59 s", "1 min", "59 min", "1 h", "2 h", "47 h", "2 d", "115 d" },
      ages)
  end)

  it("says when a message is due", function()
    assert.is_nil(words.due({ state = "ready" }, 100))
    assert.equal("in 2 min", words.due({ state = "ready", not_before = 220 }, 100))
    assert.equal("now", words.due({ state = "ready", not_before = 90 }, 100))
    assert.is_nil(words.due({ state = "rejected", not_before = 220 }, 100))
  end)

  it("groups digits, and knows one from many", function()
    assert.same({ "0", "999", "1,000", "1,234,567" },
      { words.number(0), words.number(999), words.number(1000), words.number(1234567) })
    assert.equal("1 message", words.messages(1))
    assert.equal("1,200 messages", words.messages(1200))
    assert.equal("1,000 rejected, 1 in doubt", words.states { in_doubt = 1, rejected = 1000 })
  end)

  it("says sizes", function()
    assert.same({ "1 byte", "1023 bytes", "1.5 KiB", "1.0 MiB", "2048.0 GiB" }, { words.size(1),
      words.size(1023), words.size(1536), words.size(1 << 20), words.size(1 << 41) })
  end)

  it("makes foreign text harmless, and cuts whole characters", function()
    assert.equal("a b c", words.line "a\27b\r\n\0c")
    assert.equal("x y", words.line "x\u{9b}y")
    assert.equal("??", words.line "\xff\xfe")
    assert.equal("éé…", words.line("éééé", 3))
    assert.equal("ééé", words.line("ééé", 3))
  end)

  it("tells text from bytes", function()
    assert.is_true(words.is_text "a\tb\r\n€")
    for _, bytes in ipairs { "\0", "\27[2J", "\xff", "\u{9b}", "\127" } do
      assert.is_false(words.is_text(bytes))
    end
  end)

  it("dumps bytes", function()
    assert.equal("00000000  " .. ("41 "):rep(16) .. " |AAAAAAAAAAAAAAAA|\n00000010  00 ff "
      .. (" "):rep(43) .. "|..|", words.hex(("A"):rep(16) .. "\0\xff"))
    assert.equal("", words.hex "")
  end)
end)
