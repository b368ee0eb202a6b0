-- Messages: copies, bodies, where they come from.
local message = require "iflow.message"
local process = require "spec.support.process"

describe("a message", function()
  it("is made of what a script has", function()
    assert.equal("x", message.of("x").body)
    assert.same({ 1 }, message.of({ 1 }).data)
    local msg = message.new { body = "y" }
    assert.equal(msg, message.of(msg))
    assert.error_matches(function() message.of(5) end, "got number")
    assert.error_matches(function() message.new { bdy = "x" } end, "did you mean 'body'")
    assert.error_matches(function() message.new { body = 5 } end, "body of a message")
  end)

  it("is copied with changes; neither sees the other's", function()
    local one = message.new { body = "x", headers = { A = "1" }, id = "i",
      source = { file = "f" }, content_type = "t" }
    local two = one:with { data = { 2 }, line = 3, record = 2, id = false }
    two.headers.A, two.source.file = "2", "g"
    assert.same({ "x", nil, "1", "f", "i" }, { one.body, one.data, one.headers.A,
      one.source.file, one.id })
    assert.same({ 2 }, two.data)
    assert.is_nil(two.body)
    assert.is_nil(two.id)
    assert.equal("t", two.content_type)
    local three = two:with { body = "b" }
    assert.same({ 2 }, three.data)
    assert.equal("b", three.body)
    assert.error_matches(function() one:with { text = "x" } end, "unknown option 'text'")
  end)

  it("says where it comes from", function()
    local function where(source, id) return message.new { source = source, id = id }:where() end
    assert.equal("f.csv:3 (record 2)", where { file = "f.csv", line = 3, record = 2 })
    assert.equal("f.csv", where { file = "f.csv" })
    assert.equal("input (record 2)", where { record = 2 })
    assert.equal("message i", where({}, "i"))
    assert.equal("the message", where {})
  end)

  it("gives its bytes in pieces or as a whole", function()
    local dir <close> = process.tempdir()
    local long = ("0123456789"):rep(20000)
    local function pieces_of(body)
      local list = {}
      for piece in assert(message.new { body = body }:pieces()) do list[#list + 1] = piece end
      return list
    end
    assert.equal(long, table.concat(pieces_of(long)))
    assert.equal(4, #pieces_of(long))
    assert.equal(long, table.concat(pieces_of { file = dir:write("long", long) }))
    local i = 0
    assert.same({ "a", "b" }, pieces_of(function()
      i = i + 1
      return ({ "a", "", "b" })[i]
    end))
    assert.equal(long, message.new { body = { file = dir:file "long" } }:text())
    local text, err = message.new { body = long }:text(1000)
    assert.is_nil(text)
    assert.equal("limit.exceeded", err.code)
    text, err = message.new { body = { file = dir:file "long" } }:text(1000)
    assert.is_nil(text)
    assert.equal("limit.exceeded", err.code)
    text, err = message.new { data = {} }:text()
    assert.is_nil(text)
    assert.equal("transform.invalid", err.code)
    text, err = message.new { body = { file = dir:file "none" } }:text()
    assert.is_nil(text)
    assert.equal("file.not_found", err.code)
  end)
end)
