-- The chain of transforms by itself.
local iflow = require "iflow"
local message = require "iflow.message"
local transform = require "iflow.transform"

-- Runs messages through steps: what came out (bodies or data), and rejections "step: text".
local function through(steps, ...)
  local out, rejected = {}, {}
  local chain = transform.pipeline(transform.check(steps, 1),
    function(msg) out[#out + 1] = msg.body or msg.data end,
    function(_, err, at) rejected[#rejected + 1] = at .. ": " .. err.message end)
  for _, payload in ipairs { ... } do chain:push(message.of(payload)) end
  chain:finish()
  return out, rejected
end

local words = { name = "words", run = function(_, msg, emit)
  local n = 0
  for word in msg.body:gmatch "%S+" do
    n = n + 1
    local one = msg:with { body = word, record = n, id = false }
    if word == "bad" then
      emit(one, iflow.error { code = "transform.invalid", message = "a bad word" })
    else
      emit(one)
    end
  end
end }

local pairs_of = { begin = function()
  local held
  return {
    run = function(_, msg, emit)
      if held then
        emit(msg:with { body = held .. "+" .. msg.body })
        held = nil
      else
        held = msg.body
      end
    end,
    finish = function(_, emit) if held then emit(message.new { body = held }) end end,
  }
end }

describe("the chain", function()
  it("is empty, or one step", function()
    assert.same({ "x" }, (through({}, "x")))
    assert.same({ "X" }, (through(function(msg) return msg.body:upper() end, "x")))
  end)

  it("makes many of one and one of many, and rejects one among them", function()
    local out, rejected = through({ words, pairs_of }, "a b bad c", "d e")
    assert.same({ "a+b", "c+d", "e" }, out)
    assert.same({ "1: input (record 3): a bad word" }, rejected)
  end)

  it("starts anew each time", function()
    local steps = { pairs_of }
    assert.same({ "a" }, (through(steps, "a")))
    assert.same({ "b" }, (through(steps, "b")))
  end)

  it("goes on after a step that fails", function()
    local out, rejected = through({ function(msg)
      if msg.body == "1" then error "one" end
      if msg.body == "2" then error { code = "my.code", message = "two" } end
      if msg.body == "3" then return nil, "three" end
      if msg.body == "4" then return nil end
      if msg.body == "5" then return 5 end
      return msg
    end }, "0", "1", "2", "3", "4", "5", "6")
    assert.same({ "0", "6" }, out)
    assert.equal(5, #rejected)
    assert.matches("transform_spec.lua:%d+: one$", rejected[1])
    assert.matches("two", rejected[2])
    assert.matches("three", rejected[3])
    assert.matches("returned nothing", rejected[4])
    assert.matches("not a number", rejected[5])
  end)

  it("says where a message comes from", function()
    local _, rejected = through({ function() error "no" end },
      message.new { body = "x", source = { file = "f.csv", line = 7, record = 6 } })
    assert.matches("^1: f.csv:7 %(record 6%): .*no$", rejected[1])
  end)

  it("knows which step made bytes of data", function()
    local seen
    local chain = transform.pipeline({
      function(msg) return msg:with { data = { 1 } } end,
      function(msg) return msg:with { body = "1" } end,
      function(msg) return msg:with { body = "one" } end,
    }, function(msg) seen = msg end, error)
    chain:push(message.new { body = "0" })
    assert.equal(2, seen.encoded_by)
    assert.same({ 1 }, seen.data)
  end)

  it("can be stopped from its end", function()
    local n = 0
    local chain = transform.pipeline({ words }, function()
      n = n + 1
      if n == 2 then transform.stop() end
    end, error)
    local ok, err = pcall(chain.push, chain, message.new { body = "a b c" })
    assert.is_false(ok)
    assert.is_true(transform.is_stop(err))
    assert.equal(2, n)
  end)
end)

describe("iflow.transform", function()
  it("knows its transforms by their files", function()
    assert.is_function(iflow.transform.csv)
    assert.error_matches(function() return iflow.transform.csvv end, "no transform 'csvv'")
    assert.error_matches(function() return iflow.transform[1] end, "no transform '1'")
  end)
end)
