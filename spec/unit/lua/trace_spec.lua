-- Traces by the W3C Recommendation "Trace Context": what is one, and what goes on.
local trace = require "iflow.trace"

local ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
local FINE = ("00-%s-%s-01"):format(ID, PARENT)

describe("trace.parse", function()
  it("takes a traceparent as it is", function()
    assert.same({ traceparent = FINE }, trace.parse(FINE))
    assert.equal(ID, trace.id(trace.parse(FINE)))
    assert.is_true(trace.is(trace.parse(FINE)))
  end)

  it("takes later versions as version 00, and knows one flag", function()
    local plain = ("00-%s-%s-01"):format(ID, PARENT)
    for _, text in ipairs { ("cc-%s-%s-01"):format(ID, PARENT), ("00-%s-%s-ff"):format(ID, PARENT),
      ("cc-%s-%s-01-what-the-future-will-be"):format(ID, PARENT) } do
      assert.equal(plain, trace.parse(text).traceparent, text)
    end
    assert.equal(("00-%s-%s-00"):format(ID, PARENT),
      trace.parse(("00-%s-%s-02"):format(ID, PARENT)).traceparent)
  end)

  it("refuses everything else", function()
    local zero, zeros = ("0"):rep(32), ("0"):rep(16)
    for _, text in ipairs { "", "00", ID, ("ff-%s-%s-01"):format(ID, PARENT),
      ("00-%s-%s-01"):format(zero, PARENT), ("00-%s-%s-01"):format(ID, zeros),
      ("00-%s-%s-01"):format(ID:upper(), PARENT), ("00-%s-%s-01"):format(ID, PARENT:upper()),
      ("00-%s-%s-0A"):format(ID, PARENT), ("00-%s-%s-1"):format(ID, PARENT),
      ("00-%s-%s-01-more"):format(ID, PARENT), ("00-%s-%s-01."):format(ID, PARENT),
      ("cc-%s-%s-01.more"):format(ID, PARENT), ("00-%s-%s"):format(ID, PARENT),
      (" 00-%s-%s-01"):format(ID, PARENT), ("00-%s-%s-01 "):format(ID, PARENT),
      ("00-%sg-%s-01"):format(ID:sub(2), PARENT), ("00_%s_%s_01"):format(ID, PARENT),
      FINE .. ", " .. FINE } do
      assert.is_nil(trace.parse(text), text)
    end
    assert.is_nil(trace.parse(nil, "a=1"))
  end)
end)

describe("a tracestate", function()
  local function state(text) return trace.parse(FINE, text).tracestate end

  it("goes on as it is", function()
    for _, text in ipairs { "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "fw529a3039@dt=FfAd1_0:~ +",
      "a/b_c-d*e=!", "0tenant@sys=1", ("k"):rep(256) .. "=" .. ("v"):rep(200) } do
      assert.equal(text, state(text))
    end
    assert.equal("a=1,b=2", state "a=1 ,\t, b=2,")
  end)

  it("that is not valid is left out, and the trace stays", function()
    local many = {}
    for i = 1, 33 do many[i] = ("k%d=v"):format(i) end
    for _, text in ipairs { "a", "=1", "a=", "A=1", "a=1,a=2", "1a=1", "a=b=c", "a b=1", "a=\1",
      "a@=1", "@a=1", "a@1b=1", "a@b@c=1", ("k"):rep(257) .. "=1", "a=" .. ("v"):rep(257),
      "a@" .. ("s"):rep(15) .. "=1", ("t"):rep(242) .. "@s=1", "", " , ",
      table.concat(many, ",") } do
      assert.is_nil(state(text), text)
      assert.equal(FINE, trace.parse(FINE, text).traceparent)
    end
    assert.equal(table.concat(many, ",", 1, 32), state(table.concat(many, ",", 1, 32)))
  end)

  it("of more than 512 bytes loses long members first, then the last ones", function()
    local long = "long=" .. ("v"):rep(200)
    local short = {}
    for i = 1, 6 do short[i] = ("k%d=%s"):format(i, ("v"):rep(60)) end
    assert.equal(table.concat(short, ","), state(short[1] .. "," .. long .. ","
      .. table.concat(short, ",", 2)))
    for i = 7, 12 do short[i] = ("k%d=%s"):format(i, ("v"):rep(60)) end
    assert.equal(table.concat(short, ",", 1, 8), state(table.concat(short, ",")))
  end)
end)

describe("trace.make and trace.child", function()
  it("make what is valid, and never the same", function()
    local seen = {}
    for _ = 1, 100 do
      local made = trace.make()
      assert.is_true(trace.is(made))
      assert.is_nil(seen[trace.id(made)])
      seen[trace.id(made)] = true
    end
  end)

  it("keep trace, flags and state in a child, with a parent of its own", function()
    local from = trace.parse(("00-%s-%s-00"):format(ID, PARENT), "a=1")
    local one, two = trace.child(from), trace.child(from)
    assert.is_true(trace.is(one))
    assert.equal(ID, trace.id(one))
    assert.equal("a=1", one.tracestate)
    assert.equal("00", one.traceparent:sub(-2))
    assert.not_equal(PARENT, one.traceparent:sub(37, 52))
    assert.not_equal(one.traceparent, two.traceparent)
  end)
end)
