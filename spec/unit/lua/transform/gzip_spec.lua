local gunzip = require "iflow.transform.gunzip"
local gzip = require "iflow.transform.gzip"
local message = require "iflow.message"
local process = require "spec.support.process"
local transforms = require "spec.support.transforms"

local function compress(text, options)
  return (transforms.run({ gzip(options) }, text)[1])
end

-- The text that comes out, or nil and the code.
local function unpack_text(body, options)
  local out, bad = transforms.run({ gunzip(options) }, body)
  if bad[1] then return nil, bad[1].code end
  local ok, text = pcall(out[1].text, out[1], 1 << 30)
  if ok then return text end
  return nil, text.code
end

local text = ("The quick brown fox jumps over the lazy dog. "):rep(20000)

describe("gzip", function()
  it("compresses to what gzip(1) reads", function()
    local dir <close> = process.tempdir()
    local body = compress(text).body
    assert.is_true(#body < #text / 50)
    assert.equal(text, process.run({ "gzip", "-dc", dir:write("x.gz", body) }).out)
  end)

  it("gives the same bytes for the same text, however it comes", function()
    local body = compress(text).body
    assert.equal(body, compress(text).body)
    assert.equal(body, compress(transforms.in_pieces(text, 7777)):text())
    assert.not_equal(body, compress(text, { level = 1 }).body)
  end)

  it("is a file, or an encoding on request", function()
    local msg = message.new { body = "x", content_type = "text/csv", headers = { A = "1" } }
    local out = transforms.run({ gzip {} }, msg)[1]
    assert.equal("application/gzip", out.content_type)
    assert.same({ A = "1" }, out.headers)
    out = transforms.run({ gzip { encoding = true } }, msg)[1]
    assert.equal("text/csv", out.content_type)
    assert.same({ A = "1", ["Content-Encoding"] = "gzip" }, out.headers)
  end)

  it("raises on wrong options", function()
    assert.error_matches(function() gzip { level = 10 } end, "'level'")
    assert.error_matches(function() gzip { levle = 1 } end, "did you mean 'level'")
    assert.error_matches(function() gunzip { max = 0 } end, "'max'")
  end)
end)

describe("gunzip", function()
  it("undoes gzip, whole and in pieces", function()
    for _, sample in ipairs { "", "x", text } do
      local body = compress(sample).body
      assert.equal(sample, unpack_text(body))
      assert.equal(sample, unpack_text(transforms.in_pieces(body, 1)))
    end
  end)

  it("reads what gzip(1) writes, several members too", function()
    local dir <close> = process.tempdir()
    dir:write("a", "one ")
    dir:write("b", "two")
    local body = process.run({ "sh", "-c", "gzip -c a; gzip -9c b", dir = dir.path }).out
    assert.equal("one two", unpack_text(body))
    assert.equal("one two", unpack_text(transforms.in_pieces(body, 3)))
  end)

  it("streams what is long", function()
    local long = ("0123456789abcdef"):rep(1 << 18)
    local out = transforms.run({ gunzip {} }, compress(long):text())
    assert.equal("function", type(out[1].body))
    assert.equal(long, out[1]:text(1 << 30))
  end)

  it("rejects what is damaged or cut off", function()
    local body = compress(text).body
    assert.equal("transform.invalid", select(2, unpack_text("no gzip")))
    assert.equal("transform.invalid", select(2, unpack_text(body:sub(1, -2))))
    assert.equal("transform.invalid", select(2, unpack_text(body:sub(1, 5))))
    assert.equal("transform.invalid", select(2, unpack_text(body .. "x")))
    local at = #body - 6 -- in the checksum
    local wrong = body:sub(1, at - 1) .. string.char(body:byte(at) ~ 1) .. body:sub(at + 1)
    assert.equal("transform.invalid", select(2, unpack_text(wrong)))
  end)

  it("stops at the limit, before more is unpacked", function()
    local bomb = compress(("\0"):rep(1 << 24)).body
    assert.is_true(#bomb < 20000)
    assert.equal("limit.exceeded", select(2, unpack_text(bomb, { max = (1 << 24) - 1 })))
    assert.equal("limit.exceeded", select(2, unpack_text(bomb, { max = 1000 })))
    assert.equal(1 << 24, #unpack_text(bomb, { max = 1 << 24 }))
  end)
end)
