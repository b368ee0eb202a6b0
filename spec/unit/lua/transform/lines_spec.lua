local lines = require "iflow.transform.lines"
local transforms = require "spec.support.transforms"

describe("lines", function()
  local function read(options, text)
    return transforms.same_in_pieces({ lines(options) }, text)
  end

  it("gives a line a message, its text the body", function()
    local texts, bad, messages = read({}, "\xef\xbb\xbfone\r\ntwo\rthree\nfour")
    assert.same({ "one", "two", "three", "four" }, texts)
    assert.same({}, bad)
    assert.same({ file = "input", line = 3 }, messages[3].source)
    assert.is_nil(messages[3].id)
  end)

  it("leaves out empty lines, but counts them", function()
    local texts, _, messages = read({}, "\n\r\na\n\n \n\n")
    assert.same({ "a", " " }, texts)
    assert.equal(5, messages[2].source.line)
  end)

  it("keeps empty lines on request", function()
    assert.same({ "", "", "a", "" }, (read({ skip_empty = false }, "\n\r\na\n\r")))
    assert.same({}, (read({ skip_empty = false }, "")))
  end)

  it("rejects a line that is too long, keeps none of it, and goes on", function()
    local texts, bad = read({ max_line = 3 }, "one\nfour\nsix\nseven")
    assert.same({ "one", "six" }, texts)
    assert.same({ "limit.exceeded", 2 }, { bad[1].code, bad[1].line })
    assert.same({ "limit.exceeded", 4 }, { bad[2].code, bad[2].line })
    local out, refused = transforms.run({ lines { max_line = 3 } },
      transforms.in_pieces(("x"):rep(1000000) .. "\nb", 99999))
    assert.same({ "b" }, transforms.data(out))
    assert.equal(1, #refused)
  end)

  it("raises on wrong options", function()
    assert.error_matches(function() lines { max = 1 } end, "unknown option 'max'")
    assert.error_matches(function() lines { max_line = 0 } end, "'max_line'")
    assert.error_matches(function() lines { skip_empty = 1 } end, "'skip_empty'")
  end)
end)
