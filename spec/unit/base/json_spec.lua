-- The strict JSON documents behind service keys, token answers and configuration. Seen through
-- service_key.parse: what is no JSON is service_key.invalid; what is JSON, but not a service key
-- (here: a member "x" beside it is ignored), is judged by its fields.
local service_key = require("iflow.core").service_key

local valid = [[{"oauth":{"clientid":"sb-1!b2|it-rt-acme!b3","clientsecret":"s",
  "tokenurl":"https://a.example/oauth/token","url":"https://b.example"},"x":%s}]]

local function code_of(text)
  local key, err = service_key.parse(text)
  return key and "fine" or err.code
end

-- "fine" when `value` is accepted as JSON anywhere in a document.
local function judge(value) return code_of((valid:gsub("%%s", function() return value end))) end

local function all(list, expected)
  for _, value in ipairs(list) do assert.equal(expected, judge(value), value) end
end

describe("a JSON document", function()
  it("may be anything RFC 8259 allows", function()
    all({
      "{}", "[]", "[[],{}]", "null", "true", "false", '""', '"a"', "0", "-0", "1", "-1.5", "1e3",
      "1E+3", "1.25e-3", '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\u00e4\\ud83d\\ude00"', '"ä😀"',
      "[1 , 2\t,\r\n3]", "  { \"a\" : [ ] }  ", '"\u{7f}"', '"\u{d7ff}\u{e000}\u{10ffff}"',
    }, "fine")
  end)

  it("may begin with a byte order mark", function()
    assert.equal("fine", code_of("\xef\xbb\xbf" .. valid:format "1"))
  end)

  it("is refused for values that are none", function()
    all({
      "", "tru", "nul", "True", "undefined", "NaN", "Infinity", "'a'", "a", "01", "-", "+1", ".5",
      "1.", "1e", "1e+", "0x10", "--1", ("1"):rep(70), "1e999", "-1e999",
    }, "service_key.invalid")
  end)

  it("is refused for broken strings", function()
    all({
      '"', '"\\"', '"\\x"', '"\\u12"', '"\\u12g4"', '"\\ud800"', '"\\ud800\\u0041"', '"\\udc00"',
      '"a\nb"', '"a\tb"', '"\1"', '"\xff"', '"\xc0\x80"', '"\xe0\x80\x80"', '"\xed\xa0\x80"',
      '"\xf4\x90\x80\x80"', '"\xf0\x80\x80\x80"', '"\xc3"',
    }, "service_key.invalid")
  end)

  it("is refused for broken lists and objects", function()
    all({
      "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "]", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,}',
      '{"a" 1}', "{1:2}", "{a:1}", '{,}', "[1}", '{"a":1]', "/* */ 1", "1 // x",
    }, "service_key.invalid")
  end)

  it("is refused for what follows it", function()
    assert.equal("service_key.invalid", code_of(valid:format "1" .. "x"))
    assert.equal("service_key.invalid", code_of(valid:format "1" .. valid:format "1"))
    assert.equal("service_key.invalid", code_of(valid:format "1" .. "\0"))
    assert.equal("fine", code_of(valid:format "1" .. " \r\n\t"))
  end)

  it("is refused for NUL, raw and escaped", function()
    all({ '"\0"', '"\\u0000"', "\0", '{"a\\u0000b":1}' }, "service_key.invalid")
    assert.equal("service_key.invalid", code_of "\0")
    assert.equal("service_key.invalid", code_of "")
  end)

  it("is refused when an object has a member twice, however it is written", function()
    all({ '{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '[{"b":{"a":1,"c":2,"a":3}}]' },
      "service_key.invalid")
    all({ '{"a":1,"A":1}', '[{"a":1},{"a":1}]', '{"a":{"a":1}}' }, "fine")
  end)

  it("is refused when it nests too deep", function()
    local function nested(n) return ("["):rep(n) .. ("]"):rep(n) end
    assert.equal("fine", judge(nested(31)))
    assert.equal("service_key.invalid", judge(nested(32)))
    assert.equal("service_key.invalid", judge(('{"a":'):rep(32) .. "1" .. ("}"):rep(32)))
    assert.equal("service_key.invalid", code_of(("["):rep(200000)))
  end)

  it("is refused when it has too many values", function()
    local function many(n) return "[" .. ("1,"):rep(n - 1) .. "1]" end
    assert.equal("fine", judge(many(9000)))
    assert.equal("service_key.invalid", judge(many(10001)))
  end)

  it("with thousands of members is fine", function()
    local members = {}
    for i = 1, 9000 do members[i] = ('"m%d":1'):format(i) end
    assert.equal("fine", judge("{" .. table.concat(members, ",") .. "}"))
  end)

  it("names the place, not the text", function()
    local _, err = service_key.parse('{"oauth": {\n "clientsecret": "top-secret" x}}', "k.json")
    assert.equal("service_key.invalid", err.code)
    assert.is_truthy(err.message:find("line 2", 1, true))
    assert.is_nil(tostring(err):find("top-secret", 1, true))
  end)

  it("has a limit in bytes", function()
    assert.equal("limit.exceeded", code_of(valid:format('"' .. ("x"):rep(300 * 1024) .. '"')))
    assert.equal("fine", code_of(valid:format('"' .. ("x"):rep(200 * 1024) .. '"')))
  end)
end)
