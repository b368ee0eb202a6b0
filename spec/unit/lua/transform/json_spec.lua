local core = require "iflow.core"
local json = require "iflow.transform.json"
local to_json = require "iflow.transform.to_json"
local raises = require "spec.support.raises"
local transforms = require "spec.support.transforms"

local null = core.json.null

local function data_of(options, text)
  local out = transforms.run({ json(options) }, text)
  return transforms.data(out)
end

local function refused(options, text)
  local out, rejected = transforms.run({ json(options) }, text)
  assert.equal(0, #out)
  assert.equal(1, #rejected)
  return rejected[1].code, rejected[1].err
end

describe("json", function()
  it("makes data of a body", function()
    assert.same({ { id = 1, list = { 1, 2.5, "x" }, none = null } },
      data_of({}, '{"id":1,"list":[1,2.5,"x"],"none":null}'))
    assert.same({ null }, data_of({}, "null"))
    assert.same({ false }, data_of({}, "false"))
  end)

  it("keeps numbers exact, and what no number holds as text on request", function()
    local data = data_of({ numbers = "string" },
      "[9007199254740993, 123456789012345678901234567890, 1.10, 0.12345678901234567890]")[1]
    assert.same({ 9007199254740993, "123456789012345678901234567890", 1.1,
      "0.12345678901234567890" }, data)
    assert.equal("integer", math.type(data[1]))
    assert.equal("transform.invalid", (refused({}, "123456789012345678901234567890")))
  end)

  it("tells an empty array from an empty object, to the other end", function()
    local out = transforms.run({ json {}, to_json { sort = true } }, '{"a":[],"b":{},"c":[{}]}')
    assert.equal('{"a":[],"b":{},"c":[{}]}', out[1].body)
  end)

  it("rejects what is no JSON, names twice, what is too deep and too large", function()
    local code, err = refused({}, '{"a":\n tru}')
    assert.equal("transform.invalid", code)
    assert.equal("json.invalid", err.cause.code)
    refused({}, '"\255"')
    refused({}, '{"a":1,"a":2}')
    assert.same({ { a = 2 } }, data_of({ duplicates = "last" }, '{"a":1,"a":2}'))
    refused({ depth = 2 }, "[[[]]]")
    assert.equal("limit.exceeded", (refused({ max_record = 5 }, "[1,2,3]")))
  end)

  it("rejects a message that has data already", function()
    local out, rejected = transforms.run({ json {} }, { a = 1 })
    assert.equal(0, #out)
    assert.equal("transform.invalid", rejected[1].code)
  end)

  it("raises for wrong options at the line of the script", function()
    raises("did you mean 'lines'", function() json { line = true } end)
    raises("'lines'", function() json { lines = 1 } end)
    raises("'numbers'", function() json { numbers = "all" } end)
    raises("'depth'", function() json { depth = 1001 } end)
  end)
end)

describe("json { lines = true }", function()
  local function lines(text, options)
    options = options or {}
    options.lines = true
    return transforms.same_in_pieces({ json(options) }, text)
  end

  it("gives a message a line, with line and record", function()
    local data, bad, messages = lines '{"a":1}\n\n  \r\n[2]\r\n3'
    assert.same({ { a = 1 }, { 2 }, 3 }, data)
    assert.same({}, bad)
    assert.same({ file = "input", line = 4, record = 2 }, messages[2].source)
    assert.same({ file = "input", line = 5, record = 3 }, messages[3].source)
  end)

  it("rejects a bad line alone, with the line as body", function()
    local data, bad = lines '1\n{"a":\n3\n'
    assert.same({ 1, 3 }, data)
    assert.equal(1, #bad)
    assert.same({ "transform.invalid", 2, 2 }, { bad[1].code, bad[1].line, bad[1].record })
    assert.equal('{"a":', bad[1].message.body)
  end)

  it("rejects a line that is too long alone", function()
    local data, bad = lines('"1"\n"1234567890"\n"2"\n', { max_record = 5 })
    assert.same({ "1", "2" }, data)
    assert.same({ 2, 2 }, { bad[1].line, bad[1].record })
  end)

  it("leaves out a byte order mark", function()
    assert.same({ 1 }, (lines "\xef\xbb\xbf1\n"))
  end)

  it("gives each message an id of its own", function()
    local message = require "iflow.message"
    local out = transforms.run({ json { lines = true } }, message.new { id = "x", body = "1\n2" })
    assert.is_nil(out[1].id)
  end)
end)

describe("to_json", function()
  local function text_of(options, data)
    local out, rejected = transforms.run({ to_json(options) }, data)
    if rejected[1] then return nil, rejected[1].code end
    return out[1].body, out[1].content_type
  end

  it("makes a body and says what it is", function()
    local data = { a = { 1, 1.0, "x" } }
    assert.same({ '{"a":[1,1.0,"x"]}', "application/json" }, { text_of({}, data) })
  end)

  it("sorts names and is pretty on request", function()
    local data = { b = { d = 3, c = 2 }, a = 1 }
    assert.equal('{"a":1,"b":{"c":2,"d":3}}', (text_of({ sort = true }, data)))
    assert.equal('{\n  "a": 1\n}', (text_of({ pretty = true }, { a = 1 })))
  end)

  it("rejects what JSON cannot hold, and a body", function()
    assert.same({ nil, "transform.invalid" }, { text_of({}, { a = 1 / 0 }) })
    assert.same({ nil, "transform.invalid" }, { text_of({}, { a = "\255" }) })
    local _, rejected = transforms.run({ to_json {} }, "text")
    assert.equal("transform.invalid", rejected[1].code)
  end)

  it("raises for wrong options", function()
    raises("did you mean 'pretty'", function() to_json { prety = true } end)
  end)
end)
