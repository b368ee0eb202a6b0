local batch = require "iflow.transform.batch"
local core = require "iflow.core"
local message = require "iflow.message"
local raises = require "spec.support.raises"
local transform = require "iflow.transform"
local transforms = require "spec.support.transforms"

-- The bodies or data of what comes out of a batch of these messages, and the rejected ones.
local function batched(options, list)
  local out, rejected = {}, {}
  local chain = transform.pipeline({ batch(options) }, function(msg) out[#out + 1] = msg end,
    function(_, err) rejected[#rejected + 1] = err.code end)
  for at, payload in ipairs(list) do
    local msg = message.of(payload, { file = "f", record = at })
    chain:push(msg)
  end
  chain:finish()
  return transforms.data(out), out, rejected
end

local function data(...)
  local list = {}
  for at, value in ipairs { ... } do list[at] = message.new { data = value } end
  return list
end

describe("batch", function()
  it("makes lists of data, the last one at the end", function()
    local lists, out = batched({ count = 2 }, data(1, 2, 3, 4, 5))
    assert.same({ { 1, 2 }, { 3, 4 }, { 5 } }, lists)
    assert.is_true(core.json.is_array(out[3].data))
    assert.same({ { l = { { a = 1 } } } }, (batched({ count = 9, field = "l" }, data { a = 1 })))
    assert.same({}, (batched({ count = 2 }, {})))
  end)

  it("joins bodies with a separator", function()
    assert.same({ "a\nb", "c" }, (batched({ count = 2, separator = "\n" }, { "a", "b", "c" })))
    assert.same({ "ab" }, (batched({ count = 2 }, { "a", "b" })))
  end)

  it("keeps to a number of bytes, separators included", function()
    assert.same({ "aa,bb", "cc,dd", "e" },
      (batched({ bytes = 5, separator = "," }, { "aa", "bb", "cc", "dd", "e" })))
    assert.same({ "aa", "large one", "b" },
      (batched({ bytes = 5, separator = "," }, { "aa", "large one", "b" })))
    assert.same({ { "aa", "bb" }, { "cc" } }, (batched({ bytes = 9 }, data("aa", "bb", "cc"))))
    assert.same({ "a,b", "c,d" },
      (batched({ bytes = 100, count = 2, separator = "," }, { "a", "b", "c", "d" })))
  end)

  it("never puts data and bodies into one", function()
    local list = data(1)
    list[2], list[3] = "body", data(2)[1]
    assert.same({ { 1 }, "body", { 2 } }, (batched({ count = 9 }, list)))
  end)

  it("takes headers, content type and source of the first", function()
    local _, out = batched({ count = 2 }, {
      message.new { id = "1", body = "a", headers = { K = "1" }, content_type = "text/x",
                    source = { record = 5 } },
      message.new { id = "2", body = "b", headers = { K = "2" } } })
    assert.same({ { K = "1" }, "text/x", { record = 5 } },
      { out[1].headers, out[1].content_type, out[1].source })
    assert.is_nil(out[1].id)
  end)

  it("rejects what has no bytes to count, and goes on", function()
    local out, _, rejected = batched({ bytes = 100 }, { { 1 / 0 }, { 1 } })
    assert.same({ { { 1 } } }, out)
    assert.same({ "transform.invalid" }, rejected)
  end)

  it("holds messages of each chain apart", function()
    local step = batch { count = 2 }
    assert.same({ "a" }, transforms.data((transforms.run({ step }, "a"))))
    assert.same({ "b" }, transforms.data((transforms.run({ step }, "b"))))
  end)

  it("raises for wrong options", function()
    raises("'count' or 'bytes'", function() batch {} end)
    raises("'count'", function() batch { count = 0 } end)
    raises("'bytes'", function() batch { bytes = 1.5 } end)
    raises("did you mean 'separator'", function() batch { count = 1, seperator = "," } end)
  end)
end)
