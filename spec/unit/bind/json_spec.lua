local core = require "iflow.core"

local json = core.json
local encode, decode = json.encode, json.decode

local function refused(text, options)
  local value, err = decode(text, options)
  assert.is_nil(value)
  return err.code
end

local function unencodable(value, options)
  local text, err = encode(value, options)
  assert.is_nil(text)
  assert.equal("json.unencodable", err.code)
  return err.message
end

describe("json.decode", function()
  it("reads every kind of value", function()
    assert.same({ a = { 1, "x", true, false, { b = {} } } },
      decode '{"a":[1,"x",true,false,{"b":{}}]}')
    assert.equal(json.null, decode "null")
    assert.equal("", decode ' "" ')
    assert.same({ [""] = 1 }, decode '{"":1}')
  end)

  it("keeps integers exact to 64 bits and the kinds of numbers apart", function()
    for text, value in pairs {
      ["0"] = 0, ["-1"] = -1, ["9223372036854775807"] = math.maxinteger,
      ["-9223372036854775808"] = math.mininteger, ["1000000000000000000"] = 10 ^ 18 // 1 | 0,
    } do
      assert.equal(value, decode(text))
      assert.equal("integer", math.type(decode(text)))
    end
    for text, value in pairs {
      ["1.0"] = 1, ["1e0"] = 1, ["1E+2"] = 100, ["-0.5"] = -0.5, ["12.10"] = 12.1, ["1e-2"] = 0.01,
      ["123456789012345.6789"] = 123456789012345.6789, ["0.1"] = 0.1, ["5e-324"] = 5e-324,
      ["999999999999999.9"] = 999999999999999.9,
      ["1.7976931348623157e308"] = 1.7976931348623157e308,
    } do
      assert.equal(value, decode(text))
      assert.equal("float", math.type(decode(text)))
    end
    assert.equal(-math.huge, 1 / decode "-0")
  end)

  it("gives a bigger integer as a float only when that is exact", function()
    assert.equal(2.0 ^ 63, decode "9223372036854775808")
    assert.equal(-2.0 ^ 64, decode "-18446744073709551616")
    assert.equal("json.number", refused "9223372036854775809")
    assert.equal("json.number", refused "123456789012345678901")
    assert.equal("123456789012345678901", decode("123456789012345678901", { numbers = "string" }))
    assert.equal(2.0 ^ 63, decode("9223372036854775808", { numbers = "string" }))
    assert.equal(123456789012345678901, decode("123456789012345678901", { numbers = "float" }))
  end)

  it("keeps decimals that a float would change as texts, on request", function()
    local texts = { numbers = "string" }
    for _, text in ipairs {
      "0.12345678901234567890", "123456789012345678.5", "9007199254740993.0", "1e-400", "4e-324",
      "-0.1000000000000000055511151231257827", "1e400",
    } do assert.equal(text, decode(text, texts)) end
    for text, value in pairs {
      ["12.3400000000000000000000000"] = 12.34, ["0.30000000000000004"] = 0.1 + 0.2,
      ["5e-324"] = 5e-324, ["0.00000e5"] = 0.0, ["-1.5E-3"] = -0.0015,
      ["1.7976931348623157e308"] = 1.7976931348623157e308,
    } do assert.equal(value, decode(text, texts)) end
    assert.equal(0.12345678901234568, decode "0.12345678901234567890")
  end)

  it("never gives infinity", function()
    assert.equal("json.number", refused "1e400")
    assert.equal("json.number", refused("-1e400", { numbers = "float" }))
    assert.equal("1e400", decode("1e400", { numbers = "string" }))
    assert.equal("json.invalid", refused(("9"):rep(1001)))
  end)

  it("reads every amount like Lua does", function()
    for i = 1, 2000 do
      local text = ("%d.%02d"):format(i * 7919, i % 100)
      assert.equal(tonumber(text), decode(text))
    end
  end)

  it("unescapes", function()
    assert.equal('"\\/\b\f\n\r\t', decode [["\"\\\/\b\f\n\r\t"]])
    assert.equal("A\u{e4}\u{20ac}\u{1f600}\0z", decode [["\u0041\u00e4\u20AC\ud83d\uDE00\u0000z"]])
    assert.equal("ä€😀", decode '"ä€😀"')
    assert.equal("\u{10ffff}", decode [["\uDBFF\uDFFF"]])
  end)

  it("refuses what is not JSON", function()
    for _, text in ipairs {
      "", " ", "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]]", "[1}", '{"a":1]',
      "{1:2}", '{"a"}', '{"a":}', '{"a":1,}', '{"a":1 "b":2}', "{'a':1}", "nul", "nulll", "True",
      "NaN", "Infinity", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x1", "1 2", '"', '"\\',
      '"\\u12', '"\\u12G4"', '"\\x"', '"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"', '"a\nb"',
      '"\0"', "// c\n1", "\239\187", "\0", "1\0",
    } do
      assert.equal("json.invalid", refused(text), text)
    end
  end)

  it("refuses what is not UTF-8", function()
    for _, bytes in ipairs {
      "\x80", "\xff", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80",
      "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82",
      "\xf0\x9f\x98",
    } do
      assert.equal("json.invalid", refused('"' .. bytes .. '"'))
      assert.equal("json.invalid", refused('"' .. bytes))
    end
  end)

  it("names line and column and never the text", function()
    local _, err = decode '{\n  "käse": "geheim",\n  "ä": geheim\n}'
    assert.matches("line 3, column 8", err.message)
    assert.is_nil(err.message:find("geheim", 1, true))
  end)

  it("skips a byte order mark at the start only", function()
    assert.equal(1, decode "\u{feff}1")
    assert.equal("json.invalid", refused "1\u{feff}")
  end)

  it("limits the depth", function()
    local function nested(n) return ("["):rep(n) .. ("]"):rep(n) end
    assert.is_table(decode(nested(128)))
    assert.equal("json.invalid", refused(nested(129)))
    assert.is_table(decode(nested(1000), { depth = 1000 }))
    assert.equal("json.invalid", refused(nested(2), { depth = 1 }))
    assert.equal("json.invalid", refused(('{"a":'):rep(129)))
    assert.equal("json.invalid", refused(("["):rep(1000000), { depth = 1000 }))
  end)

  it("does with a name that occurs twice what it is told", function()
    local text = '{"a":{"x":1},"b":2,"a":{"x":3}}'
    assert.equal("json.invalid", refused(text))
    assert.same({ a = { x = 1 }, b = 2 }, decode(text, { duplicates = "first" }))
    assert.same({ a = { x = 3 }, b = 2 }, decode(text, { duplicates = "last" }))
    assert.equal("json.invalid", refused '{"a":null,"a":1}')
    assert.same({ { a = 1 }, { a = 2 } }, decode '[{"a":1},{"a":2}]')
  end)

  it("raises for wrong arguments", function()
    assert.error_matches(function() decode(1) end, "string expected")
    assert.error_matches(function() decode("1", { dept = 3 }) end,
      "unknown option 'dept', did you mean 'depth'")
    assert.error_matches(function() decode("1", { depth = 1001 }) end, "between 1 and 1000")
    assert.error_matches(function() decode("1", { depth = "3" }) end, "whole number")
    assert.error_matches(function() decode("1", { numbers = "big" }) end, "exact, string or float")
    local inherited = setmetatable({}, { __index = { depth = 3 } })
    assert.error_matches(function() decode("1", inherited) end, "plain table")
  end)
end)

describe("json.encode", function()
  it("writes every kind of value", function()
    assert.equal('[1,-2.5,"x",true,false,null,{"a":[]}]',
      encode { 1, -2.5, "x", true, false, json.null, { a = json.array {} } })
    assert.equal("null", encode(nil))
    assert.equal("{}", encode {})
  end)

  it("writes numbers that read back as the same", function()
    local values = {
      0, -1, math.maxinteger, math.mininteger, 1.0, -0.0, 0.1, 1 / 3, 1e100, 1e-7, 5e-324, 100.0,
      123456789.125, 2.0 ^ 53, 1.7976931348623157e308, 1e15, 1e16, 1e17,
    }
    for _, value in ipairs(values) do
      local back = decode(encode(value))
      assert.equal(value, back)
      assert.equal(math.type(value), math.type(back))
      assert.equal(1 / value, 1 / back)
    end
    assert.equal("1.0", encode(1.0))
    assert.equal("0.1", encode(0.1))
  end)

  it("writes amounts as people do", function()
    for text, value in pairs {
      ["0.0"] = 0.0, ["-0.0"] = -0.0, ["0.5"] = 0.5, ["-12.35"] = -12.35, ["100.0"] = 100.0,
      ["0.001"] = 0.001, ["999999999999.999"] = 999999999999.999, ["0.0001"] = 0.0001,
      ["-0.007"] = -0.007, ["10.05"] = 10.05,
    } do
      assert.equal(text, encode(value))
    end
    for i = 1, 2000 do
      local value = math.random() * 10 ^ math.random(-6, 14)
      assert.equal(value, decode(encode(value)))
      value = i * 0.01 * 3
      assert.equal(value, decode(encode(value)))
    end
  end)

  it("escapes what must be escaped, and nothing else", function()
    assert.equal([["\"\\/\b\f\n\r\t\u0000\u001f]] .. "\x7fä😀\"",
      encode '"\\/\b\f\n\r\t\0\x1f\x7fä😀')
  end)

  it("sorts and indents on request", function()
    local value = { b = 1, a = { y = json.array {}, x = {} }, ["ä"] = { { c = 2 } }, ["a b"] = 0 }
    assert.equal('{"a":{"x":{},"y":[]},"a b":0,"b":1,"ä":[{"c":2}]}',
      encode(value, { sort = true }))
    assert.equal([[
{
  "a": [
    1,
    []
  ],
  "b": {}
}]], encode({ a = { 1, json.array {} }, b = {} }, { sort = true, pretty = true }))
    assert.equal("1", encode(1, { pretty = true }))
  end)

  it("sorts nested objects of any size", function()
    local value, names = {}, {}
    for i = 1, 300 do value[("k%03d"):format(i)] = { z = i, a = { i } } end
    local text = encode(value, { sort = true })
    for name in text:gmatch '"(k%d+)":{"a":%[%d+%],"z"' do names[#names + 1] = name end
    assert.equal(300, #names)
    for i = 2, 300 do assert.is_true(names[i - 1] < names[i]) end
  end)

  it("keeps empty arrays and objects apart on the way back", function()
    local text = '{"a":[],"b":{},"c":[[],{}]}'
    assert.equal(text, encode(decode(text), { sort = true }))
    local list = decode "[1]"
    list[1] = nil
    assert.equal("[]", encode(list))
  end)

  it("names the path of what it refuses", function()
    assert.matches("at %$%.a%.b%[3%]: a function", unencodable { a = { b = { 1, 2, print } } })
    assert.matches("at %$%[1%]: JSON has no infinity", unencodable { 1 / 0 })
    assert.matches("at %$: JSON has no infinity", unencodable(0 / 0))
    assert.matches("at %$%.a: a text is not UTF%-8", unencodable { a = "\xff" })
    assert.matches("at %$: a text is not UTF%-8", unencodable { ["\xed\xa0\x80"] = 1 })
    assert.matches("holes", unencodable { 1, nil, 3 })
    assert.matches("holes", unencodable { 1, 2, x = 3 })
    assert.matches("as a name", unencodable { [1.5] = 1 })
    assert.matches("as a name", unencodable({ [true] = 1 }, { sort = true }))
    assert.matches("a userdata", unencodable { core.secret.new "x" })
    assert.matches("a thread", unencodable(coroutine.create(print)))
  end)

  it("notices a table inside itself", function()
    local t = {}
    t.t = t
    assert.matches("nested more than 128", unencodable(t))
    assert.matches("nested more than 2 ", unencodable({ { { 1 } } }, { depth = 2 }))
  end)

  it("ignores foreign metatables", function()
    local err = core.error.make { code = "call.rejected", message = "m", hint = "h" }
    assert.equal('{"code":"call.rejected","hint":"h","message":"m","retryable":false}',
      encode(err, { sort = true }))
  end)

  it("raises for wrong arguments", function()
    assert.error_matches(function() encode() end, "value expected")
    assert.error_matches(function() encode(1, { prety = true }) end, "did you mean 'pretty'")
    assert.error_matches(function() encode(1, { pretty = 1 }) end, "true or false")
  end)
end)

describe("json.null and the marks", function()
  it("null is one value that prints as null", function()
    assert.equal("null", tostring(json.null))
    assert.equal(json.null, decode "[null]"[1])
    assert.is_truthy(json.null)
  end)

  it("array and object mark and return their table", function()
    local t = {}
    assert.equal(t, json.array(t))
    assert.is_true(json.is_array(t))
    assert.equal("[]", encode(t))
    assert.equal("{}", encode(json.object(t)))
    assert.is_false(json.is_array(t))
    assert.is_true(json.is_array(decode "[]"))
    assert.is_false(json.is_array(decode "{}"))
    assert.is_false(json.is_array { 1 })
    assert.is_false(json.is_array "x")
  end)

  it("refuse a table with a metatable of its own", function()
    assert.error_matches(function() json.array(setmetatable({}, {})) end, "metatable of its own")
  end)

  it("stay the same when the module is loaded again", function()
    local null = json.null
    package.loaded["iflow.core"] = nil
    assert.equal(null, require("iflow.core").json.null)
    package.loaded["iflow.core"] = core
  end)
end)

describe("a decoded document", function()
  -- Random documents, written and read back: the reader and the writer must agree.
  local function random_value(depth)
    local kind = math.random(depth > 0 and 8 or 6)
    if kind == 1 then return math.random(0) end
    if kind == 2 then return math.random() * 10 ^ math.random(-20, 20) end
    if kind == 3 then return math.random(2) == 1 end
    if kind == 4 then return json.null end
    if kind <= 6 then
      local chars = {}
      for i = 1, math.random(0, 8) do chars[i] = utf8.char(math.random(0, 0xd7ff)) end
      return table.concat(chars)
    end
    local t = {}
    for i = 1, math.random(0, 5) do
      t[kind == 7 and i or "k" .. math.random(100)] = random_value(depth - 1)
    end
    return kind == 7 and json.array(t) or t
  end

  it("is written as it was read", function()
    for _ = 1, 300 do
      local text = assert(encode({ random_value(5) }, { pretty = math.random(2) == 1 }))
      local value = assert(decode(text))
      assert.equal(encode(value, { sort = true }), encode(decode(encode(value)), { sort = true }))
    end
  end)
end)
