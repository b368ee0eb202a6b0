local core = require "iflow.core"
local csv = require "iflow.transform.csv"
local to_csv = require "iflow.transform.to_csv"
local transforms = require "spec.support.transforms"

local null = core.json.null

local function write(options, data)
  local out, bad = transforms.run({ to_csv(options) }, data)
  if bad[1] then return nil, bad[1].code end
  return out[1].body, out[1].content_type
end

describe("to_csv", function()
  it("writes the names and a record, in the order of the columns", function()
    local text, content_type = write({ columns = { "b", "a" } }, { a = "1", b = "2" })
    assert.equal("b,a\r\n2,1\r\n", text)
    assert.equal("text/csv", content_type)
  end)

  it("sorts the names when no columns are given", function()
    assert.equal("a,b\r\n1,2\r\n", (write({}, { b = "2", a = "1" })))
  end)

  it("writes a list of records", function()
    assert.equal("a,b\n1,\n,2\n",
      (write({ columns = { "a", "b" }, line_end = "\n" }, { { a = 1 }, { b = 2 } })))
    assert.equal("1,2\r\n3,4\r\n", (write({}, { { 1, 2 }, { 3, 4 } })))
    assert.equal("a\r\n", (write({ columns = { "a" } }, core.json.array {})))
  end)

  it("writes lists of values, with a header only when there are names", function()
    assert.equal("1,x\r\n", (write({}, { 1, "x" })))
    assert.equal("a,b\r\n1,x\r\n", (write({ columns = { "a", "b" } }, { 1, "x" })))
    assert.equal("1,x\r\n", (write({ columns = { "a", "b" }, header = false }, { 1, "x" })))
  end)

  it("quotes what needs it, and all on request", function()
    assert.equal('"a,b","c""d","e\nf","g\rh"," i",j k\r\n',
      (write({}, { "a,b", 'c"d', "e\nf", "g\rh", " i", "j k" })))
    assert.equal('"1","x"\r\n', (write({ quote_all = true }, { 1, "x" })))
    assert.equal("a,b;'c;'''\r\n", (write({ delimiter = ";", quote = "'" }, { "a,b", "c;'" })))
  end)

  it("writes numbers and booleans exactly", function()
    assert.equal("1,0.1,1.0,9007199254740993,true\r\n",
      (write({}, { 1, 0.1, 1.0, 9007199254740993, true })))
  end)

  it("tells null from a text like it", function()
    assert.equal("NULL,\"NULL\",\r\n", (write({ null = "NULL" }, { null, "NULL", "" })))
    assert.equal(",\"\",x\r\n", (write({ null = "" }, { null, "", "x" })))
    assert.equal('""\r\n', (write({}, { "" })))
  end)

  it("rejects what is no field", function()
    for _, data in ipairs { { a = {} }, { a = 0 / 0 }, { a = print } } do
      assert.is_nil((write({}, data)))
    end
    assert.equal("transform.invalid", select(2, write({ columns = { "a" } }, { "1", "2" })))
    assert.equal("transform.invalid", select(2, write({ quote = false }, { "a,b" })))
    assert.equal("transform.invalid", select(2, write({ header = true }, { "a" })))
    assert.equal("transform.invalid", select(2, write({}, { { "a" }, "b" })))
    assert.equal("transform.invalid", select(2, write({}, "bytes")))
  end)

  it("raises on wrong options", function()
    assert.error_matches(function() to_csv { colums = {} } end, "did you mean 'columns'")
    assert.error_matches(function() to_csv { columns = {} } end, "'columns'")
    assert.error_matches(function() to_csv { line_end = "x" } end, "'line_end'")
    assert.error_matches(function() to_csv { delimiter = "'", quote = "'" } end, "differ")
  end)

  it("is undone by csv", function()
    local record = { a = "1", ["b,c"] = 'x"\r\n', d = "", e = "\xef\xbb\xbf" }
    local out = transforms.run({ to_csv {}, csv {} }, record)
    assert.same({ record }, transforms.data(out))
    out = transforms.run({ to_csv { null = "-" }, csv { null = "-", header = false } },
      { "\xef\xbb\xbfx", null, "-" })
    assert.same({ { "\xef\xbb\xbfx", null, "-" } }, transforms.data(out))
  end)
end)
