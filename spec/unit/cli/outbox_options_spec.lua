-- What the options of `iflow outbox` take.
local edit = require "iflow.cli.outbox_edit"
local list = require "iflow.cli.outbox_list"
local retry = require "iflow.cli.outbox_retry"

local function refused(convert, words)
  for _, word in ipairs(words) do
    local value, why = convert(word)
    assert.is_nil(value, word)
    assert.is_string(why)
  end
end

describe("the options of iflow outbox", function()
  it("take rates", function()
    for word, rate in pairs { ["5/s"] = 5, ["5"] = 5, ["0.5/sec"] = 0.5, ["30/m"] = 0.5,
      ["30/min"] = 0.5, ["1800/h"] = 0.5 } do
      assert.equal(rate, retry.rate(word))
    end
    refused(retry.rate, { "fast", "0/s", "-1/s", "5/d", "1e9/s", "5/", "/s", "", "2000000/s" })
  end)

  it("take headers as curl does", function()
    for _, word in ipairs { "Region: EMEA", "Region:", "X-A:b: c", "x_y: ü" } do
      assert.equal(word, edit.header(word))
    end
    refused(edit.header, { "Region", ": x", "A B: c", "A: b\r\nC: d", "", "A: \0" })
  end)

  it("take limits and numbers", function()
    assert.equal(math.huge, list.limit "all")
    assert.equal(1, list.limit "1")
    assert.equal(0, list.after "0")
    refused(list.limit, { "0", "-1", "1.5", "some", "99999999999999999999" })
    refused(list.after, { "-1", "x", "99999999999999999999" })
  end)
end)
